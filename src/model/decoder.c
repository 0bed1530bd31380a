/* Passes over the newest tokens alone: older ones are met in attention only, which finds their keys
 * and values in caches. */
#include <stdlib.h>
#include <string.h>

#include "model/generate.h"
#include "model/pass.h"
#include "ops/softmax_nll.h"

/* Linear layers in a layer at most, and the head. */
enum { MATRICES = 5 };

typedef struct sequence {
    int64_t length;   /* tokens in the cache */
    int64_t document; /* where the newest token's document begins */
    int32_t *tokens;  /* [capacity] those in the cache */
    float *cache;     /* pass.h */
    float *newest;    /* [C] likewise; NULL: the model does not smear */
} sequence;

struct lm_decoder {
    lm_model *m;
    lm_decoder_options how;
    lm_arena arena;
    lm_buffers buffers; /* of `rows` tokens */
    sequence *sequences;
    int32_t *tokens;    /* [rows] at hand */
    int32_t *targets;   /* [rows] theirs */
    pass_place *places; /* [rows] theirs */
    bool bf16;
    lm_bf16 *rounded;      /* the layers' rows, at bf16 */
    lm_bf16 *head;         /* [V, C] likewise */
    void *operand;         /* [rows, the widest input of a linear layer]: room for what it reads */
    float *logits;         /* [sequences, V] */
    void *block;           /* of the loss head */
    lm_linear_order order; /* in which tokens read the matrices */
};

/* ---- memory -----------------------------------------------------------------------------------*/

static int64_t cache_row(const lm_model_options *o) {
    return 2 * o->n_kv_heads * lm_model_head_size(o);
}

static void take_sequences(lm_decoder *d, lm_arena *arena) {
    const lm_model_options *o = &d->m->o;
    d->sequences = lm_arena_array(arena, d->how.sequences, 1, sizeof *d->sequences);
    for (int64_t i = 0; i < d->how.sequences; i++) {
        sequence s = {.tokens = lm_arena_array(arena, d->how.capacity, 1, sizeof *s.tokens),
                      .cache = lm_arena_array(arena, o->n_layers * d->how.capacity, cache_row(o),
                                              sizeof *s.cache)};
        if (o->smear) s.newest = lm_arena_floats(arena, o->d_model);
        if (arena->base) d->sequences[i] = s;
    }
}

static void take_pieces(lm_decoder *d, lm_arena *arena) {
    const lm_model_options *o = &d->m->o;
    int64_t rows = d->how.rows;
    int64_t widest = lm_max(lm_max(o->d_model, lm_model_att_size(o)), o->d_ff);
    take_sequences(d, arena);
    d->tokens = lm_arena_array(arena, rows, 1, sizeof *d->tokens);
    d->targets = lm_arena_array(arena, rows, 1, sizeof *d->targets);
    d->places = lm_arena_array(arena, rows, 1, sizeof *d->places);
    d->logits = lm_arena_array(arena, d->how.sequences, o->vocab_size, sizeof *d->logits);
    d->order.most = MATRICES * o->n_layers + 1;
    d->order.reads = lm_arena_array(arena, d->order.most, 1, sizeof *d->order.reads);
    d->operand =
        lm_arena_array(arena, lm_linear_room_rows(rows), lm_linear_room_row(widest), sizeof(float));
    if (d->how.scores) {
        size_t bytes =
            lm_softmax_nll_block_bytes(d->m->compute->precision, rows, o->d_model, o->vocab_size);
        d->block = lm_arena_take(arena, bytes);
    }
    if (d->bf16) {
        d->rounded = lm_arena_array(arena, o->n_layers, d->m->params.stride, sizeof *d->rounded);
        d->head = lm_arena_array(arena, o->vocab_size, o->d_model, sizeof *d->head);
    }
    lm_buffers_take(&d->buffers, arena);
}

static void round_weights(lm_decoder *d) {
    const lm_model *m = d->m;
    const lm_param_id head = m->o.tie_embeddings ? LM_P_WTE : LM_P_LM_HEAD;
    float *weights = lm_model_weights(d->m);
    if (!d->bf16) return;
    lm_array_operand(m->compute, m->params.stride * m->o.n_layers,
                     weights + lm_param_layers_begin(m), lm_array_bf16(d->rounded));
    lm_array_operand(m->compute, m->o.vocab_size * m->o.d_model, lm_param_at(m, weights, head, 0),
                     lm_array_bf16(d->head));
}

lm_status lm_decoder_create(lm_decoder **decoder, lm_model *model, const lm_decoder_options *how,
                            lm_error *err) {
    const lm_model_options *o = &model->o;
    lm_arena measure = lm_arena_measuring();
    *decoder = NULL;
    lm_decoder *d = calloc(1, sizeof *d);
    if (!d) return lm_error_no_memory(err, NULL);
    d->m = model;
    d->how = *how;
    if (d->how.sequences == 0) d->how.sequences = 1;
    if (d->how.capacity == 0) d->how.capacity = o->context_length;
    LM_ASSERT(d->how.capacity > 0 && d->how.capacity <= o->context_length);
    if (d->how.rows == 0) d->how.rows = LM_DECODE_TOKENS;
    d->how.rows = lm_max(d->how.rows, d->how.sequences);
    d->bf16 = model->compute->precision == LM_BF16;
    bool fits = lm_buffers_size(&d->buffers, o, d->how.rows, LM_FOR_DECODING, LM_FP32);
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
    round_weights(d);
    *decoder = d;
    return LM_OK;
}

void lm_decoder_free(lm_decoder *d) {
    if (!d) return;
    lm_arena_free(&d->arena);
    free(d);
}

