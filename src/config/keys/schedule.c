#include "config/keys/rows.h"

static bool is_short(const lm_config *c) {
    return !c->schedule.lr.given;
}
static bool uses_min_lr(const lm_config *c) {
    return is_short(c) && lm_schedule_has_end(c->schedule.kind);
}

/* Does an optimizer of the run, or of one of its groups, have the option? */
static bool uses(const lm_config *c, unsigned bit) {
    bool any = lm_optimizer_uses(c->optimizer.kind) & bit;
    for (int64_t i = 0; i < c->groups.count; i++)
        any |= (lm_optimizer_uses(lm_group_options(c, i).kind) & bit) != 0;
    return any;
}
static bool uses_momentum(const lm_config *c) {
    return uses(c, LM_USES_MOMENTUM);
}
static bool has_ema(const lm_config *c) {
    return c->train.ema > 0 && c->train.ema_tokens == 0;
}
static bool has_more_targets(const lm_config *c) {
    return c->model.multi_token.count > 0;
}
static bool uses_weight_decay(const lm_config *c) {
    return uses(c, LM_USES_WEIGHT_DECAY);
}

/* clang-format off */
static const lm_key keys[] = {
    {"schedule.lr", SCHEDULE(schedule.lr, LM_SCHEDULE_SHARES, 0, 1000), MAY_CHANGE,
     .help = "Course of the learning rate: {\"shape\": \"wsd\", \"warmup\": \"2%\", \"decay\": "
             "\"40%\", \"decay_shape\": \"1-sqrt\", \"end\": 0}. It rises from `start` to "
             "optimizer.lr over `warmup`, then follows `shape`: constant, cosine, linear, "
             "inverse_sqrt, wsd (warmup, stable, decay) or stages ({\"stages\": [[\"50%\", 0.5]]}: "
             "from then on half). The last step has `end`; both are shares of optimizer.lr. "
             "decay_shape: linear, cosine, 1-sqrt (Haegele et al. 2024), power ((1 - x)^`power`). "
             "Lengths are steps, \"5%\" or \"2M tokens\". The default warmup is that of "
             "warmup_steps. The next three keys are a short form."},
    {"schedule.name", CHOICE(schedule.kind, lm_schedule_short_name, "cosine"), MAY_CHANGE,
     WHEN(is_short, "schedule.lr"),
     .help = "Course of the learning rate after the warm-up (Loshchilov & Hutter 2017). wsd and "
             "inverse_sqrt fall by 1-sqrt in the last fifth of the run."},
    {"schedule.warmup_steps", INTEGER(schedule.warmup_steps, 0, STEPS_MOST, "100"), MAY_CHANGE,
     WHEN(is_short, "schedule.lr"),
     .help = "Steps in which the learning rate rises from 0; the last of them has optimizer.lr. "
             "If not given: 100, or a tenth of train.steps if that is less."},
    {"schedule.min_lr_ratio", REAL(schedule.min_lr_ratio, 0, 1, "0.1"), MAY_CHANGE,
     WHEN(uses_min_lr, "schedule.name"), AND_WHEN("schedule.lr"),
     .help = "Learning rate of the last step, as a share of optimizer.lr, also where the warm-up "
             "ends with that step and where it is the only one."},
    {"schedule.momentum", SCHEDULE(schedule.momentum, LM_SCHEDULE_VALUES, 0, 0.9999999),
     MAY_CHANGE, WHEN(uses_momentum, "optimizer.name"), AND_WHEN("optimizer.groups"),
     .help = "Course of optimizer.momentum, as schedule.lr; `start` and `end` are momenta: "
             "{\"start\": 0.85, \"warmup\": 300}."},
    {"schedule.weight_decay", SCHEDULE(schedule.weight_decay, LM_SCHEDULE_SHARES, 0, 1000),
     MAY_CHANGE, WHEN(uses_weight_decay, "optimizer.name"), AND_WHEN("optimizer.groups"),
     .help = "Course of optimizer.weight_decay, as schedule.lr, beside which it is multiplied by "
             "the learning rate."},
    {"schedule.ema", SCHEDULE(schedule.ema, LM_SCHEDULE_VALUES, 0, 0.9999999),
     MAY_CHANGE, WHEN(has_ema, "train.ema"), AND_WHEN("train.ema_tokens"),
     .help = "Course of train.ema, as schedule.lr; `start` and `end` are shares that stay: "
             "{\"start\": 0.9, \"warmup\": \"20%\", \"shape\": \"constant\"} forgets the "
             "first steps soon."},
    {"schedule.batch", SCHEDULE(schedule.batch, LM_SCHEDULE_VALUES, 1, SIZE_MOST), WHOLE,
     MAY_CHANGE,
     .help = "Course of the batch, in windows up to train.batch: {\"stages\": [[0, 8], [\"33%\", "
             "16]]}. It follows from what was trained on before a step and is rounded down to a "
             "multiple of train.lanes. The learning rate stays what schedule.lr says."},
    {"schedule.window", SCHEDULE(schedule.window, LM_SCHEDULE_VALUES, 1, SIZE_MOST), WHOLE,
     MAY_CHANGE,
     .help = "Course of the attention window of training, in tokens, up to model.window, or the "
             "context when that is 0: {\"shape\": \"constant\", \"start\": 32, \"warmup\": "
             "\"50%\"}. Evaluation and the saved model have model.window."},
    {"schedule.multi_token", SCHEDULE(schedule.multi_token, LM_SCHEDULE_SHARES, 0, 1), MAY_CHANGE,
     WHEN(has_more_targets, "model.multi_token"),
     .help = "Course of the weights of model.multi_token, as schedule.lr: {\"shape\": \"linear\", "
             "\"end\": 0} lets them vanish, {\"stages\": [[\"67%\", 0]]} ends them at once."},
};
/* clang-format on */
SECTION(schedule);
