/* bpe: byte-level byte-pair encoding by a vocabulary (vocabulary.h). Added tokens are found first,
 * those that are not normalized before the others; what lies between them is encoded by the engine
 * (bpe.h). */
#include <stdlib.h>

#include "base/numbers.h"
#include "tokenizer/added.h"
#include "tokenizer/kind.h"
#include "tokenizer/normal_form.h"

enum { SETS = 2 }; /* added tokens: not normalized, normalized */

/* What an encoder keeps. */
typedef struct encoder_state {
    lm_bpe_worker *worker;
    lm_text normal; /* the text at hand in form C */
} encoder_state;

typedef struct bpe_state {
    lm_vocabulary vocabulary;
    lm_bpe *bpe;
    lm_added_set sets[SETS];
    unsigned char *special; /* [vocab_size]: 1 for special tokens */
} bpe_state;

static lm_status mark_special(bpe_state *s, lm_error *err) {
    const lm_vocabulary *v = &s->vocabulary;
    s->special = calloc((size_t)v->n_tokens + 1, 1);
    if (!s->special) return lm_error_no_memory(err, "a tokenizer");
    for (int64_t i = 0; i < v->n_added; i++) s->special[v->added[i].id] = v->added[i].special;
    return LM_OK;
}

lm_status lm_tokenizer_open_vocabulary(lm_tokenizer **out, lm_vocabulary *v, bool allow_special,
                                       lm_error *err) {
    lm_status status;
    *out = NULL;
    bpe_state *s = calloc(1, sizeof *s);
    lm_tokenizer *t = calloc(1, sizeof *t);
    if (!s || !t) {
        free(s);
        free(t);
        lm_vocabulary_free(v);
        return lm_error_no_memory(err, "a tokenizer");
    }
    *t = (lm_tokenizer){.kind = &lm_tokenizer_bpe,
                        .vocab_size = v->n_tokens,
                        .document_token = v->document_token,
                        .end_token = lm_vocabulary_end_of_text(v),
                        .state = s};
    s->vocabulary = *v;
    *v = (lm_vocabulary){0};
    if (s->vocabulary.nfc && (status = lm_normal_form_check(err)) != LM_OK) goto out;
    if ((status = mark_special(s, err)) != LM_OK) goto out;
    if ((status = lm_bpe_create_from(&s->bpe, &s->vocabulary, err)) != LM_OK) goto out;
    for (int i = 0; i < SETS && status == LM_OK; i++)
        status = lm_added_set_make(&s->sets[i], &s->vocabulary, i == 1, allow_special, err);
out:
    if (status != LM_OK) {
        lm_tokenizer_close(t);
    } else {
        *out = t;
    }
    return status;
}

static void close_bpe(lm_tokenizer *t) {
    bpe_state *s = t->state;
    for (int i = 0; i < SETS; i++) lm_added_set_free(&s->sets[i]);
    lm_bpe_free(s->bpe);
    free(s->special);
    lm_vocabulary_free(&s->vocabulary);
    free(s);
}

static lm_status encoder_open(lm_encoder *e, lm_error *err) {
    encoder_state *own = e->state = calloc(1, sizeof *own);
    if (!own) return lm_error_no_memory(err, "a tokenizer");
    return lm_bpe_worker_create(&own->worker, err);
}

static void encoder_close(lm_encoder *e) {
    encoder_state *own = e->state;
    if (!own) return;
    lm_bpe_worker_free(own->worker);
    lm_text_free(&own->normal);
    free(own);
}

