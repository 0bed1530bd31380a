/* The forward pass of the newest tokens alone: older tokens are met in attention only, which finds
 * their keys and values in a cache. */
#include <stdlib.h>
#include <string.h>

#include "model/generate.h"
#include "model/pass.h"

struct lm_decoder {
    lm_model *m;
    lm_arena arena;
    lm_buffers buffers; /* of LM_DECODE_TOKENS tokens */
    int64_t length;     /* tokens in the cache */
    int64_t document;   /* where the newest token's document begins */
    int32_t *tokens;    /* [T] those in the cache */
    float *cache;       /* pass.h */
    float *logits;      /* [V] */
};

static void take_pieces(lm_decoder *d, lm_arena *arena) {
    const lm_model_options *o = &d->m->o;
    int64_t row = 2 * o->n_kv_heads * lm_model_head_size(o);
    d->tokens = lm_arena_array(arena, o->context_length, 1, sizeof *d->tokens);
    /* a product of two sizes fits 64 bits (options.c) */
    d->cache = lm_arena_array(arena, o->n_layers * o->context_length, row, sizeof *d->cache);
    d->logits = lm_arena_floats(arena, o->vocab_size);
    lm_buffers_take(&d->buffers, arena);
}

lm_status lm_decoder_create(lm_decoder **decoder, lm_model *model, lm_error *err) {
    lm_arena measure = lm_arena_measuring();
    *decoder = NULL;
    lm_decoder *d = calloc(1, sizeof *d);
    if (!d) return lm_error_no_memory(err, NULL);
    d->m = model;
    bool fits = lm_buffers_size(&d->buffers, &model->o, 1, LM_FOR_DECODING, LM_FP32);
    take_pieces(d, &measure);
    lm_status status = LM_OK;
    if (!fits || measure.used == SIZE_MAX)
        status = lm_error_set(err, LM_ERR_USAGE, "the key/value cache does not fit 64 bits");
    else
        status = lm_arena_init(&d->arena, measure.used, "the key/value cache", err);
    if (status != LM_OK) {
        lm_decoder_free(d);
        return status;
    }
    take_pieces(d, &d->arena);
    *decoder = d;
    return LM_OK;
}

void lm_decoder_free(lm_decoder *d) {
    if (!d) return;
    lm_arena_free(&d->arena);
    free(d);
}

/* Puts n more tokens into the cache, at most LM_DECODE_TOKENS, for which there is room. */
static pass feed(lm_decoder *d, const int32_t *tokens, int64_t n) {
    const lm_model_options *o = &d->m->o;
    pass p = {.m = d->m,
              .buffers = &d->buffers,
              .tokens = tokens,
              .batch = 1,
              .time = n,
              .rows = n,
              .position = d->length,
              .cache = d->cache};
    for (int64_t i = 0; i < n && o->document_mask; i++) {
        if (tokens[i] == o->document_token) d->document = d->length + i;
        documents(&p)[i] = (int32_t)d->document;
    }
    lm_pass_forward(&p);
    memmove(d->tokens + d->length, tokens, (size_t)n * sizeof *tokens);
    d->length += n;
    return p;
}

/* Keeps the newest half of a full context: their positions change, so they are fed again. */
static void start_over(lm_decoder *d) {
    int64_t kept = d->length / 2;
    const int32_t *newest = d->tokens + (d->length - kept);
    d->length = d->document = 0;
    for (int64_t i = 0; i < kept; i += LM_DECODE_TOKENS) /* writes below `newest` */
        feed(d, newest + i, lm_min(kept - i, LM_DECODE_TOKENS));
}

const float *lm_decoder_feed(lm_decoder *d, const int32_t *tokens, int64_t n) {
    const lm_model_options *o = &d->m->o;
    pass p = {0};
    LM_ASSERT(n > 0);
    for (int64_t i = 0; i < n; i++) LM_ASSERT(tokens[i] >= 0 && tokens[i] < o->vocab_size);
    while (n > 0) {
        if (d->length == o->context_length) start_over(d);
        int64_t some = lm_min(lm_min(n, LM_DECODE_TOKENS), o->context_length - d->length);
        p = feed(d, tokens, some);
        tokens += some;
        n -= some;
    }
    lm_pass_logits(&p, d->logits);
    return d->logits;
}

const float *lm_decoder_next(lm_decoder *d, int32_t token) {
    return lm_decoder_feed(d, &token, 1);
}
