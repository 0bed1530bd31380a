#include "tokenizer/gguf_splits.h"

#include <string.h>

#define UPPERS "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWERS "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define TAIL   "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* llama.cpp writes o200k's classes of letters as [^a-z] and [^A-Z] (tests/interop/exported_ids.py
 * proves that this is all that differs). */
#define BEYOND_ASCII                                                                         \
    "llama.cpp takes a letter beyond ASCII for a capital and a small one, and marks for no " \
    "letters,"                                                                               \
    " where it splits text: words such as \u00C9TAT, and scripts with marks, have other ids there"

/* The first of several names for one split is the one that is written. (llama.cpp,
 * src/llama-vocab.cpp) */
static const lm_gguf_split splits[] = {
    {.pre = "gpt-2", .split = "gpt2"},
    {.pre = "phi-2", .split = "gpt2"},
    {.pre = "mpt", .split = "gpt2"},
    {.pre = "olmo", .split = "gpt2"},
    {.pre = "jais", .split = "gpt2"},
    {.pre = "trillion", .split = "gpt2"},
    {.pre = "granite-docling", .split = "gpt2"},
    {.pre = "gigachat", .split = "gpt2"},
    {.pre = "exaone4", .split = "gpt2"},
    {.pre = "smollm", .split = "digits"},
    {.pre = "starcoder", .split = "digits"},
    {.pre = "refact", .split = "digits"},
    {.pre = "command-r", .split = "digits"},
    {.pre = "codeshell", .split = "digits"},
    {.pre = "exaone", .split = "digits"},
    {.pre = "minerva-7b", .split = "digits"},
    {.pre = "llama-bpe", .split = "llama3", .whole_first = true, .begins = true},
    {.pre = "llama3", .split = "llama3", .whole_first = true, .begins = true},
    {.pre = "llama-v3", .split = "llama3", .whole_first = true, .begins = true},
    {.pre = "falcon3", .split = "llama3", .whole_first = true, .begins = true},
    {.pre = "falcon-h1", .split = "llama3", .whole_first = true, .begins = true},
    {.pre = "pixtral", .split = "llama3", .whole_first = true, .begins = true},
    {.pre = "lfm2", .split = "llama3", .whole_first = true, .begins = true},
    {.pre = "smaug-bpe", .split = "llama3"},
    {.pre = "dbrx", .split = "llama3"},
    {.pre = "glm4", .split = "llama3"},
    {.pre = "chatglm-bpe", .split = "llama3"},
    {.pre = "qwen2", .split = "qwen2"},
    {.pre = "deepseek-r1-qwen", .split = "qwen2"},
    {.pre = "stablelm2", .split = "qwen2"},
    {.pre = "megrez", .split = "qwen2"},
    {.pre = "hunyuan", .split = "qwen2"},
    {.pre = "gpt-4o", .split = "o200k", .differs = BEYOND_ASCII},
    {.pre = "llama4", .split = "o200k", .differs = BEYOND_ASCII},
    {.pre = "qwen35",
     .patterns = {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                  "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" TAIL}},
    {.pre = "tekken",
     .patterns = {"[^\\r\\n\\p{L}\\p{N}]?" UPPERS "*" LOWERS "+|[^\\r\\n\\p{L}\\p{N}]?" UPPERS
                  "+" LOWERS "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" TAIL},
     .whole_first = true,
     .begins = true,
     .differs = BEYOND_ASCII},
    {.pre = "deepseek-v3",
     .patterns = {"\\p{N}{1,3}", "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
                  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
                  "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
                  "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"}},
    {.pre = "falcon",
     .patterns = {"[\\p{P}\\$\\+<=>\\^~\\|`]+",
                  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
                  "[0-9][0-9][0-9]"}},
    {.pre = "deepseek-coder",
     .patterns = {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+",
                  "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", "\\p{N}"}},
};
enum { COUNT = sizeof splits / sizeof *splits };

const lm_gguf_split *lm_gguf_split_find(const char *pre, size_t size) {
    for (int i = 0; i < COUNT; i++)
        if (strlen(splits[i].pre) == size && memcmp(splits[i].pre, pre, size) == 0)
            return &splits[i];
    return NULL;
}

static bool is_split_of(const lm_gguf_split *s, const lm_vocabulary *v) {
    int n = 0;
    if (s->split || v->split) return s->split && v->split && strcmp(s->split, v->split->name) == 0;
    for (; s->patterns[n]; n++)
        if (n >= v->n_patterns || strcmp(s->patterns[n], v->patterns[n]) != 0) return false;
    return n == v->n_patterns;
}

const lm_gguf_split *lm_gguf_split_of(const lm_vocabulary *v, bool matters) {
    for (int i = 0; i < COUNT; i++)
        if (is_split_of(&splits[i], v) && (!matters || splits[i].whole_first == v->whole_first))
            return &splits[i];
    return NULL;
}
