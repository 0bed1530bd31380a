#include "ops/array.h"

#include <string.h>

/* Elements per task: 1 to 2 us, so that a row makes several tasks and workers end together. */
enum { CHUNK = 16384 };

typedef struct job {
    const lm_kernels *kernels;
    int64_t count;
    const float *x;
    lm_array y;
} job;

static void store_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t at = task * CHUNK, n = lm_min(j->count - at, CHUNK);
    (void)worker;
    lm_array_store(j->kernels, n, j->x + at, lm_array_from(j->y, at));
}

lm_array lm_array_operand(const lm_compute *compute, int64_t count, const float *x, lm_array room) {
    if (compute->precision == LM_FP32) return lm_array_f32(x);
    job j = {.kernels = compute->kernels, .count = count, .x = x, .y = room};
    lm_pool_run(compute->pool, lm_divide_up(count, CHUNK), store_task, &j);
    return room;
}

const float *lm_array_widen(const lm_kernels *kernels, int64_t n, lm_array x, float *room) {
    if (x.type == LM_FP32) return x.at;
    kernels->f32_from_bf16(n, x.at, room);
    return room;
}

void lm_array_store(const lm_kernels *kernels, int64_t n, const float *x, lm_array y) {
    if (y.type == LM_BF16)
        kernels->bf16_from_f32(1, n, x, n, y.at, n);
    else if (y.at != x)
        memcpy(y.at, x, (size_t)n * sizeof *x);
}
