#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"checkpoint.every", INTEGER(checkpoint.every, 0, STEPS_MOST, "500"), MAY_CHANGE,
     .help = "steps between checkpoints; 0: only at the end"},
    {"checkpoint.keep_last", INTEGER(checkpoint.keep_last, 1, SIZE_MOST, "2"), MAY_CHANGE,
     .help = "newest checkpoints kept"},
    {"checkpoint.keep_every", INTEGER(checkpoint.keep_every, 0, STEPS_MOST, "0"), MAY_CHANGE,
     .help = "checkpoints of steps that are multiples of it are kept for good; 0: none"},
    {"checkpoint.keep_best", INTEGER(checkpoint.keep_best, 0, SIZE_MOST, "0"), MAY_CHANGE,
     WHEN(lm_config_validates, "data.val"),
     .help = "checkpoints kept for the lowest validation loss, as it was last evaluated before them"},
    {"checkpoint.before_wall", INTEGER(checkpoint.before_wall, 0, 1e6, "60"), MAY_CHANGE,
     .help = "seconds before the end of the scheduler's job (SLURM_JOB_END_TIME) by which a checkpoint is written and the run stopped; 0: never"},
};
/* clang-format on */
SECTION(checkpoint);
