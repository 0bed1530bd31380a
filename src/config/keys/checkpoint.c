#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"checkpoint.every", INTEGER(checkpoint.every, 0, STEPS_MOST, "500"), NEUTRAL,
     .help = "Steps between checkpoints. 0: only at the end."},
    {"checkpoint.final", BOOLEAN(checkpoint.final, "true"), NEUTRAL,
     .help = "Whether the run writes a checkpoint when it has taken its last step. false is for "
             "trials of which only the losses are wanted; a run that pauses or is interrupted "
             "writes one all the same."},
    {"checkpoint.keep_last", INTEGER(checkpoint.keep_last, 1, SIZE_MOST, "2"), NEUTRAL,
     .help = "This many of the newest checkpoints are kept."},
    {"checkpoint.keep_every", INTEGER(checkpoint.keep_every, 0, STEPS_MOST, "0"), NEUTRAL,
     .help = "Checkpoints of steps that are multiples of this are kept for good. 0: none."},
    {"checkpoint.keep_best", INTEGER(checkpoint.keep_best, 0, SIZE_MOST, "0"), NEUTRAL,
     WHEN(lm_config_validates, "data.val"),
     .help = "This many checkpoints with the lowest validation loss are kept too; "
             "a checkpoint's loss is that of the last evaluation before it."},
    {"checkpoint.before_wall", INTEGER(checkpoint.before_wall, 0, 1e6, "60"), NEUTRAL,
     .help = "The run writes a checkpoint and stops at least this many seconds before the end of "
             "the scheduler's job (of Slurm, by SLURM_JOB_END_TIME or squeue). 0: it ignores that "
             "end."},
};
/* clang-format on */
SECTION(checkpoint);
