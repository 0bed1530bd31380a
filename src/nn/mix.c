#include "nn/mix.h"

#include <string.h>

#include "nn/scale.h"
#include "nn/sums.h"
#include "nn/tasks.h"

typedef struct job {
    const lm_kernels *kernels;
    const lm_mix *m;
    int64_t chunk; /* tokens per task */
    float *y, *dy, *dz;
} job;

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_mix *m = j->m;
    int64_t begin = task * j->chunk * m->channels;
    int64_t n = lm_min(j->chunk, m->tokens - task * j->chunk) * m->channels;
    float *y = j->y + begin;
    (void)worker;
    memcpy(y, m->x + begin, (size_t)n * sizeof *y);
    j->kernels->scale_f32(n, m->a, y);
    lm_add_scaled(j->kernels, n, m->b, m->z + begin, y);
}

void lm_mix_forward(const lm_compute *compute, const lm_mix *m, float *y) {
    job j = {.kernels = compute->kernels,
             .m = m,
             .chunk = lm_task_rows(compute, m->tokens, 3 * m->channels),
             .y = y};
    lm_pool_run(compute->pool, lm_divide_up(m->tokens, j.chunk), forward_task, &j);
}

static void add_tokens(void *argument, int64_t first, int64_t count, int worker, float *sums) {
    const job *j = argument;
    const lm_mix *m = j->m;
    const int64_t c = m->channels;
    (void)worker;
    for (int64_t i = first * c; i < (first + count) * c; i += c) {
        float *dy = j->dy + i;
        sums[0] += j->kernels->dot_f32(c, dy, m->x + i);
        sums[1] += j->kernels->dot_f32(c, dy, m->z + i);
        lm_add_scaled(j->kernels, c, m->b, dy, j->dz + i);
        j->kernels->scale_f32(c, m->a, dy);
    }
}

void lm_mix_backward(const lm_compute *compute, const lm_mix *m, float *dy, float *dz, float *da,
                     float *db) {
    job j = {.kernels = compute->kernels, .m = m, .dy = dy, .dz = dz};
    lm_token_sums sums = {.tokens = m->tokens,
                          .window = m->window,
                          .elements = 3 * m->channels,
                          .width = 1,
                          .out = {da, db},
                          .add = add_tokens,
                          .argument = &j};
    lm_arena scratch = lm_compute_scratch(compute, 0);
    lm_token_sums_run(compute, &sums, &scratch);
}

size_t lm_mix_scratch_bytes(void) {
    lm_arena measure = lm_arena_measuring();
    lm_token_sums_take(&measure, 1);
    return measure.used;
}
