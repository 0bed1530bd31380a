/* Parametrizations: how a model changes with its width and depth, so that hyper-parameters found on
 * a small one, the base, hold for a large one. With m_w = d_model / base_d_model and m_L = n_layers
 * / base_n_layers:
 *
 *                                            standard      mup           completep
 *     initial std of a layer's matrices      s             s / sqrt(m_w) s / sqrt(m_w)
 *     of embeddings and an untied head       s             s of the base s of the base
 *     x += branch(x) times                   1             1             1 / m_L
 *     logits times                           1             1 / m_w       1 / m_w
 *     attention scores q.k times             1 / sqrt(D)   1 / D         1 / D
 *       with qk_norm                         1 / sqrt(D)   1 / sqrt(D)   1 / sqrt(D)
 *     learning rate of a layer's matrices    1             1 / m_w       1 / m_w
 *     eps                                    1             1 / m_w       1 / m_w, in layers
 *                                                                        1 / (m_w m_L)
 *
 * (mup: Yang et al. 2022, with Adam; completep: Dey et al. 2025, with alpha = 1). Decoupled decay
 * does not follow the learning rate of its row: eta lambda is that of the base. Numbers that layers
 * multiply by, gains and gates learn as the weights of norms do, tables of value embeddings as
 * embeddings do; those of attention have the eps of layers.
 *
 * Updates as large as the gradient (SGD) have other rates, because gradients shrink with width and
 * depth: m_w for all but the layers' matrices, and m_L in layers for completep. Where a matrix is
 * updated by its polar factor (Muon), the rate stays as it is while the update's largest singular
 * value does not grow with the width; scaled to the size of Adam's elements (match_rms) it grows as
 * sqrt(m_w), and the rate is 1 / sqrt(m_w). */
#ifndef LM_MODEL_TRANSFER_H
#define LM_MODEL_TRANSFER_H

#include "model/model.h"

typedef struct lm_multipliers {
    float branch; /* of what attention and MLP add to the residual stream */
    float logits;
    float scores; /* of q.k */
} lm_multipliers;
/* Options resolved. */
lm_multipliers lm_model_multipliers(const lm_model_options *o);

/* m_w and m_L; 1 where the parametrization does not depend on it. */
double lm_model_width_ratio(const lm_model_options *o);
double lm_model_depth_ratio(const lm_model_options *o);

/* Of a row. in_layer: it is one of a layer's. */
lm_param_factors lm_model_factors(const lm_model_options *o, lm_param_role role, bool in_layer);
/* Its initial standard deviation, where that of a standard model is 1: the base's own width and
 * depth count in place of the model's. init_std is o->init_std; `residual`: it writes to the
 * residual stream. */
double lm_model_initial_std(const lm_model_options *o, lm_param_role role, double inputs,
                            bool residual);

#endif
