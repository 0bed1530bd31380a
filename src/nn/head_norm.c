#include "nn/head_norm.h"

#include <string.h>

#include "base/error.h"
#include "ops/phase.h"

/* As in norm.c: elements a task, and how many chunks have sums of their own. */
enum { FORWARD_ELEMENTS = 16384, BACKWARD_ELEMENTS = 16384, BACKWARD_CHUNKS = 32 };

typedef struct job {
    const lm_compute *compute;
    const lm_head_norm *n;
    int64_t chunk; /* tokens a task */
    lm_array x;
    float *y, *dy;
    float *sums; /* [chunks, D]: dweight of each chunk */
} job;

static int64_t chunk_end(const job *j, int64_t task) {
    int64_t end = (task + 1) * j->chunk;
    return end < j->n->tokens ? end : j->n->tokens;
}

/* Floats of the sums of all chunks, backward; behind them, a worker has room for two rows of heads. */
static int64_t sums_size(int64_t head_size) {
    return (BACKWARD_CHUNKS * head_size + 15) / 16 * 16;
}
static float *room_for_rows(const job *j, int worker) {
    const lm_head_norm *n = j->n;
    float *scratch =
        lm_compute_scratch(j->compute, worker, lm_head_norm_scratch_bytes(n->heads, n->head_size));
    return scratch + sums_size(n->head_size);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_head_norm *n = j->n;
    const lm_kernels *kernels = j->compute->kernels;
    float *room = room_for_rows(j, worker); /* [H, D] */
    for (int64_t i = task * j->chunk; i < chunk_end(j, task); i++) {
        const float *x =
            lm_array_widen(kernels, n->heads * n->head_size, lm_array_from(j->x, i * n->row), room);
        kernels->rmsnorm_forward_f32(n->heads, n->head_size, n->eps, x, n->weight,
                                     j->y + i * n->row, n->rstd + i * n->heads);
    }
}

void lm_head_norm_forward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *y) {
    int64_t chunk = FORWARD_ELEMENTS / (n->heads * n->head_size);
    job j = {.compute = compute, .n = n, .chunk = chunk > 1 ? chunk : 1, .x = x, .y = y};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);
    lm_pool_run(compute->pool, (n->tokens + j.chunk - 1) / j.chunk, forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

static void backward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_head_norm *n = j->n;
    const lm_kernels *kernels = j->compute->kernels;
    int64_t width = n->heads * n->head_size;
    size_t row_bytes = (size_t)width * sizeof(float);
    float *dy = room_for_rows(j, worker), *room = dy + width; /* [H, D] each */
    float *dweight = j->sums + task * n->head_size;
    memset(dweight, 0, (size_t)n->head_size * sizeof *dweight);
    for (int64_t i = task * j->chunk; i < chunk_end(j, task); i++) {
        const float *x = lm_array_widen(kernels, width, lm_array_from(j->x, i * n->row), room);
        float *dx = j->dy + i * n->row;
        memcpy(dy, dx, row_bytes);
        memset(dx, 0, row_bytes); /* the kernel adds */
        kernels->rmsnorm_backward_f32(n->heads, n->head_size, x, n->weight, n->rstd + i * n->heads,
                                      dy, dx, dweight);
    }
}

void lm_head_norm_backward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *dy,
                           float *dweight) {
    int64_t chunks = n->tokens * n->heads * n->head_size / BACKWARD_ELEMENTS;
    if (n->tokens == 0) return;
    if (chunks < 1) chunks = 1;
    if (chunks > BACKWARD_CHUNKS) chunks = BACKWARD_CHUNKS;
    job j = {.compute = compute, .n = n, .chunk = (n->tokens + chunks - 1) / chunks, .x = x};
    chunks = (n->tokens + j.chunk - 1) / j.chunk;
    j.dy = dy;
    /* Worker 0's scratch holds the sums of all chunks, as in norm.c. */
    j.sums = lm_compute_scratch(compute, 0, lm_head_norm_scratch_bytes(n->heads, n->head_size));
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);
    lm_pool_run(compute->pool, chunks, backward_task, &j);
    compute->kernels->sum_rows_f32(chunks, n->head_size, j.sums, n->head_size, dweight);
    lm_phase_leave(compute->phases, before);
}

size_t lm_head_norm_scratch_bytes(int64_t heads, int64_t head_size) {
    return (size_t)(sums_size(head_size) + 2 * heads * head_size) * sizeof(float);
}
