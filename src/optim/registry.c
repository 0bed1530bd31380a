/* The optimizers, in the order in which help and the reference name them. */
#include "optim/kind.h"

extern const lm_optimizer_kind lm_optimizer_sgd, lm_optimizer_momentum, lm_optimizer_adam,
    lm_optimizer_adamw, lm_optimizer_lion, lm_optimizer_ademamix, lm_optimizer_schedule_free,
    lm_optimizer_muon;

const lm_optimizer_kind *const lm_optimizer_kinds[] = {
    &lm_optimizer_sgd,           &lm_optimizer_momentum, &lm_optimizer_adam,
    &lm_optimizer_adamw,         &lm_optimizer_lion,     &lm_optimizer_ademamix,
    &lm_optimizer_schedule_free, &lm_optimizer_muon,     NULL};
