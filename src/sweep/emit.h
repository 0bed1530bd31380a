/* Scripts that run a sweep without lmtrain's workers: for job schedulers and other tools. */
#ifndef LM_SWEEP_EMIT_H
#define LM_SWEEP_EMIT_H

#include "sweep/sweep.h"

typedef enum lm_emit_kind {
    LM_EMIT_COMMANDS, /* a command a line: xargs, a Makefile, ... */
    LM_EMIT_SLURM,    /* a script for sbatch: an array of jobs */
    LM_EMIT_PARALLEL, /* a script for GNU parallel */
} lm_emit_kind;
const char *lm_emit_name(int kind); /* NULL past the end */

/* Appends the script. `program` is lmtrain's path. It holds every trial's command whole, and may be
 * run again: trials go on where they were. `parallel` trials run at once, where the kind of script
 * says how many do (0: as many as there is room for), on `threads` threads each (0: one; with
 * LM_EMIT_COMMANDS as the config says). LM_ERR_USAGE for tpe and halving, where what runs depends
 * on results. */
lm_status lm_sweep_emit(const lm_sweep *s, lm_emit_kind kind, const char *program, int64_t parallel,
                        int64_t threads, lm_text *out, lm_error *err);

#endif
