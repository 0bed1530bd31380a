#include "nn/head_norm.h"

#include <string.h>

#include "base/error.h"
#include "nn/sums.h"
#include "nn/tasks.h"
#include "ops/phase.h"

typedef struct job {
    const lm_compute *compute;
    const lm_head_norm *n;
    int64_t chunk; /* tokens per task */
    lm_array x;
    float *y, *dy;
} job;

typedef struct worker_scratch {
    float *x, *dy; /* [H, D]: a row widened, and a copy of its gradient */
    float *normed; /* [H, D]: the row before its gain */
    lm_arena rest; /* worker 0's: for the sums of all workers */
} worker_scratch;

static worker_scratch take_scratch(lm_arena *scratch, int64_t heads, int64_t head_size) {
    worker_scratch w;
    w.x = lm_arena_array(scratch, heads, head_size, sizeof(float));
    w.dy = lm_arena_array(scratch, heads, head_size, sizeof(float));
    w.normed = lm_arena_array(scratch, heads, head_size, sizeof(float));
    w.rest = *scratch;
    return w;
}

size_t lm_head_norm_scratch_bytes(int64_t heads, int64_t head_size) {
    lm_arena measure = lm_arena_measuring();
    take_scratch(&measure, heads, head_size);
    lm_token_sums_take(&measure, lm_max(head_size, heads));
    return measure.used;
}

static worker_scratch scratch_of(const lm_compute *compute, const lm_head_norm *n, int worker) {
    lm_arena scratch = lm_compute_scratch(compute, worker);
    return take_scratch(&scratch, n->heads, n->head_size);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_head_norm *n = j->n;
    const lm_kernels *kernels = j->compute->kernels;
    float *room = scratch_of(j->compute, n, worker).x;
    int64_t end = lm_min((task + 1) * j->chunk, n->tokens);
    for (int64_t i = task * j->chunk; i < end; i++) {
        const float *x =
            lm_array_widen(kernels, n->heads * n->head_size, lm_array_from(j->x, i * n->row), room);
        kernels->rmsnorm_forward_f32(n->heads, n->head_size, n->eps, x, n->weight,
                                     j->y + i * n->row, n->rstd + i * n->heads);
        if (n->gain)
            kernels->scale_rows_f32(n->heads, n->head_size, n->gain, j->y + i * n->row,
                                    n->head_size);
    }
}

void lm_head_norm_forward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *y) {
    int64_t chunk = lm_task_rows(compute, n->tokens, n->heads * n->head_size);
    job j = {.compute = compute, .n = n, .chunk = chunk, .x = x, .y = y};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);
    lm_pool_run(compute->pool, lm_divide_up(n->tokens, chunk), forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

/* w->dy becomes the gradient of the norm, before the gain; adds that of the gain. */
static void gain_backward(const job *j, const worker_scratch *w, int64_t token, const float *x,
                          float *dgain) {
    const lm_head_norm *n = j->n;
    const lm_kernels *kernels = j->compute->kernels;
    kernels->rmsnorm_forward_f32(n->heads, n->head_size, n->eps, x, n->weight, w->normed,
                                 n->rstd + token * n->heads); /* which stays as it is */
    for (int64_t h = 0, at = 0; h < n->heads; h++, at += n->head_size)
        dgain[h] += kernels->dot_f32(n->head_size, w->dy + at, w->normed + at);
    kernels->scale_rows_f32(n->heads, n->head_size, n->gain, w->dy, n->head_size);
}

static void add_tokens(void *argument, int64_t first, int64_t count, int worker, float *dweight) {
    const job *j = argument;
    const lm_head_norm *n = j->n;
    const lm_kernels *kernels = j->compute->kernels;
    int64_t width = n->heads * n->head_size;
    size_t row_bytes = (size_t)width * sizeof(float);
    worker_scratch w = scratch_of(j->compute, n, worker);
    for (int64_t i = first; i < first + count; i++) {
        const float *x = lm_array_widen(kernels, width, lm_array_from(j->x, i * n->row), w.x);
        float *dx = j->dy + i * n->row;
        memcpy(w.dy, dx, row_bytes);
        memset(dx, 0, row_bytes); /* the kernel adds */
        if (n->gain) gain_backward(j, &w, i, x, dweight + n->head_size);
        kernels->rmsnorm_backward_f32(n->heads, n->head_size, x, n->weight, n->rstd + i * n->heads,
                                      w.dy, dx, dweight);
    }
}

void lm_head_norm_backward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *dy,
                           float *dweight, float *dgain) {
    LM_ASSERT(!n->gain == !dgain);
    job j = {.compute = compute, .n = n, .x = x, .dy = dy};
    lm_token_sums sums = {.tokens = n->tokens,
                          .window = n->window,
                          .elements = n->heads * n->head_size,
                          .width = n->head_size,
                          .width_1 = n->heads,
                          .out = {dweight, dgain},
                          .add = add_tokens,
                          .argument = &j};
    worker_scratch w = scratch_of(compute, n, 0);
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);
    lm_token_sums_run(compute, &sums, &w.rest);
    lm_phase_leave(compute->phases, before);
}
