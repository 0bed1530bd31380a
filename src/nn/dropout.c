#include "nn/dropout.h"

#include "base/error.h"
#include "base/rng.h"

/* Elements a task: about 30 us, several times what waking a worker costs. */
enum { CHUNK_ELEMENTS = 8192 };
enum { LANES = 8 }; /* channels a block of random bits decides */

typedef struct job {
    const lm_dropout *d;
    const float *x, *residual;
    float *y;
    int64_t chunk;      /* tokens a task */
    uint32_t threshold; /* below: dropped; of 65536 */
    float scale;
} job;

static void drop_row(const job *j, const lm_rng *rng, uint64_t block, const float *x,
                     const float *residual, float *y) {
    for (int64_t c = 0; c < j->d->channels; c += LANES, block++) {
        int64_t n = j->d->channels - c < LANES ? j->d->channels - c : LANES;
        uint32_t words[4];
        lm_rng_block(rng, block, words);
        for (int64_t i = 0; i < n; i++) {
            uint32_t bits = words[i / 2] >> (i % 2 * 16) & 0xffffu;
            float kept = bits < j->threshold ? 0.0f : x[c + i] * j->scale;
            y[c + i] = residual ? residual[c + i] + kept : kept;
        }
    }
}

static void drop_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_dropout *d = j->d;
    const lm_rng rng = {.seed = d->seed, .purpose = LM_RNG_DROPOUT, .step = d->site};
    int64_t blocks = (d->channels + LANES - 1) / LANES, c = d->channels;
    int64_t tokens = d->batch * d->time, begin = task * j->chunk;
    int64_t end = tokens - begin < j->chunk ? tokens : begin + j->chunk;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        uint64_t sample = d->sample + (uint64_t)(i / d->time);
        uint64_t token = sample * (uint64_t)d->context + (uint64_t)(i % d->time);
        drop_row(j, &rng, token * (uint64_t)blocks, j->x + i * c,
                 j->residual ? j->residual + i * c : NULL, j->y + i * c);
    }
}

void lm_dropout_apply(const lm_compute *compute, const lm_dropout *d, const float *x,
                      const float *residual, float *y) {
    LM_ASSERT(d->rate >= 0 && d->rate < 1 && d->time <= d->context);
    uint32_t threshold = (uint32_t)(d->rate * 65536.0 + 0.5);
    if (threshold > 65535) threshold = 65535;
    job j = {.d = d,
             .x = x,
             .residual = residual,
             .y = y,
             .chunk = CHUNK_ELEMENTS / d->channels > 1 ? CHUNK_ELEMENTS / d->channels : 1,
             .threshold = threshold,
             .scale = 65536.0f / (65536.0f - (float)threshold)};
    lm_pool_run(compute->pool, (d->batch * d->time + j.chunk - 1) / j.chunk, drop_task, &j);
}
