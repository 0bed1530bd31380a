/* bytes: a token per byte, its id the byte. Documents are separated by 0x00, which text has not. */
#include "tokenizer/kind.h"

static lm_status open_bytes(lm_tokenizer *t, lm_error *err) {
    (void)err;
    t->vocab_size = 256;
    t->document_token = 0;
    t->end_token = 0;
    t->separates = true;
    return LM_OK;
}

static lm_status encode(lm_encoder *e, const char *text, size_t size, bool rest,
                        lm_token_list *tokens, lm_error *err) {
    (void)e, (void)rest;
    lm_status status = lm_token_list_reserve(tokens, size, err);
    if (status != LM_OK) return status;
    for (size_t i = 0; i < size; i++) tokens->ids[tokens->count++] = (unsigned char)text[i];
    return LM_OK;
}

static size_t cut(const lm_tokenizer *t, const char *text, size_t size, size_t at, size_t limit) {
    (void)t, (void)text, (void)size, (void)at;
    return limit;
}

static void decode(const lm_tokenizer *t, int32_t id, lm_text *out) {
    (void)t;
    unsigned char byte = (unsigned char)id;
    lm_text_append(out, &byte, 1);
}

const lm_tokenizer_row lm_tokenizer_bytes = {
    .name = "bytes",
    .open = open_bytes,
    .encode = encode,
    .cut = cut,
    .decode = decode,
};
