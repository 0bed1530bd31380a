#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"run.dir", TEXT(run.dir), REQUIRED, MAY_CHANGE,
     .help = "the run directory, made when missing: config, metrics, checkpoints, summary"},
    {"run.seed", INTEGER(run.seed, 0, COUNT_MOST, "1"),
     .help = "of initial weights and data order"},
    {"run.init_from", TEXT(run.init_from),
     .help = "a checkpoint, or a run's directory, whose weights a new run begins with (finetuning); empty: random weights"},
    {"run.threads", INTEGER(run.threads, 0, 1024, "0"), MAY_CHANGE,
     .help = "0: as many as CPUs may be used; never changes a bit of the result"},
    {"run.interrupt_exit_code", INTEGER(run.interrupt_exit_code, 4, 125, "4"), MAY_CHANGE,
     .help = "when stopped by a signal or before_wall, for schedulers that requeue by it (75: EX_TEMPFAIL; 99: Grid Engine)"},
};
/* clang-format on */
SECTION(run);
