/* What the last pass left inside of a model, for those who compare models of several sizes
 * (lmtrain coord-check).
 *
 *     lm_model_loss(m, tokens, batch, time);
 *     for (int64_t i = 0; i < lm_model_activations(m); i++) {
 *         lm_model_activation_name(m, i, name);
 *         n = lm_model_activation(m, i, NULL);          // how many
 *         lm_model_activation(m, i, room);              // [n] overwritten
 *     }
 */
#ifndef LM_MODEL_ACTIVATIONS_H
#define LM_MODEL_ACTIVATIONS_H

#include "model/model.h"

/* The residual stream before the first layer and behind each ("embedding", "h.0", ...), the last
 * layer's attention scores of a window's last token ("scores"), before a soft cap, and the logits
 * of some tokens ("logits"), likewise. */
int64_t lm_model_activations(const lm_model *m);
enum { LM_MODEL_ACTIVATION_NAME = 24 };
void lm_model_activation_name(const lm_model *m, int64_t i, char name[LM_MODEL_ACTIVATION_NAME]);
/* Elements of activation i in a pass of `batch` windows of `time` tokens, the last pass, which
 * lm_model_loss made of a model made for training with lm_model_use.keep; overwrites out with
 * them, in fp32, unless it is NULL. One thread. */
int64_t lm_model_activation(const lm_model *m, int64_t i, int64_t batch, int64_t time, float *out);

#endif
