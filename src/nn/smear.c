#include "nn/smear.h"

#include <stdbool.h>
#include <string.h>

#include "nn/scale.h"
#include "nn/sums.h"
#include "nn/tasks.h"

typedef struct job {
    const lm_kernels *kernels;
    const lm_smear *s;
    int64_t chunk; /* tokens per task */
    float *y;
    float *dy, *dgates;
} job;

/* Whether the row is not the first of its window or document. */
static bool has_previous(const lm_smear *s, int64_t i) {
    int64_t t = i % s->time;
    return t > 0 && !(s->documents && s->documents[i] == t);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_smear *s = j->s;
    int64_t c = s->channels, end = lm_min((task + 1) * j->chunk, s->batch * s->time);
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++) {
        memcpy(j->y + i * c, s->x + i * c, (size_t)c * sizeof *j->y);
        if (has_previous(s, i))
            lm_add_scaled(j->kernels, c, s->scale * s->gates[i], s->x + (i - 1) * c, j->y + i * c);
    }
}

void lm_smear_forward(const lm_compute *compute, const lm_smear *s, float *y) {
    job j = {.kernels = compute->kernels,
             .s = s,
             .chunk = lm_task_rows(compute, s->batch * s->time, 3 * s->channels),
             .y = y};
    lm_pool_run(compute->pool, lm_divide_up(s->batch * s->time, j.chunk), forward_task, &j);
}

static void add_tokens(void *argument, int64_t first, int64_t count, int worker, float *sums) {
    const job *j = argument;
    const lm_smear *s = j->s;
    int64_t c = s->channels;
    (void)worker;
    for (int64_t i = first; i < first + count; i++) {
        float dot =
            has_previous(s, i) ? j->kernels->dot_f32(c, j->dy + i * c, s->x + (i - 1) * c) : 0;
        sums[0] += s->gates[i] * dot;
        j->dgates[i] = s->scale * dot;
    }
}

/* A window: each row still finds the one behind it as it was. */
static void backward_task(void *argument, int64_t window, int worker) {
    const job *j = argument;
    const lm_smear *s = j->s;
    int64_t c = s->channels;
    (void)worker;
    for (int64_t i = window * s->time; i + 1 < (window + 1) * s->time; i++)
        if (has_previous(s, i + 1))
            lm_add_scaled(j->kernels, c, s->scale * s->gates[i + 1], j->dy + (i + 1) * c,
                          j->dy + i * c);
}

void lm_smear_backward(const lm_compute *compute, const lm_smear *s, float *dy, float *dgates,
                       float *dscale) {
    job j = {.kernels = compute->kernels, .s = s, .dy = dy, .dgates = dgates};
    lm_token_sums sums = {.tokens = s->batch * s->time,
                          .window = s->time,
                          .elements = 2 * s->channels,
                          .width = 1,
                          .out = {dscale, NULL},
                          .add = add_tokens,
                          .argument = &j};
    lm_arena scratch = lm_compute_scratch(compute, 0); /* lm_mix_scratch_bytes */
    lm_token_sums_run(compute, &sums, &scratch);
    lm_pool_run(compute->pool, s->batch, backward_task, &j);
}
