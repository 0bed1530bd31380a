#include "tokenizer/split.h"

#include <string.h>

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define TAIL         "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define UPPERS       "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWERS       "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"

static const lm_split splits[] = {
    {"gpt2",
     lm_scan_gpt2,
     NULL,
     {LM_SPLIT_BYTE_LEVEL,
      "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"}},
    {"digits", lm_scan_digits, NULL, {0}},
    {"cl100k",
     lm_scan_cl100k,
     /* tiktoken's own has {1,3}+ and $, which mean something else to Hugging Face's engine. */
     "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}"
     "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++\\z|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
     {0}},
    {"llama3",
     lm_scan_llama3,
     CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" TAIL,
     {"'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}"
      "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"}},
    {"qwen2",
     lm_scan_qwen2,
     CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" TAIL,
     {0}},
    {"o200k",
     lm_scan_o200k,
     "[^\\r\\n\\p{L}\\p{N}]?" UPPERS "*" LOWERS "+" CONTRACTIONS "?|[^\\r\\n\\p{L}\\p{N}]?" UPPERS
     "+" LOWERS "*" CONTRACTIONS "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" TAIL,
     {0}},
};
enum { COUNT = sizeof splits / sizeof *splits };

const lm_split *lm_split_at(int i) {
    return i >= 0 && i < COUNT ? &splits[i] : NULL;
}

const char *lm_split_name(int i) {
    return i >= 0 && i < COUNT ? splits[i].name : NULL;
}

const lm_split *lm_split_find(const char *name) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(splits[i].name, name) == 0) return &splits[i];
    return NULL;
}

const lm_split *lm_split_of_pattern(const char *pattern) {
    for (int i = 0; i < COUNT; i++) {
        if (splits[i].pattern && strcmp(splits[i].pattern, pattern) == 0) return &splits[i];
        for (int j = 0; j < 4 && splits[i].also[j]; j++)
            if (strcmp(splits[i].also[j], pattern) == 0) return &splits[i];
    }
    return NULL;
}
