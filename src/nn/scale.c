#include "nn/scale.h"

#include <string.h>

#include "base/numbers.h"

enum { PIECE = 16384, PART = 512 }; /* elements of a task; of what it takes at a time */

typedef struct job {
    const lm_kernels *kernels;
    int64_t n;
    float a;
    const float *x, *residual;
    float *y;
} job;

static void scale_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const job *j = argument;
    float product[PART];
    int64_t end = lm_min((task + 1) * PIECE, j->n);
    for (int64_t i = task * PIECE; i < end; i += PART) {
        int64_t n = lm_min(end - i, PART);
        memcpy(product, j->x + i, (size_t)n * sizeof *product);
        j->kernels->scale_f32(n, j->a, product);
        if (j->residual) j->kernels->add_f32(n, j->residual + i, product);
        memcpy(j->y + i, product, (size_t)n * sizeof *product);
    }
}

void lm_scale(const lm_compute *compute, int64_t n, float a, const float *x, const float *residual,
              float *y) {
    job j = {.kernels = compute->kernels, .n = n, .a = a, .x = x, .residual = residual, .y = y};
    lm_pool_run(compute->pool, lm_divide_up(n, PIECE), scale_task, &j);
}

void lm_add_scaled(const lm_kernels *kernels, int64_t n, float a, const float *x, float *y) {
    float product[PART];
    for (int64_t i = 0; i < n; i += PART) {
        int64_t part = lm_min(n - i, PART);
        memcpy(product, x + i, (size_t)part * sizeof *product);
        kernels->scale_f32(part, a, product);
        kernels->add_f32(part, product, y + i);
    }
}
