/* Passes through one model that several threads make at the same time, each alone: a small model's
 * regions are so short that threads which share each of them wait for one another, and for the
 * lines of the cache that they hand over, most where their cores are far apart.
 *
 *     lm_abreast a;
 *     lm_abreast_create(&a, model, &compute, count, err);    // the model, and count - 1 beside it
 *     lm_abreast_run(&a, work, argument);                    // work(argument, i, model i)
 *     lm_abreast_free(&a);
 *
 * All have the weights of the first one, and gradients, activations and settings of their own. */
#ifndef LM_MODEL_ABREAST_H
#define LM_MODEL_ABREAST_H

#include "model/model.h"

enum { LM_ABREAST_MOST = 64 };

typedef struct lm_abreast {
    const lm_compute *compute;
    int64_t count;
    lm_model **models;    /* [count], the first is the caller's; NULL: count is 1 */
    lm_compute *computes; /* [count]: of a thread alone */
} lm_abreast;

/* count: at most the threads of compute's pool, and LM_ABREAST_MOST. With 1 nothing is made.
 * `compute` is that of the model, which has reserved its scratch; both outlive *a, and may not move
 * in memory. *a is free or made after an error too: lm_abreast_free is for both. */
lm_status lm_abreast_create(lm_abreast *a, lm_model *model, lm_compute *compute, int64_t count,
                            lm_error *err);
void lm_abreast_free(lm_abreast *a); /* zero-initialised or twice is fine */

/* Calls work(argument, i, model i) for all i < count, each in one thread, and returns when all are
 * done. Weights do not change meanwhile. The phases of compute are those of the thread that owns
 * the pool. */
typedef void lm_abreast_work(void *argument, int64_t i, lm_model *model);
void lm_abreast_run(lm_abreast *a, lm_abreast_work *work, void *argument);

#endif
