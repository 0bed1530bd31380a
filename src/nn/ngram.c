#include "nn/ngram.h"

#include <string.h>

#include "base/error.h"
#include "nn/tasks.h"

int64_t lm_ngram_count(int64_t vocab, int64_t order) {
    int64_t n = vocab;
    for (int64_t i = 1; i < order && n <= INT32_MAX; i++) n *= vocab + 1; /* < 2^62 */
    return n <= INT32_MAX ? n : -1;
}

int64_t lm_ngram_fit(const lm_ngram_table *t, int64_t vocab) {
    int64_t all = lm_ngram_count(vocab, t->order);
    return all > 0 && (t->rows == 0 || t->rows > all) ? all : t->rows;
}

void lm_ngram_rows(const lm_ngram_table *tables, int64_t n, int64_t vocab, const int32_t *newest,
                   int64_t before, int32_t *out, int64_t stride) {
    uint64_t hash = 0, number = 0, place = 1; /* of the first `order` tokens */
    int64_t order = 0;
    for (int64_t k = 0; k < n; k++) {
        for (; order < tables[k].order; order++) {
            uint64_t c = (uint64_t)(order <= before ? newest[-order] : vocab);
            hash = (hash + c + 1) * UINT64_C(0x9E3779B97F4A7C15);
            hash ^= hash >> 32;
            number += place * c; /* wraps where no table is exact */
            place *= (uint64_t)(order == 0 ? vocab : vocab + 1);
        }
        bool exact = tables[k].rows == lm_ngram_count(vocab, order);
        uint64_t row = exact ? number : (hash >> 32) * (uint64_t)tables[k].rows >> 32;
        LM_ASSERT(row < (uint64_t)tables[k].rows);
        out[k * stride] = (int32_t)row;
    }
}

/* A token's table is far away in memory: it is asked for so many tokens ahead. */
enum { AHEAD = 8 };

typedef struct job {
    const lm_kernels *kernels;
    const lm_ngram *g;
    int64_t chunk; /* tokens (forward) or columns (backward) of a task */
    float *y;
    const float *dy;
} job;

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_ngram *g = j->g;
    int64_t begin = task * j->chunk, end = lm_min(begin + j->chunk, g->tokens), c = g->channels;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = 0; k < g->n; k++) {
            const int32_t *rows = g->rows + k * g->tokens;
            if (i + AHEAD < end) __builtin_prefetch(g->w[k] + rows[i + AHEAD] * c);
            j->kernels->add_f32(c, g->w[k] + rows[i] * c, j->y + i * c);
        }
}

void lm_ngram_forward(const lm_compute *compute, const lm_ngram *g, float *y) {
    job j = {.kernels = compute->kernels,
             .g = g,
             .chunk = lm_task_rows(compute, g->tokens, g->channels * g->n),
             .y = y};
    lm_pool_run(compute->pool, lm_divide_up(g->tokens, j.chunk), forward_task, &j);
}

/* A task has some columns of one table, and walks all tokens. */
static void backward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_ngram *g = j->g;
    int64_t k = task % g->n, c = g->channels, column = task / g->n * j->chunk;
    int64_t n = lm_min(c - column, j->chunk);
    const int32_t *rows = g->rows + k * g->tokens;
    float *dw = g->dw[k] + column;
    (void)worker;
    for (int64_t i = 0; i < g->tokens; i++) {
        if (i + AHEAD < g->tokens) __builtin_prefetch(dw + rows[i + AHEAD] * c, 1);
        if (column == 0) lm_line_set_add(g->lines[k], rows[i]);
        j->kernels->add_f32(n, j->dy + i * c + column, dw + rows[i] * c);
    }
}

void lm_ngram_backward(const lm_compute *compute, const lm_ngram *g, const float *dy) {
    enum { MIN_COLUMNS = 64 }; /* 4 cache lines of each row */
    int64_t chunk = g->channels;
    while (chunk > MIN_COLUMNS && chunk * g->tokens > LM_TASK_ELEMENTS)
        chunk = lm_divide_up(chunk, 2);
    job j = {.kernels = compute->kernels, .g = g, .chunk = lm_round_up(chunk, 16), .dy = dy};
    lm_pool_run(compute->pool, g->n * lm_divide_up(g->channels, j.chunk), backward_task, &j);
}

typedef struct clear_job {
    lm_lines lines;
    int64_t channels, chunk; /* lines of a task */
    float *x;
} clear_job;

static void clear_task(void *argument, int64_t task, int worker) {
    const clear_job *j = argument;
    int64_t end = lm_min((task + 1) * j->chunk, j->lines.count);
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++)
        memset(j->x + j->lines.at[i] * j->channels, 0, (size_t)j->channels * sizeof *j->x);
}

void lm_ngram_clear(const lm_compute *compute, lm_line_set *set, int64_t channels, float *x) {
    clear_job j = {.lines = lm_line_set_list(set), .channels = channels, .x = x};
    j.chunk = lm_task_rows(compute, j.lines.count, channels);
    lm_pool_run(compute->pool, lm_divide_up(j.lines.count, j.chunk), clear_task, &j);
}
