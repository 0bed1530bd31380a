#include "nn/dropout.h"

#include "base/error.h"
#include "base/rng.h"

/* Elements a task: about 30 us, several times what waking a worker costs. */
enum { CHUNK_ELEMENTS = 8192 };
enum { LANES = 8 }; /* channels that one block of random bits decides (kernels.h) */

typedef struct job {
    const lm_kernels *kernels;
    const lm_dropout *d;
    const float *x, *residual;
    float *y;
    int64_t chunk;      /* tokens per task */
    uint32_t threshold; /* below: dropped; of 65536 */
    float scale;
} job;

static void drop_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_dropout *d = j->d;
    const lm_rng rng = {.seed = d->seed, .purpose = LM_RNG_DROPOUT, .step = d->site};
    int64_t blocks = lm_divide_up(d->channels, LANES), c = d->channels;
    int64_t tokens = d->batch * d->time, begin = task * j->chunk;
    int64_t end = lm_min(begin + j->chunk, tokens);
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        uint64_t sample = d->sample + (uint64_t)(i / d->time);
        uint64_t token = sample * (uint64_t)d->context + (uint64_t)(i % d->time);
        j->kernels->dropout_f32(c, &rng, token * (uint64_t)blocks, j->threshold, j->scale,
                                j->x + i * c, j->residual ? j->residual + i * c : NULL,
                                j->y + i * c);
    }
}

void lm_dropout_apply(const lm_compute *compute, const lm_dropout *d, const float *x,
                      const float *residual, float *y) {
    LM_ASSERT(d->rate >= 0 && d->rate < 1 && d->time <= d->context);
    uint32_t threshold = (uint32_t)lm_min((int64_t)(d->rate * 65536.0 + 0.5), 65535);
    job j = {.kernels = compute->kernels,
             .d = d,
             .x = x,
             .residual = residual,
             .y = y,
             .chunk = lm_max(CHUNK_ELEMENTS / d->channels, 1),
             .threshold = threshold,
             .scale = 65536.0f / (65536.0f - (float)threshold)};
    lm_pool_run(compute->pool, lm_divide_up(d->batch * d->time, j.chunk), drop_task, &j);
}