/* Text in which the sets from number `set` on are still to be found. */
static lm_status encode_from(lm_encoder *e, int set, const unsigned char *text, size_t size,
                             lm_token_list *tokens, lm_error *err) {
    const bpe_state *s = e->tokenizer->state;
    encoder_state *own = e->state;
    lm_status status;
    /* Tokens that are not normalized are found in the text as it is, the others in its form C. */
    if (set == 1 && s->vocabulary.nfc && !lm_normal_form_quick(text, size)) {
        own->normal.length = 0;
        if ((status = lm_normal_form_append(text, size, &own->normal, err)) != LM_OK) return status;
        text = (const unsigned char *)lm_text_cstr(&own->normal);
        size = own->normal.length;
    }
    if (set == SETS) {
        if ((status = lm_token_list_reserve(tokens, size + LM_BPE_SLACK, err)) != LM_OK)
            return status;
        int64_t n = lm_bpe_encode(s->bpe, own->worker, text, size, tokens->ids + tokens->count);
        if (n < 0) return lm_error_no_memory(err, "a very long piece of text");
        tokens->count += n;
        return LM_OK;
    }
    for (size_t at = 0, begin, length; at < size; at = begin + length) {
        int32_t id;
        bool found = lm_added_set_find(&s->sets[set], text, size, at, &begin, &length, &id);
        if (!found) return encode_from(e, set + 1, text + at, size - at, tokens, err);
        status = encode_from(e, set + 1, text + at, begin - at, tokens, err);
        if (status == LM_OK) status = lm_token_list_reserve(tokens, 1, err);
        if (status != LM_OK) return status;
        tokens->ids[tokens->count++] = id;
    }
    return LM_OK;
}

static lm_status encode(lm_encoder *e, const char *text, size_t size, lm_token_list *tokens,
                        lm_error *err) {
    return encode_from(e, 0, (const unsigned char *)text, size, tokens, err);
}

/* Where pieces may be cut and no added token is. */
static size_t cut(const lm_tokenizer *t, const char *text, size_t size, size_t at, size_t limit) {
    const bpe_state *s = t->state;
    const unsigned char *p = (const unsigned char *)text;
    size_t longest = lm_size_max(lm_size_max(s->sets[0].longest, s->sets[1].longest), 1);
    if (size < longest) return at;
    limit = lm_size_min(limit, size - (longest - 1));
    while (limit > at) {
        size_t i = lm_scan_cut(p, size, at, limit);
        bool crossed = lm_added_set_crosses(&s->sets[0], p, size, i) ||
                       lm_added_set_crosses(&s->sets[1], p, size, i);
        if (i == at || !crossed) return i;
        limit = i - 1;
    }
    return at;
}

/* An added token is a piece, and ends the one before it. */
static size_t piece(const lm_tokenizer *t, const char *text, size_t size, size_t at) {
    const bpe_state *s = t->state;
    const unsigned char *p = (const unsigned char *)text;
    size_t end, begin, length;
    int32_t id;
    for (int i = 0; i < SETS; i++) {
        if (!lm_added_set_find(&s->sets[i], p, size, at, &begin, &length, &id)) continue;
        if (begin == at) return at + length;
        size = begin;
    }
    s->vocabulary.split->scan(p, size, at, &end, 1);
    return end;
}

static void decode(const lm_tokenizer *t, int32_t id, lm_text *out) {
    const bpe_state *s = t->state;
    size_t size;
    const unsigned char *bytes = lm_vocabulary_bytes(&s->vocabulary, id, &size);
    lm_text_append(out, bytes, size);
}

static int64_t text_bytes(const lm_tokenizer *t, int32_t id) {
    const bpe_state *s = t->state;
    return s->special[id] ? 0 : s->vocabulary.tokens[id].size;
}

static const lm_vocabulary *vocabulary(const lm_tokenizer *t) {
    const bpe_state *s = t->state;
    return &s->vocabulary;
}

const lm_tokenizer_row lm_tokenizer_bpe = {
    .name = "bpe",
    .close = close_bpe,
    .encoder_open = encoder_open,
    .encoder_close = encoder_close,
    .encode = encode,
    .cut = cut,
    .piece = piece,
    .decode = decode,
    .text_bytes = text_bytes,
    .vocabulary = vocabulary,
};
