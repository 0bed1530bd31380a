#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"eval.every", INTEGER(eval.every, 0, STEPS_MOST, "250"), MAY_CHANGE,
     WHEN(lm_config_validates, "data.val"),
     .help = "Steps between evaluations. 0: only at the end."},
    {"eval.tokens", INTEGER(eval.tokens, 0, COUNT_MOST, "131072"), MAY_CHANGE,
     WHEN(lm_config_validates, "data.val"),
     .help = "Validation tokens per evaluation, of each set, spread evenly over it. 0: all."},
};
/* clang-format on */
SECTION(eval);
