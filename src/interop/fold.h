/* A model with a norm between the embedding and the first layer, as one without: the norm sees one
 * row of the embedding at a time, so that the rows can be stored with the norm applied. */
#ifndef LM_INTEROP_FOLD_H
#define LM_INTEROP_FOLD_H

#include "model/model.h"

/* `there`: the options `ours` without embedding_norm and without tie_embeddings
 * (lm_interop_exported makes them). weights [total of ours]; folded [total of there] is
 * overwritten. The embedding's rows are computed in double and rounded once; the head is ours, or
 * our embedding where it was tied; all else is copied. Not for learned positions, which are added
 * before the norm (asserted). */
lm_status lm_interop_fold(const lm_model_options *ours, const float *weights,
                          const lm_model_options *there, float *folded, lm_error *err);

#endif
