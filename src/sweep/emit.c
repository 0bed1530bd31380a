#include "sweep/emit.h"

#include <stdlib.h>
#include <string.h>

#include "sweep/directory.h"

const char *lm_emit_name(int kind) {
    static const char *const names[] = {"commands", "slurm", "parallel"};
    return kind >= 0 && kind < 3 ? names[kind] : NULL;
}

static void put_commands(const lm_sweep *s, const char *program, const char *base, lm_text *out) {
    for (int64_t trial = 0; trial < s->n_trials; trial++) {
        lm_text command = {0};
        lm_trial_command(s, program, base, trial, &command);
        /* A line is a command: a newline inside of quotes would be the end of it. */
        for (size_t i = 0; i < command.length; i++)
            if (command.data[i] == '\n') command.data[i] = ' ';
        lm_text_append(out, lm_text_cstr(&command), command.length);
        lm_text_append(out, "\n", 1);
        out->failed |= command.failed;
        lm_text_free(&command);
    }
}

lm_status lm_sweep_emit(const lm_sweep *s, lm_emit_kind kind, const char *program, lm_text *out,
                        lm_error *err) {
    char *base = lm_sweep_base_path(s);
    lm_status status = base ? LM_OK : lm_error_no_memory(err, NULL);
    if (s->rungs > 1 || s->options.method == LM_SWEEP_TPE)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "--emit: which trials run depends on results with %s: run workers"
                              " instead, lmtrain sweep --join %s, as many as you like",
                              s->rungs > 1 ? "sweep.halving" : "tpe", s->options.dir);
    else if (base && (strchr(base, '\n') || strchr(program, '\n')))
        status = lm_error_set(err, LM_ERR_USAGE, "--emit: a command is a line, but %s has several",
                              strchr(base, '\n') ? base : program);
    if (status != LM_OK) goto out;
    if (kind == LM_EMIT_SLURM)
        lm_text_printf(out,
                       "#!/bin/sh\n"
                       "#SBATCH --job-name=lmtrain-sweep\n"
                       "#SBATCH --array=0-%lld\n"
                       "#SBATCH --cpus-per-task=1\n"
                       "# sbatch this file in the directory in which it was made. An element of the"
                       " array is a trial.\n"
                       "eval \"exec $(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" <<'END_OF_TRIALS'\n",
                       (long long)s->n_trials - 1);
    if (kind == LM_EMIT_PARALLEL)
        lm_text_printf(out, "#!/bin/sh\n"
                            "# Runs as many trials at once as there are CPUs, each on one thread."
                            " Options of parallel may follow.\n"
                            "export OMP_NUM_THREADS=1\n"
                            "exec parallel \"$@\" <<'END_OF_TRIALS'\n");
    put_commands(s, program, base, out);
    if (kind == LM_EMIT_SLURM) lm_text_printf(out, "END_OF_TRIALS\n)\"\n");
    if (kind == LM_EMIT_PARALLEL) lm_text_printf(out, "END_OF_TRIALS\n");
    if (out->failed) status = lm_error_no_memory(err, NULL);
out:
    free(base);
    return status;
}
