/* Inside the room: what a kind of tokenizer is. A new kind is a file that defines one of these, its
 * line below and its row in tokenizer.c; commands, config and errors learn of it from there. */
#ifndef LM_TOKENIZER_KIND_H
#define LM_TOKENIZER_KIND_H

#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

typedef struct lm_encoder lm_encoder;

typedef struct lm_tokenizer_row {
    const char *name;
    /* Fills vocab_size, document_token, end_token, separates and, where the kind has any, state.
     * After an error close is called all the same. NULL: the kind is read from a file (load.h). */
    lm_status (*open)(lm_tokenizer *t, lm_error *err);
    void (*close)(lm_tokenizer *t); /* frees state; NULL: there is nothing to free */
    /* Make and free e->state, what an encoder needs of its own; both NULL: nothing. */
    lm_status (*encoder_open)(lm_encoder *e, lm_error *err);
    void (*encoder_close)(lm_encoder *e);
    /* Appends the ids of a text that begins and ends at a document's ends or at cuts; `rest`: it
     * begins at a cut. */
    lm_status (*encode)(lm_encoder *e, const char *text, size_t size, bool rest,
                        lm_token_list *tokens, lm_error *err);
    /* The last place in (at, limit] where the text may be cut: the ids of both parts together are
     * those of the whole, whatever stands behind `size`. at: there is none. limit <= size. */
    size_t (*cut)(const lm_tokenizer *t, const char *text, size_t size, size_t at, size_t limit);
    /* The end of the piece that begins at `at` < size; NULL: text is not split. */
    size_t (*piece)(const lm_tokenizer *t, const char *text, size_t size, size_t at);
    void (*decode)(const lm_tokenizer *t, int32_t id, lm_text *out); /* 0 <= id < vocab_size */
    /* Is a space at the start of a decoded text left off? NULL: no. */
    bool (*strips)(const lm_tokenizer *t);
    /* Bytes of text that it stands for, likewise; NULL: 1. */
    int64_t (*text_bytes)(const lm_tokenizer *t, int32_t id);
    /* What its file holds (lm_vocabulary_save); NULL: its name says everything. */
    const lm_vocabulary *(*vocabulary)(const lm_tokenizer *t);
} lm_tokenizer_row;

struct lm_tokenizer {
    const lm_tokenizer_row *kind;
    int64_t vocab_size;
    int32_t document_token; /* -1: none */
    int32_t end_token;      /* -1: none */
    bool begins;            /* its file puts the document token in front of every text */
    bool separates;         /* the document token stands between documents, not in front of them */
    void *state;            /* what the kind keeps per tokenizer */
};

/* What encodes on one thread. */
struct lm_encoder {
    const lm_tokenizer *tokenizer;
    void *state; /* of the kind */
};
lm_status lm_encoder_open(lm_encoder **e, const lm_tokenizer *t, lm_error *err);
void lm_encoder_close(lm_encoder *e); /* NULL is fine */

/* lm_tokenizer_open with its row found already. */
lm_status lm_tokenizer_open_kind(lm_tokenizer **t, const lm_tokenizer_row *kind, lm_error *err);
/* *v: what the tokenizer is made of. A kind that has no file gets *made, which is empty before and
 * which lm_vocabulary_free frees. */
lm_status lm_tokenizer_vocabulary(const lm_tokenizer *t, lm_vocabulary *made,
                                  const lm_vocabulary **v, lm_error *err);
/* Of kind bpe or chars. Takes the vocabulary over, after an error too. */
lm_status lm_tokenizer_open_vocabulary(lm_tokenizer **t, lm_vocabulary *v, bool allow_special,
                                       lm_error *err);

extern const lm_tokenizer_row lm_tokenizer_bytes, lm_tokenizer_chars, lm_tokenizer_bpe;

#endif
