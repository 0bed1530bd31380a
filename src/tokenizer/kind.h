/* Inside the room: what a kind of tokenizer is. A new kind is a file that defines one of these, its
 * line below and its row in tokenizer.c; commands, config and errors learn of it from there. */
#ifndef LM_TOKENIZER_KIND_H
#define LM_TOKENIZER_KIND_H

#include "tokenizer/tokenizer.h"

typedef struct lm_tokenizer_row {
    const char *name;
    /* Fills vocab_size, separator, bytes_per_token and, where the kind has any, state. After an
     * error close is called all the same. */
    lm_status (*open)(lm_tokenizer *t, lm_error *err);
    void (*close)(lm_tokenizer *t); /* frees state; NULL: there is nothing to free */
    /* Make and free e->state, what an encoder keeps from piece to piece; both NULL: nothing. */
    lm_status (*encoder_open)(lm_encoder *e, lm_error *err);
    void (*encoder_close)(lm_encoder *e);
    /* Appends ids. `last`: the document ends with this piece, whose size may be 0, so that nothing
     * is held back. */
    lm_status (*encode)(lm_encoder *e, const char *text, size_t size, bool last,
                        lm_token_list *tokens, lm_error *err);
    void (*decode)(const lm_tokenizer *t, int32_t id, lm_text *out); /* 0 <= id < vocab_size */
} lm_tokenizer_row;

struct lm_tokenizer {
    const lm_tokenizer_row *kind;
    int64_t vocab_size;
    int32_t separator;
    double bytes_per_token;
    void *state; /* what the kind keeps per tokenizer */
};

struct lm_encoder {
    const lm_tokenizer *tokenizer;
    void *state; /* what the kind keeps per encoder */
};

/* lm_tokenizer_open with its row found already. */
lm_status lm_tokenizer_open_kind(lm_tokenizer **t, const lm_tokenizer_row *kind, lm_error *err);

extern const lm_tokenizer_row lm_tokenizer_bytes;

#endif
