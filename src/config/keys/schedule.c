#include "config/keys/rows.h"

static bool uses_min_lr(const lm_config *c) {
    return lm_schedule_uses_min(c->schedule.kind);
}

/* clang-format off */
static const lm_key keys[] = {
    {"schedule.name", CHOICE(schedule.kind, lm_schedule_name, "cosine"), MAY_CHANGE,
     .help = "Course of the learning rate after the warm-up (Loshchilov & Hutter 2017)."},
    {"schedule.warmup_steps", INTEGER(schedule.warmup_steps, 0, STEPS_MOST, "100"), MAY_CHANGE,
     .help = "Steps in which the learning rate rises from 0; the last of them has optimizer.lr. "
             "If not given: 100, or a tenth of train.steps if that is less."},
    {"schedule.min_lr_ratio", REAL(schedule.min_lr_ratio, 0, 1, "0.1"), MAY_CHANGE,
     WHEN(uses_min_lr, "schedule.name"),
     .help = "Learning rate of the last step, as a share of optimizer.lr, also where the warm-up "
             "ends with that step and where it is the only one."},
};
/* clang-format on */
SECTION(schedule);
