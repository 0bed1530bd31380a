#include "nn/value_embedding.h"

#include "nn/scale.h"
#include "nn/tasks.h"

typedef struct job {
    const lm_kernels *kernels;
    const lm_value_embedding *e;
    int64_t chunk; /* tokens per task */
    float *values;
    const float *dvalues;
    float *dtable, *dgates;
} job;

static int64_t row_of(const lm_value_embedding *e, int64_t i) {
    return e->tokens[i / e->time * e->tokens_row + i % e->time] * e->heads * e->head_size;
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_value_embedding *e = j->e;
    int64_t d = e->head_size, end = lm_min((task + 1) * j->chunk, e->batch * e->time);
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++)
        for (int64_t h = 0; h < e->heads; h++)
            lm_add_scaled(j->kernels, d, e->gates[i * e->heads + h],
                          e->table + row_of(e, i) + h * d, j->values + i * e->row + h * d);
}

static int64_t chunk_of(const lm_compute *compute, const lm_value_embedding *e) {
    return lm_task_rows(compute, e->batch * e->time, 2 * e->heads * e->head_size);
}

void lm_value_embedding_forward(const lm_compute *compute, const lm_value_embedding *e,
                                float *values) {
    job j = {.kernels = compute->kernels, .e = e, .chunk = chunk_of(compute, e), .values = values};
    lm_pool_run(compute->pool, lm_divide_up(e->batch * e->time, j.chunk), forward_task, &j);
}

static void gates_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_value_embedding *e = j->e;
    int64_t d = e->head_size, end = lm_min((task + 1) * j->chunk, e->batch * e->time);
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++)
        for (int64_t h = 0; h < e->heads; h++)
            j->dgates[i * e->heads + h] = j->kernels->dot_f32(d, j->dvalues + i * e->row + h * d,
                                                              e->table + row_of(e, i) + h * d);
}

/* A task has the columns of a head, and walks all tokens. */
static void table_task(void *argument, int64_t head, int worker) {
    const job *j = argument;
    const lm_value_embedding *e = j->e;
    int64_t d = e->head_size;
    (void)worker;
    for (int64_t i = 0; i < e->batch * e->time; i++)
        lm_add_scaled(j->kernels, d, e->gates[i * e->heads + head],
                      j->dvalues + i * e->row + head * d, j->dtable + row_of(e, i) + head * d);
}

void lm_value_embedding_backward(const lm_compute *compute, const lm_value_embedding *e,
                                 const float *dvalues, float *dtable, float *dgates) {
    job j = {.kernels = compute->kernels,
             .e = e,
             .chunk = chunk_of(compute, e),
             .dvalues = dvalues,
             .dtable = dtable,
             .dgates = dgates};
    lm_pool_run(compute->pool, lm_divide_up(e->batch * e->time, j.chunk), gates_task, &j);
    lm_pool_run(compute->pool, e->heads, table_task, &j);
}
