#include "optim/average.h"

#include <string.h>

#include "base/elementary.h"

enum { CHUNK = 65536 }; /* elements per task: 256 kB of each array, as in dist/lanes.c */

double lm_average_rest(double half_life, double tokens) {
    const double ln2 = 0.6931471805599453;
    return 1 - lm_exp(-ln2 * tokens / half_life);
}

uint64_t lm_average_bytes(int64_t count) {
    lm_arena measure = lm_arena_measuring();
    lm_arena_floats(&measure, count);
    return measure.used;
}

lm_status lm_average_create(lm_average *a, int64_t count, lm_error *err) {
    *a = (lm_average){.count = count};
    lm_status status =
        lm_arena_init(&a->arena, lm_average_bytes(count), "the average of the weights", err);
    if (status == LM_OK) a->values = lm_arena_floats(&a->arena, count);
    return status;
}

void lm_average_free(lm_average *a) {
    lm_arena_free(&a->arena);
    *a = (lm_average){0};
}

typedef struct job {
    const lm_kernels *kernels; /* NULL: y = x */
    bool gap;                  /* y += share x */
    int64_t count;
    float share;
    const float *x;
    float *y;
} job;

static void move_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t at = task * CHUNK, n = lm_min(j->count - at, CHUNK);
    (void)worker;
    if (j->gap)
        j->kernels->add_scaled_f32(n, j->share, j->x + at, j->y + at);
    else if (j->kernels)
        j->kernels->lerp_f32(n, j->share, j->x + at, j->y + at);
    else
        memcpy(j->y + at, j->x + at, (size_t)n * sizeof *j->y);
}

void lm_average_copy(lm_pool *pool, int64_t count, const float *x, float *y) {
    job j = {.count = count, .x = x, .y = y};
    lm_pool_run(pool, lm_divide_up(count, CHUNK), move_task, &j);
}

void lm_average_blend(const lm_kernels *kernels, lm_pool *pool, int64_t count, double share,
                      const float *x, float *y) {
    job j = {.kernels = kernels, .count = count, .share = (float)share, .x = x, .y = y};
    if (share == 1)
        lm_average_copy(pool, count, x, y);
    else
        lm_pool_run(pool, lm_divide_up(count, CHUNK), move_task, &j);
}

void lm_average_blend_gap(const lm_kernels *kernels, lm_pool *pool, int64_t count, double share,
                          const float *gap, float *y) {
    job j = {
        .kernels = kernels, .gap = true, .count = count, .share = (float)share, .x = gap, .y = y};
    lm_pool_run(pool, lm_divide_up(count, CHUNK), move_task, &j);
}

void lm_average_begin(lm_average *a, const lm_compute *compute, const float *weights) {
    lm_average_copy(compute->pool, a->count, weights, a->values);
}

void lm_average_add(lm_average *a, const lm_compute *compute, double rest, const float *weights) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_OPTIMIZER);
    lm_average_blend(compute->kernels, compute->pool, a->count, rest, weights, a->values);
    lm_phase_leave(compute->phases, before);
}
