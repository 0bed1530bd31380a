#include "model/transfer.h"

#include <math.h>

const char *lm_parametrization_name(int kind) {
    static const char *const names[LM_PARAMETRIZATION_COUNT] = {"standard", "mup", "completep"};
    return kind >= 0 && kind < LM_PARAMETRIZATION_COUNT ? names[kind] : NULL;
}

double lm_model_width_ratio(const lm_model_options *o) {
    if (o->parametrization == LM_STANDARD) return 1;
    return (double)o->d_model / (double)o->base_d_model;
}

double lm_model_depth_ratio(const lm_model_options *o) {
    if (o->parametrization != LM_COMPLETEP) return 1;
    return (double)o->n_layers / (double)o->base_n_layers;
}

lm_multipliers lm_model_multipliers(const lm_model_options *o) {
    const float head = (float)o->head_dim;
    const bool plain = o->parametrization == LM_STANDARD || o->qk_norm;
    return (lm_multipliers){.branch = (float)(1 / lm_model_depth_ratio(o)),
                            .logits = (float)(1 / lm_model_width_ratio(o)),
                            .scores = 1.0f / (plain ? sqrtf(head) : head)};
}

lm_param_factors lm_model_factors(const lm_model_options *o, lm_param_role role, bool in_layer) {
    const bool hidden = role == LM_ROLE_HIDDEN;
    const double width = lm_model_width_ratio(o);
    const double depth = in_layer ? lm_model_depth_ratio(o) : 1;
    return (lm_param_factors){.lr = hidden ? 1 / width : 1,
                              .lr_gradient = (hidden ? 1 : width) * depth,
                              .lr_polar = 1,
                              .lr_rms = hidden ? 1 / sqrt(width) : 1,
                              .eps = 1 / (width * depth)};
}

double lm_model_initial_std(const lm_model_options *o, lm_param_role role, double inputs,
                            bool residual) {
    const double width = lm_model_width_ratio(o);
    const bool hidden = role == LM_ROLE_HIDDEN;
    /* The inputs of a line of the matrix, of variance 1 each, add up to variance 1 (LeCun et al.
     * 1998). An embedding has the width of the model as a head that is tied to it. */
    double std = o->init_std > 0 ? o->init_std / (hidden ? sqrt(width) : 1)
                                 : 1 / sqrt(hidden ? inputs : inputs / width);
    if (!residual) return std;
    switch ((lm_init_kind)o->init) {
    case LM_INIT_GPT2: /* Radford et al. 2019, 2.3: two branches a layer add up in the residual */
        return std / sqrt(2.0 * ((double)o->n_layers / lm_model_depth_ratio(o)));
    case LM_INIT_ZERO_OUTPUT:
        return 0;
    default:
        return std;
    }
}
