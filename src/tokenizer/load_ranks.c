/* tiktoken's rank files: a line per token, its bytes in base64, a space, its rank, which is its id.
 * They say neither how text is split nor which special tokens there are. */
#include <inttypes.h>
#include <string.h>

#include "tokenizer/load.h"

static int digit_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Appends the bytes of a base64 text (RFC 4648), padded; false when it is none. */
static bool decode(const char *text, size_t size, lm_text *out) {
    if (size == 0 || size % 4 != 0) return false;
    size_t padding = text[size - 1] != '=' ? 0 : text[size - 2] != '=' ? 1 : 2;
    for (size_t i = 0; i < size; i += 4) {
        uint32_t word = 0;
        size_t bytes = i + 4 == size ? 3 - padding : 3;
        for (size_t j = 0; j < 4; j++) {
            int digit = j <= bytes ? digit_of(text[i + j]) : 0;
            if (digit < 0) return false;
            word = word << 6 | (uint32_t)digit;
        }
        const char three[3] = {(char)(word >> 16), (char)(word >> 8), (char)word};
        lm_text_append(out, three, bytes);
    }
    return true;
}

/* "aGk= 123": the bytes go to *bytes; -1: it is no such line. */
static int64_t parse_line(const char *line, size_t size, int64_t most, lm_text *bytes) {
    const char *space = memchr(line, ' ', size);
    int64_t id = 0;
    bytes->length = 0;
    if (!space || !decode(line, (size_t)(space - line), bytes)) return -1;
    const char *p = space + 1, *end = line + size;
    if (p == end) return -1;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9') return -1;
        id = id * 10 + (*p - '0');
        if (id > most) return -1;
    }
    return id;
}

static size_t line_size(const char *line, const char *end) {
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    size_t n = (size_t)((newline ? newline : end) - line);
    return n > 0 && line[n - 1] == '\r' ? n - 1 : n;
}

static bool probe(const lm_tokenizer_file *f) {
    lm_text bytes = {0};
    size_t n = line_size(f->text, f->text + f->size);
    bool yes = parse_line(f->text, n, INT32_MAX, &bytes) >= 0;
    lm_text_free(&bytes);
    return yes;
}

/* ---- special tokens ---------------------------------------------------------------------------*/

/* Those of the encodings that are published as rank files, told by split and number of ids. */
static const struct {
    const char *split;
    int64_t ids;
    const char *text;
    int32_t id;
} specials[] = {
    {"gpt2", 50256, "<|endoftext|>", 50256},     /* gpt2, r50k_base */
    {"gpt2", 50281, "<|endoftext|>", 50256},     /* p50k_base: a hole among its ids */
    {"cl100k", 100256, "<|endoftext|>", 100257}, /* cl100k_base */
    {"cl100k", 100256, "<|fim_prefix|>", 100258},  {"cl100k", 100256, "<|fim_middle|>", 100259},
    {"cl100k", 100256, "<|fim_suffix|>", 100260},  {"cl100k", 100256, "<|endofprompt|>", 100276},
    {"o200k", 199998, "<|endoftext|>", 199999}, /* o200k_base */
    {"o200k", 199998, "<|endofprompt|>", 200018},  {"llama3", 128000, "<|begin_of_text|>", 128000},
    {"llama3", 128000, "<|end_of_text|>", 128001}, {"qwen2", 151643, "<|endoftext|>", 151643},
    {"qwen2", 151643, "<|im_start|>", 151644},     {"qwen2", 151643, "<|im_end|>", 151645},
};

/* For a file that is none of these: an end of text behind the ids. */
static lm_status add_specials(lm_vocabulary *v, lm_error *err) {
    int64_t ids = v->n_tokens;
    bool any = false;
    lm_status status = LM_OK;
    for (size_t i = 0; i < sizeof specials / sizeof *specials && status == LM_OK; i++) {
        if (strcmp(specials[i].split, v->split->name) != 0 || specials[i].ids != ids) continue;
        any = true;
        status = lm_vocabulary_add(v, (lm_added_token){.id = specials[i].id, .special = true},
                                   specials[i].text, strlen(specials[i].text), err);
    }
    if (status != LM_OK || any) return status;
    return lm_vocabulary_add(v, (lm_added_token){.id = (int32_t)ids, .special = true},
                             "<|endoftext|>", 13, err);
}

/* ---- loading ----------------------------------------------------------------------------------*/

static lm_status check_split(const lm_tokenizer_file *f, lm_error *err) {
    lm_text names = {0};
    if (f->split) return LM_OK;
    lm_text_list(&names, lm_split_name);
    lm_error_set(
        err, LM_ERR_USAGE,
        "%s: a file of ranks does not say how text is split: add --pretokenizer, one of %s",
        f->path, lm_text_cstr(&names));
    lm_text_free(&names);
    return err->code;
}

static lm_status load(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    lm_text bytes = {0};
    lm_status status = check_split(f, err);
    if (status != LM_OK) return status;
    const char *line = f->text, *end = f->text + f->size;
    int64_t most = lm_tokenizer_file_most_ids(f) - 2; /* one stays for the end of text */
    v->split = f->split;
    v->by_ranks = true;
    for (int64_t number = 1; line < end && status == LM_OK; number++) {
        size_t n = line_size(line, end);
        int64_t id = parse_line(line, n, most, &bytes);
        if (id < 0) {
            status = lm_error_damaged(err,
                                      "%s:%" PRId64 ": expected base64, a space and a rank of at"
                                      " most %" PRId64 ", found \"%.*s\"",
                                      f->path, number, most, (int)(n < 60 ? n : 60), line);
            break;
        }
        status = lm_vocabulary_put(v, id, lm_text_cstr(&bytes), bytes.length, err);
        if (status != LM_OK) lm_error_prefix(err, "%s:%" PRId64, f->path, number);
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        line = newline ? newline + 1 : end;
    }
    if (status == LM_OK) status = add_specials(v, err);
    if (status == LM_OK && bytes.failed) status = lm_error_no_memory(err, f->path);
    lm_text_free(&bytes);
    return status;
}

const lm_tokenizer_format lm_tokenizer_format_ranks = {"tiktoken's ranks", probe, load};
