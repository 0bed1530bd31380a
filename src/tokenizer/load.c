#include "tokenizer/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"

/* In this order they are tried. */
static const lm_tokenizer_format *const formats[] = {
    &lm_tokenizer_format_hf,    &lm_tokenizer_format_chars,   &lm_tokenizer_format_gpt2,
    &lm_tokenizer_format_ranks, &lm_tokenizer_format_llama2c,
};
enum { COUNT = sizeof formats / sizeof *formats };

#define MOST_BYTES ((size_t)1 << 28)

int64_t lm_tokenizer_file_most_ids(const lm_tokenizer_file *f) {
    return lm_min(lm_max((int64_t)f->size, 1 << 16), LM_BPE_VOCAB_MOST);
}

static const char *format_name(int i) {
    return i < COUNT ? formats[i]->name : NULL;
}

static lm_status parse(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    lm_text known = {0};
    lm_status status = LM_OK;
    int i = 0;
    *v = (lm_vocabulary){.document_token = LM_DOCUMENT_UNSAID};
    while (i < COUNT && !formats[i]->probe(f)) i++;
    if (i == COUNT) {
        lm_text_list(&known, format_name);
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s: expected a tokenizer (%s), found something"
                              " else",
                              f->path, lm_text_cstr(&known));
        goto out;
    }
    if ((status = formats[i]->load(v, f, err)) != LM_OK) goto out;
    if (v->document_token == LM_DOCUMENT_UNSAID) v->document_token = lm_vocabulary_end_of_text(v);
out:
    if (status != LM_OK) lm_vocabulary_free(v);
    lm_text_free(&known);
    return status;
}

lm_status lm_vocabulary_parse(lm_vocabulary *v, const char *name, const char *text, size_t size,
                              lm_error *err) {
    const lm_tokenizer_file f = {.path = name, .text = text, .size = size};
    return parse(v, &f, err);
}

/* The tokenizer's file in a directory: *file malloc'd. */
static lm_status find_in(const char *directory, char **file, lm_error *err) {
    static const char *const names[] = {"tokenizer.json", "merges.txt", "vocab.bpe", "meta.pkl",
                                        "tokenizer.bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *file = lm_file_join(directory, names[i]);
        if (!*file) return lm_error_no_memory(err, directory);
        if (lm_file_exists(*file)) return LM_OK;
        free(*file);
    }
    *file = NULL;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: expected tokenizer.json, vocab.json and merges.txt, meta.pkl or"
                        " tokenizer.bin in this directory, found none of them",
                        directory);
}

lm_status lm_vocabulary_load(lm_vocabulary *v, const char *path, const lm_split *split,
                             lm_error *err) {
    lm_text text = {0};
    char *file = NULL;
    lm_status status = LM_OK;
    *v = (lm_vocabulary){0};
    if (lm_vocabulary_is_gguf(path)) return lm_vocabulary_load_gguf(v, path, split, err);
    if (lm_file_is_directory(path) && (status = find_in(path, &file, err)) != LM_OK) return status;
    const char *name = file ? file : path;
    if ((status = lm_file_read(name, MOST_BYTES, &text, err)) != LM_OK) goto out;
    const lm_tokenizer_file f = {
        .path = name, .text = lm_text_cstr(&text), .size = text.length, .split = split};
    status = parse(v, &f, err);
out:
    lm_text_free(&text);
    free(file);
    return status;
}
