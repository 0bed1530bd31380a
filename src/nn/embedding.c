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
             .chunk = lm_task_rows(e->channels),
             .w = w,
             .positions = positions,
             .y = y};
    lm_pool_run(compute->pool, lm_divide_up(e->batch * e->time, j.chunk), forward_task, &j);
}

/* Every task walks all tokens in rising order and owns some columns, so that a row of W adds up in
 * the same order whatever the number of tasks. */
static void backward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_embedding *e = j->e;
    int64_t c = e->channels, column = task * j->chunk, n = lm_min(c - column, j->chunk);
    (void)worker;
    for (int64_t b = 0; b < e->batch; b++) {
        for (int64_t t = 0; t < e->time; t++) {
            const float *dy = j->dy + (b * e->time + t) * c + column;
            j->kernels->add_f32(n, dy, j->dw + token_at(e, b, t) * c + column);
            if (j->dpositions)
                j->kernels->add_f32(n, dy, j->dpositions + position_at(e, b, t) * c + column);
        }
    }
}

void lm_embedding_backward(const lm_compute *compute, const lm_embedding *e, const float *dy,
                           float *dw, float *dpositions) {
    int64_t chunk = e->channels, tokens = e->batch * e->time;
    while (chunk > MIN_COLUMNS && chunk * tokens > LM_TASK_ELEMENTS) chunk = lm_divide_up(chunk, 2);
    job j = {.kernels = compute->kernels,
             .e = e,
             .chunk = lm_round_up(chunk, 16),
             .dy = dy,
             .dw = dw,
             .dpositions = dpositions};
    lm_pool_run(compute->pool, lm_divide_up(e->channels, j.chunk), backward_task, &j);
}
