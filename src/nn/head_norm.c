#include "nn/head_norm.h"

#include <string.h>

#include "base/error.h"
#include "nn/tasks.h"
#include "ops/phase.h"

typedef struct job {
    const lm_compute *compute;
    const lm_head_norm *n;
    int64_t chunk; /* tokens per task */
    lm_array x;
    float *y, *dy;
    float *sums; /* [chunks, D]: dweight of each chunk */
} job;

static int64_t chunk_end(const job *j, int64_t task) {
    return lm_min((task + 1) * j->chunk, j->n->tokens);
}

typedef struct worker_scratch {
    float *sums;   /* [LM_SUM_CHUNKS, D]; worker 0's holds those of all chunks, as in norm.c */
    float *x, *dy; /* [H, D]: a row widened, and a copy of its gradient */
} worker_scratch;

static worker_scratch take_scratch(lm_arena *scratch, int64_t heads, int64_t head_size) {
    worker_scratch w;
    w.sums = lm_arena_array(scratch, LM_SUM_CHUNKS, head_size, sizeof(float));
    w.x = lm_arena_array(scratch, heads, head_size, sizeof(float));
    w.dy = lm_arena_array(scratch, heads, head_size, sizeof(float));
    return w;
}

size_t lm_head_norm_scratch_bytes(int64_t heads, int64_t head_size) {
    lm_arena measure = lm_arena_measuring();
    take_scratch(&measure, heads, head_size);
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
    for (int64_t i = task * j->chunk; i < chunk_end(j, task); i++) {
        const float *x =
            lm_array_widen(kernels, n->heads * n->head_size, lm_array_from(j->x, i * n->row), room);
        kernels->rmsnorm_forward_f32(n->heads, n->head_size, n->eps, x, n->weight,
                                     j->y + i * n->row, n->rstd + i * n->heads);
    }
}

void lm_head_norm_forward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *y) {
    int64_t chunk = lm_task_rows(n->heads * n->head_size);
    job j = {.compute = compute, .n = n, .chunk = chunk, .x = x, .y = y};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);
    lm_pool_run(compute->pool, lm_divide_up(n->tokens, chunk), forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

static void backward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_head_norm *n = j->n;
    const lm_kernels *kernels = j->compute->kernels;
    int64_t width = n->heads * n->head_size;
    size_t row_bytes = (size_t)width * sizeof(float);
    worker_scratch w = scratch_of(j->compute, n, worker);
    float *dweight = j->sums + task * n->head_size;
    memset(dweight, 0, (size_t)n->head_size * sizeof *dweight);
    for (int64_t i = task * j->chunk; i < chunk_end(j, task); i++) {
        const float *x = lm_array_widen(kernels, width, lm_array_from(j->x, i * n->row), w.x);
        float *dx = j->dy + i * n->row;
        memcpy(w.dy, dx, row_bytes);
        memset(dx, 0, row_bytes); /* the kernel adds */
        kernels->rmsnorm_backward_f32(n->heads, n->head_size, x, n->weight, n->rstd + i * n->heads,
                                      w.dy, dx, dweight);
    }
}

void lm_head_norm_backward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *dy,
                           float *dweight) {
    if (n->tokens == 0) return;
    lm_sum_chunks chunks = lm_sum_chunks_of(n->tokens, n->heads * n->head_size);
    job j = {.compute = compute,
             .n = n,
             .chunk = chunks.rows,
             .x = x,
             .dy = dy,
             .sums = scratch_of(compute, n, 0).sums};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);
    lm_pool_run(compute->pool, chunks.count, backward_task, &j);
    compute->kernels->sum_rows_f32(chunks.count, n->head_size, j.sums, n->head_size, dweight);
    lm_phase_leave(compute->phases, before);
}
