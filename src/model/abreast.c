#include "model/abreast.h"

#include <stdlib.h>

#include "model/parts.h"

lm_status lm_abreast_create(lm_abreast *a, lm_model *model, lm_compute *compute, int64_t count,
                            lm_error *err) {
    LM_ASSERT(count >= 1 && count <= lm_pool_threads(compute->pool) && count <= LM_ABREAST_MOST);
    *a = (lm_abreast){.compute = compute, .count = count};
    if (count == 1) return LM_OK;
    a->models = calloc((size_t)count, sizeof(lm_model *));
    a->computes = calloc((size_t)count, sizeof *a->computes);
    if (!a->models || !a->computes) return lm_error_no_memory(err, NULL);
    for (int64_t i = 0; i < count; i++) a->computes[i] = lm_compute_alone(compute, (int)i);
    a->models[0] = model;
    lm_status status = LM_OK;
    for (int64_t i = 1; i < count && status == LM_OK; i++)
        status = lm_model_create_beside(&a->models[i], model, &a->computes[i], err);
    return status;
}

void lm_abreast_free(lm_abreast *a) {
    for (int64_t i = 1; a->models && i < a->count; i++) lm_model_free(a->models[i]);
    free(a->models);
    free(a->computes);
    *a = (lm_abreast){0};
}

typedef struct job {
    lm_abreast *a;
    lm_abreast_work *work;
    void *argument;
} job;

/* The thread that owns the pool is worker 0. */
static void work_task(void *argument, int64_t i, int worker) {
    const job *j = argument;
    lm_compute *alone = &j->a->computes[i];
    alone->phases = worker == 0 ? j->a->compute->phases : NULL;
    j->work(j->argument, i, j->a->models[i]);
}

void lm_abreast_run(lm_abreast *a, lm_abreast_work *work, void *argument) {
    job j = {a, work, argument};
    lm_model *first = a->models[0];
    lm_compute *all = first->compute;
    first->compute = &a->computes[0];
    lm_pool_run(a->compute->pool, a->count, work_task, &j);
    first->compute = all;
}
