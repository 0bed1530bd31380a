/* What other programs have no place for, put into the weights.
 *
 * A norm between the embedding and the first layer sees one row of the embedding at a time, so that
 * the rows can be stored with the norm applied. The multipliers of a parametrization
 * (model/transfer.h) go into the weights that they follow or that follow them: that of logits into
 * the final norm, that of branches into the projections that end them, that of scores into the
 * queries. */
#ifndef LM_INTEROP_FOLD_H
#define LM_INTEROP_FOLD_H

#include "model/model.h"

/* Has a model of these options something to fold? */
bool lm_interop_folds(const lm_model_options *ours);

/* `there`: the options `ours` without embedding_norm, and without tie_embeddings where ours have
 * it, and in the standard parametrization (lm_interop_exported makes them). weights [total of
 * ours]; folded [total of there] is overwritten. The embedding's rows are computed in double and
 * rounded once, as are products with multipliers; with an embedding norm, the head is ours, or our
 * embedding where it was tied; all else is copied. An embedding norm is not for learned positions,
 * which are added before it (asserted). */
lm_status lm_interop_fold(const lm_model_options *ours, const float *weights,
                          const lm_model_options *there, float *folded, lm_error *err);

#endif
