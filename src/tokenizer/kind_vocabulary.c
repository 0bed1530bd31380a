/* bpe and chars: encoding by a vocabulary (vocabulary.h). Added tokens are found first, those that
 * are not normalized before the others; what lies between them is encoded by byte-pair encoding
 * (bpe.h) or character by character (chars.h). */
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/added.h"
#include "tokenizer/chars.h"
#include "tokenizer/kind.h"
#include "tokenizer/names.h"
#include "tokenizer/normal_form.h"

enum { SETS = 2 }; /* added tokens: not normalized, normalized */

/* What an encoder keeps. */
typedef struct encoder_state {
    lm_bpe_worker *worker;
    lm_text normal; /* the text at hand, normalized */
} encoder_state;

typedef struct bpe_state {
    lm_vocabulary vocabulary;
    lm_bpe *bpe;     /* NULL for characters */
    lm_chars *chars; /* NULL for all others */
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

/* What is found in text must be found by its text alone; where spaces are replaced, a token that is
 * normalized would have to be normalized as well. */
static lm_status check_added(const lm_vocabulary *v, bool allow_special, lm_error *err) {
    for (int64_t i = 0; i < v->n_added; i++) {
        const lm_added_token *a = &v->added[i];
        size_t size;
        const unsigned char *text = lm_vocabulary_added_text(v, i, &size);
        const char *what = a->single_word ? "single_word"
                           : a->lstrip    ? "lstrip"
                           : a->rstrip    ? "rstrip"
                           : a->normalized && v->form == LM_FORM_SENTENCE
                               ? "normalized where spaces are replaced"
                               : NULL;
        if (what && (allow_special || !a->special))
            return lm_error_set(err, LM_ERR_USAGE,
                                "the added token \"%.*s\" is %s, which lmtrain does not have",
                                (int)lm_size_min(size, 60), (const char *)text, what);
    }
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
    bool chars = v->form == LM_FORM_CHARACTERS;
    *t = (lm_tokenizer){.kind = chars ? &lm_tokenizer_chars : &lm_tokenizer_bpe,
                        .vocab_size = v->n_tokens,
                        .document_token = v->document_token,
                        .end_token = lm_vocabulary_end_of_text(v),
                        .begins = v->begins,
                        .state = s};
    s->vocabulary = *v;
    *v = (lm_vocabulary){0};
    if (s->vocabulary.nfc && (status = lm_normal_form_check(err)) != LM_OK) goto out;
    if ((status = check_added(&s->vocabulary, allow_special, err)) != LM_OK) goto out;
    if ((status = mark_special(s, err)) != LM_OK) goto out;
    status = chars ? lm_chars_create(&s->chars, &s->vocabulary, err)
                   : lm_bpe_create_from(&s->bpe, &s->vocabulary, err);
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

static void close_vocabulary(lm_tokenizer *t) {
    bpe_state *s = t->state;
    for (int i = 0; i < SETS; i++) lm_added_set_free(&s->sets[i]);
    lm_bpe_free(s->bpe);
    lm_chars_free(s->chars);
    free(s->special);
    lm_vocabulary_free(&s->vocabulary);
    free(s);
}

static lm_status encoder_open(lm_encoder *e, lm_error *err) {
    const bpe_state *s = e->tokenizer->state;
    encoder_state *own = e->state = calloc(1, sizeof *own);
    if (!own) return lm_error_no_memory(err, "a tokenizer");
    return s->bpe ? lm_bpe_worker_create(&own->worker, err) : LM_OK;
}

static void encoder_close(lm_encoder *e) {
    encoder_state *own = e->state;
    if (!own) return;
    lm_bpe_worker_free(own->worker);
    lm_text_free(&own->normal);
    free(own);
}

/* Text without added tokens. */
static lm_status encode_text(lm_encoder *e, const unsigned char *text, size_t size,
                             lm_token_list *tokens, lm_error *err) {
    const bpe_state *s = e->tokenizer->state;
    encoder_state *own = e->state;
    if (s->chars) return lm_chars_encode(s->chars, text, size, tokens, err);
    lm_status status = lm_token_list_reserve(tokens, size + LM_BPE_SLACK, err);
    if (status != LM_OK) return status;
    int64_t n = lm_bpe_encode(s->bpe, own->worker, text, size, tokens->ids + tokens->count);
    if (n == LM_BPE_LACKS)
        return lm_error_set(err, LM_ERR_USAGE,
                            "the text has the byte 0x%02X, for which this tokenizer has no token",
                            (unsigned)lm_bpe_lacking(s->bpe, text, size));
    if (n == LM_BPE_GAVE_UP)
        return lm_error_set(err, LM_ERR_USAGE,
                            "the text beginning \"%.*s\": a match of the tokenizer's pattern takes"
                            " more than the %d steps that it may take",
                            (int)lm_size_min(size, 60), (const char *)text, LM_PATTERN_STEPS);
    if (n < 0) return lm_error_no_memory(err, "a very long piece of text");
    tokens->count += n;
    return LM_OK;
}

/* Text between added tokens that are not normalized. */
typedef struct stretch {
    const unsigned char *text;
    size_t size;
    bool first; /* the document begins with it */
    bool rest;  /* it begins at a cut */
} stretch;

/* With spaces for what stands for a space, and one in front where the vocabulary wants it. */
static void set_spaces(const lm_vocabulary *v, const stretch *s, lm_text *out) {
    size_t from = 0;
    bool has = s->text[0] == ' ' || (s->size >= 3 && memcmp(s->text, LM_NAME_SPACE, 3) == 0);
    bool wants = v->prefix == LM_PREFIX_EACH || (v->prefix == LM_PREFIX_MISSING && !has) ||
                 (v->prefix == LM_PREFIX_FIRST && !has && s->first);
    if (wants && !s->rest) lm_text_append(out, " ", 1);
    for (const unsigned char *p; from < s->size;) {
        p = memmem(s->text + from, s->size - from, LM_NAME_SPACE, 3);
        size_t to = p ? (size_t)(p - s->text) : s->size;
        lm_text_append(out, s->text + from, to - from);
        if (p) lm_text_append(out, " ", 1);
        from = to + 3;
    }
}

/* What tokens that are normalized are found in: the stretch itself, or own->normal. */
static lm_status normalize(const lm_vocabulary *v, lm_text *normal, stretch *s, lm_error *err) {
    bool sentence = v->form == LM_FORM_SENTENCE;
    lm_status status = LM_OK;
    if (!sentence && (!v->nfc || lm_normal_form_quick(s->text, s->size))) return LM_OK;
    normal->length = 0;
    if (sentence)
        set_spaces(v, s, normal);
    else
        status = lm_normal_form_append(s->text, s->size, normal, err);
    if (normal->failed) status = lm_error_no_memory(err, "text to encode");
    s->text = (const unsigned char *)lm_text_cstr(normal);
    s->size = normal->length;
    return status;
}

static lm_status put_id(lm_token_list *tokens, int32_t id, lm_error *err) {
    lm_status status = lm_token_list_reserve(tokens, 1, err);
    if (status == LM_OK) tokens->ids[tokens->count++] = id;
    return status;
}

static lm_status encode_stretch(lm_encoder *e, stretch s, lm_token_list *tokens, lm_error *err) {
    const bpe_state *own = e->tokenizer->state;
    if (s.size == 0) return LM_OK;
    lm_status status = normalize(&own->vocabulary, &((encoder_state *)e->state)->normal, &s, err);
    for (size_t at = 0, begin, length; at < s.size && status == LM_OK; at = begin + length) {
        int32_t id;
        if (!lm_added_set_find(&own->sets[1], s.text, s.size, at, &begin, &length, &id))
            return encode_text(e, s.text + at, s.size - at, tokens, err);
        status = encode_text(e, s.text + at, begin - at, tokens, err);
        if (status == LM_OK) status = put_id(tokens, id, err);
    }
    return status;
}

static lm_status encode(lm_encoder *e, const char *text, size_t size, bool rest,
                        lm_token_list *tokens, lm_error *err) {
    const bpe_state *own = e->tokenizer->state;
    const unsigned char *p = (const unsigned char *)text;
    lm_status status = LM_OK;
    for (size_t at = 0, begin, length; at < size && status == LM_OK; at = begin + length) {
        int32_t id;
        bool found = lm_added_set_find(&own->sets[0], p, size, at, &begin, &length, &id);
        const stretch s = {p + at, (found ? begin : size) - at, !rest && at == 0, rest && at == 0};
        status = encode_stretch(e, s, tokens, err);
        if (!found || status != LM_OK) return status;
        status = put_id(tokens, id, err);
    }
    return status;
}

static size_t cut_text(const bpe_state *s, const unsigned char *text, size_t size, size_t at,
                       size_t limit) {
    if (s->bpe) return lm_bpe_cut(s->bpe, text, size, at, limit);
    while (limit > at && (limit == size || (text[limit] & 0xC0) == 0x80)) limit--;
    return limit;
}

/* Where pieces may be cut and no added token is or ends. */
static size_t cut(const lm_tokenizer *t, const char *text, size_t size, size_t at, size_t limit) {
    const bpe_state *s = t->state;
    const unsigned char *p = (const unsigned char *)text;
    size_t longest = lm_size_max(lm_size_max(s->sets[0].longest, s->sets[1].longest), 1);
    if (size < longest) return at;
    limit = lm_size_min(limit, size - (longest - 1));
    while (limit > at) {
        size_t i = cut_text(s, p, size, at, limit);
        bool crossed = lm_added_set_reaches(&s->sets[0], p, size, i) ||
                       lm_added_set_reaches(&s->sets[1], p, size, i);
        if (i == at || !crossed) return i;
        limit = i - 1;
    }
    return at;
}

/* An added token is a piece, and ends the one before it. Where a space is put in front of texts, a
 * part of a text has other ids alone. */
static size_t piece(const lm_tokenizer *t, const char *text, size_t size, size_t at) {
    const bpe_state *s = t->state;
    const unsigned char *p = (const unsigned char *)text;
    size_t begin, length;
    int32_t id;
    if (s->vocabulary.form == LM_FORM_SENTENCE) return size;
    for (int i = 0; i < SETS; i++) {
        if (!lm_added_set_find(&s->sets[i], p, size, at, &begin, &length, &id)) continue;
        if (begin == at) return at + length;
        size = begin;
    }
    if (s->chars) return size;
    return lm_bpe_piece(s->bpe, p, size, at);
}

static void decode(const lm_tokenizer *t, int32_t id, lm_text *out) {
    const bpe_state *s = t->state;
    lm_vocabulary_decode(&s->vocabulary, id, out);
}

static int64_t text_bytes(const lm_tokenizer *t, int32_t id) {
    const bpe_state *s = t->state;
    return s->special[id] ? 0 : s->vocabulary.tokens[id].size;
}

static bool strips(const lm_tokenizer *t) {
    const bpe_state *s = t->state;
    return s->vocabulary.strip;
}

static const lm_vocabulary *vocabulary(const lm_tokenizer *t) {
    const bpe_state *s = t->state;
    return &s->vocabulary;
}

#define OF_A_VOCABULARY                                                                      \
    .close = close_vocabulary, .encoder_open = encoder_open, .encoder_close = encoder_close, \
    .encode = encode, .cut = cut, .piece = piece, .decode = decode, .strips = strips,        \
    .text_bytes = text_bytes, .vocabulary = vocabulary

const lm_tokenizer_row lm_tokenizer_chars = {.name = "chars", OF_A_VOCABULARY};
const lm_tokenizer_row lm_tokenizer_bpe = {.name = "bpe", OF_A_VOCABULARY};
