#include "config/keys/rows.h"

static bool evaluates_both(const lm_config *c) {
    return lm_config_validates(c) && lm_config_averages(c);
}

/* clang-format off */
static const lm_key keys[] = {
    {"eval.every", INTEGER(eval.every, 0, STEPS_MOST, "250"), MAY_CHANGE,
     WHEN(lm_config_validates, "data.val"),
     .help = "Steps between evaluations. 0: only at the end."},
    {"eval.tokens", INTEGER(eval.tokens, 0, COUNT_MOST, "131072"), MAY_CHANGE,
     WHEN(lm_config_validates, "data.val"),
     .help = "Validation tokens per evaluation, of each set, spread evenly over it. 0: all."},
    {"eval.targets", NUMBERS(eval.targets, 0, 1000), NEUTRAL,
     WHEN(lm_config_validates, "data.val"),
     .help = "Validation losses, [2.0, 1.88]: summary.json tells the step, tokens, FLOPs and "
             "seconds at which the run first had each of them, at an evaluation and on a line "
             "between evaluations."},
    {"eval.patience", INTEGER(eval.patience, 0, STEPS_MOST, "0"), MAY_CHANGE,
     WHEN(lm_config_validates, "data.val"),
     .help = "The run ends, finished, after so many evaluations in a row whose loss was not below "
             "the best one. 0: it takes all of train.steps."},
    {"eval.raw", BOOLEAN(eval.raw, "true"), MAY_CHANGE,
     WHEN(evaluates_both, "train.ema"), AND_WHEN("data.val"),
     .help = "Whether a run that keeps an average of the weights evaluates the weights "
             "themselves too, on the first set: val_loss_raw. It takes as long again."},
};
/* clang-format on */
SECTION(eval);
