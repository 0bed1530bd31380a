#include "nn/embedding.h"

#include <string.h>

#include "base/error.h"
#include "nn/tasks.h"

/* A backward task owns at least so many columns: 4 cache lines of each row. */
enum { MIN_COLUMNS = 64 };

typedef struct job {
    const lm_kernels *kernels;
    const lm_embedding *e;
    int64_t chunk; /* token rows (forward) or columns (backward) per task */
    const float *w, *positions;
    float *y;        /* [B*T, C] */
    const float *dy; /* [B*T, C] */
    float *dw, *dpositions;
    const lm_embedding_rows *rows; /* NULL: dw is a row per token of the vocabulary */
} job;

static int64_t token_at(const lm_embedding *e, int64_t b, int64_t t) {
    int32_t token = e->tokens[b * e->tokens_row + t];
    LM_ASSERT(token >= 0);
    return token;
}

/* Counted from the beginning of the token's document. */
static int64_t position_at(const lm_embedding *e, int64_t b, int64_t t) {
    return e->first_position + t - (e->documents ? e->documents[b * e->time + t] : 0);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_embedding *e = j->e;
    int64_t c = e->channels, begin = task * j->chunk;
    int64_t end = lm_min(begin + j->chunk, e->batch * e->time);
    (void)worker;
    for (int64_t row = begin; row < end; row++) {
        int64_t b = row / e->time, t = row % e->time;
        float *y = j->y + row * c;
        memcpy(y, j->w + token_at(e, b, t) * c, (size_t)c * sizeof *y);
        if (j->positions) j->kernels->add_f32(c, j->positions + position_at(e, b, t) * c, y);
    }
}

void lm_embedding_forward(const lm_compute *compute, const lm_embedding *e, const float *w,
                          const float *positions, float *y) {
    job j = {.kernels = compute->kernels,
             .e = e,
             .chunk = lm_task_rows(compute, e->batch * e->time, e->channels),
             .w = w,
             .positions = positions,
             .y = y};
    lm_pool_run(compute->pool, lm_divide_up(e->batch * e->time, j.chunk), forward_task, &j);
}

/* Row of dw. */
static int64_t row_at(const job *j, int64_t b, int64_t t) {
    int64_t token = token_at(j->e, b, t);
    return j->rows ? j->rows->row_of[token] - 1 : token;
}

/* Every task walks all tokens in rising order and owns some columns, so that a row of W adds up in
 * the same order whatever the number of tasks. */
static void backward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_embedding *e = j->e;
    int64_t c = e->channels, column = task * j->chunk, n = lm_min(c - column, j->chunk);
    (void)worker;
    for (int64_t i = j->rows ? j->rows->begun : 0; j->rows && i < j->rows->count; i++)
        memset(j->dw + i * c + column, 0, (size_t)n * sizeof *j->dw);
    for (int64_t b = 0; b < e->batch; b++) {
        for (int64_t t = 0; t < e->time; t++) {
            const float *dy = j->dy + (b * e->time + t) * c + column;
            j->kernels->add_f32(n, dy, j->dw + row_at(j, b, t) * c + column);
            if (j->dpositions)
                j->kernels->add_f32(n, dy, j->dpositions + position_at(e, b, t) * c + column);
        }
    }
}

/* j: all but kernels, e and chunk. */
static void backward(const lm_compute *compute, const lm_embedding *e, job *j) {
    int64_t chunk = e->channels, tokens = e->batch * e->time;
    while (chunk > MIN_COLUMNS && chunk * tokens > LM_TASK_ELEMENTS) chunk = lm_divide_up(chunk, 2);
    j->kernels = compute->kernels;
    j->e = e;
    j->chunk = lm_round_up(chunk, 16);
    lm_pool_run(compute->pool, lm_divide_up(e->channels, j->chunk), backward_task, j);
}

void lm_embedding_backward(const lm_compute *compute, const lm_embedding *e, const float *dy,
                           float *dw, float *dpositions) {
    job j = {.dy = dy, .dw = dw, .dpositions = dpositions};
    backward(compute, e, &j);
}

/* ---- rows of the tokens that occur ----------------------------------------------------------- */
void lm_embedding_rows_take(lm_embedding_rows *r, lm_arena *arena, int64_t vocab, int64_t channels,
                            int64_t tokens) {
    *r = (lm_embedding_rows){.vocab = vocab, .channels = channels, .most = lm_min(vocab, tokens)};
    r->row_of = lm_arena_array(arena, vocab, 1, sizeof *r->row_of);
    r->token_of = lm_arena_array(arena, r->most, 1, sizeof *r->token_of);
    r->sums = lm_arena_array(arena, r->most, channels, sizeof *r->sums);
}

void lm_embedding_note(const lm_embedding *e, lm_embedding_rows *r) {
    LM_ASSERT(e->channels == r->channels);
    for (int64_t b = 0; b < e->batch; b++)
        for (int64_t t = 0; t < e->time; t++) {
            int64_t token = token_at(e, b, t);
            LM_ASSERT(token < r->vocab);
            if (r->row_of[token] > 0) continue;
            LM_ASSERT(r->count < r->most);
            r->token_of[r->count++] = (int32_t)token;
            r->row_of[token] = (int32_t)r->count;
        }
}

void lm_embedding_list(const lm_embedding_rows *r, int32_t *tokens) {
    for (int64_t v = 0, n = 0; n < r->count; v++)
        if (r->row_of[v] > 0) tokens[n++] = (int32_t)v;
}

void lm_embedding_backward_rows(const lm_compute *compute, const lm_embedding *e, const float *dy,
                                lm_embedding_rows *r, float *dpositions) {
    job j = {.dy = dy, .dw = r->sums, .dpositions = dpositions, .rows = r};
    lm_embedding_note(e, r);
    backward(compute, e, &j);
    r->begun = r->count;
}

typedef struct add_job {
    const lm_kernels *kernels;
    const lm_embedding_rows *rows;
    int64_t chunk; /* rows per task */
    float *dw;
} add_job;

static void add_task(void *argument, int64_t task, int worker) {
    const add_job *j = argument;
    const lm_embedding_rows *r = j->rows;
    int64_t end = lm_min((task + 1) * j->chunk, r->count), c = r->channels;
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++)
        j->kernels->add_f32(c, r->sums + i * c, j->dw + r->token_of[i] * c);
}

void lm_embedding_add_rows(const lm_compute *compute, lm_embedding_rows *r, float *dw) {
    add_job j = {.kernels = compute->kernels,
                 .rows = r,
                 .chunk = lm_task_rows(compute, r->count, r->channels),
                 .dw = dw};
    lm_pool_run(compute->pool, lm_divide_up(r->count, j.chunk), add_task, &j);
    lm_embedding_clear_rows(r);
}

void lm_embedding_clear_rows(lm_embedding_rows *r) {
    for (int64_t i = 0; i < r->count; i++) r->row_of[r->token_of[i]] = 0;
    r->count = r->begun = 0;
}