/* ---- sequences --------------------------------------------------------------------------------*/

static sequence *at(const lm_decoder *d, int64_t i) {
    LM_ASSERT(i >= 0 && i < d->how.sequences);
    return &d->sequences[i];
}

int64_t lm_decoder_length(const lm_decoder *d, int64_t i) {
    return at(d, i)->length;
}

void lm_decoder_clear(lm_decoder *d, int64_t i) {
    at(d, i)->length = at(d, i)->document = 0;
}

void lm_decoder_copy(lm_decoder *d, int64_t from, int64_t to) {
    const lm_model_options *o = &d->m->o;
    const sequence *a = at(d, from);
    sequence *b = at(d, to);
    if (a == b) return;
    int64_t size = lm_model_head_size(o), each = d->how.capacity * size;
    memcpy(b->tokens, a->tokens, (size_t)a->length * sizeof *b->tokens);
    for (int64_t i = 0; i < o->n_layers * o->n_kv_heads * 2; i++)
        memcpy(b->cache + i * each, a->cache + i * each,
               (size_t)(a->length * size) * sizeof *b->cache);
    if (a->newest) memcpy(b->newest, a->newest, (size_t)o->d_model * sizeof *b->newest);
    b->length = a->length;
    b->document = a->document;
}

/* Appends one token to the tokens at hand, as number i. */
static void append(lm_decoder *d, int64_t i, int64_t number, int32_t token) {
    const lm_model_options *o = &d->m->o;
    sequence *s = at(d, number);
    LM_ASSERT(token >= 0 && token < o->vocab_size && s->length < d->how.capacity);
    int32_t *documents = (int32_t *)(void *)d->buffers.at[LM_B_DOCUMENTS];
    if (o->document_mask && token == o->document_token) s->document = s->length;
    if (o->document_mask) documents[i] = (int32_t)s->document;
    d->tokens[i] = token;
    d->places[i] = (pass_place){.cache = s->cache,
                                .position = s->length,
                                .token = s->tokens + s->length,
                                .newest = s->newest};
    s->tokens[s->length++] = token;
}

/* The first n tokens at hand. */
static pass forward(lm_decoder *d, int64_t n) {
    pass p = {.m = d->m,
              .buffers = &d->buffers,
              .tokens = d->tokens,
              .batch = n,
              .time = 1,
              .rows = n,
              .places = d->places,
              .capacity = d->how.capacity,
              .rounded = d->rounded,
              .head = d->head,
              .operand = d->operand,
              .order = &d->order};
    lm_linear_order_begin(&d->order);
    lm_pass_forward(&p);
    return p;
}

/* Tokens that fit; the pass is that of the last ones. */
static pass append_all(lm_decoder *d, int64_t number, const int32_t *tokens, int64_t n) {
    pass p = {0};
    for (int64_t done = 0; done < n;) {
        int64_t part = lm_min(n - done, d->how.rows);
        for (int64_t i = 0; i < part; i++) append(d, i, number, tokens[done + i]);
        p = forward(d, part);
        done += part;
    }
    return p;
}

/* Keeps the newest half of a full sequence: their positions change, so they are read again. */
static void start_over(lm_decoder *d, int64_t number) {
    sequence *s = at(d, number);
    int64_t kept = s->length / 2;
    const int32_t *newest = s->tokens + (s->length - kept);
    lm_decoder_clear(d, number);
    append_all(d, number, newest, kept); /* writes tokens[i], before newest */
}

const float *lm_decoder_feed(lm_decoder *d, int64_t number, const int32_t *tokens, int64_t n) {
    sequence *s = at(d, number);
    int64_t length = s->length, capacity = d->how.capacity;
    LM_ASSERT(n > 0);
    for (int64_t i = 0; i < n; i++) length = (length == capacity ? capacity / 2 : length) + 1;
    if (s->length + n > capacity) {
        /* What starting over, once or often, leaves: the last `length` of all. */
        int64_t old = lm_max(length - n, 0);
        const int32_t *kept = s->tokens + (s->length - old);
        lm_decoder_clear(d, number);
        append_all(d, number, kept, old);
        tokens += n - (length - old);
        n = length - old;
    }
    pass p = append_all(d, number, tokens, n);
    lm_pass_logits(&p, 1, d->logits);
    return d->logits;
}

const float *lm_decoder_step(lm_decoder *d, int64_t n, const int32_t *sequences,
                             const int32_t *tokens) {
    LM_ASSERT(n > 0 && n <= d->how.sequences);
    for (int64_t i = 0; i < n; i++)
        if (at(d, sequences[i])->length == d->how.capacity) start_over(d, sequences[i]);
    for (int64_t i = 0; i < n; i++) append(d, i, sequences[i], tokens[i]);
    pass p = forward(d, n);
    lm_pass_logits(&p, n, d->logits);
    return d->logits;
}

const float *lm_decoder_next(lm_decoder *d, int32_t token) {
    static const int32_t first = 0;
    return lm_decoder_step(d, 1, &first, &token);
}

void lm_decoder_score(lm_decoder *d, const lm_decoder_row *rows, int64_t n, float *losses) {
    LM_ASSERT(d->how.scores || !losses);
    for (int64_t done = 0; done < n;) {
        int64_t part = lm_min(n - done, d->how.rows);
        for (int64_t i = 0; i < part; i++) {
            append(d, i, rows[done + i].sequence, rows[done + i].token);
            d->targets[i] = rows[done + i].target;
        }
        pass p = forward(d, part);
        if (losses) lm_pass_losses(&p, d->targets, d->block, losses + done);
        done += part;
    }
}
