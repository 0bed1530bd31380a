/* Figures of each parameter by one step: the norms of its weights, its gradient and its update.
 *
 *     lm_layers_create(&l, model, every, bytes, err);
 *     each step:  lm_layers_before(&l, step, &compute, model);   // the gradient is whole
 *                 lm_optimizer_step(...);
 *                 lm_layers_after(&l, step, &compute, model);
 *                 if (lm_layers_has(&l, step)) ... l.figures [l.count] ...
 *
 * Nothing that training computes with is changed. Norms are those of lm_gradient_norm: the same
 * bits for any number of threads. */
#ifndef LM_TRAIN_LAYERS_H
#define LM_TRAIN_LAYERS_H

#include "base/arena.h"
#include "model/model.h"
#include "report/metrics.h"

typedef struct lm_layers {
    int64_t every; /* steps; 0: never, and then nothing is allocated */
    lm_arena arena;
    float *before;             /* [total]: weights, then what was added to them */
    lm_layer_figures *figures; /* [count]: a row of the model each */
    int64_t count;
    int64_t step;     /* whose figures they are; 0: none yet */
    int64_t reported; /* the step whose figures were written last */
} lm_layers;

/* bytes: of the plan, room for the weights. */
lm_status lm_layers_create(lm_layers *l, lm_model *model, int64_t every, uint64_t bytes,
                           lm_error *err);
/* Are figures of this step taken here? */
bool lm_layers_due(const lm_layers *l, int64_t step);
void lm_layers_before(lm_layers *l, int64_t step, const lm_compute *compute, lm_model *model);
void lm_layers_after(lm_layers *l, int64_t step, const lm_compute *compute, lm_model *model);
bool lm_layers_has(const lm_layers *l, int64_t step);
void lm_layers_free(lm_layers *l); /* zero-initialised or twice is fine */

#endif
