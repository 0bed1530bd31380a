#include "sweep/emit.h"

#include <stdlib.h>
#include <string.h>

#include "sweep/directory.h"

const char *lm_emit_name(int kind) {
    static const char *const names[] = {"commands", "slurm", "parallel"};
    return kind >= 0 && kind < 3 ? names[kind] : NULL;
}

static void put_commands(const lm_sweep *s, const char *program, const char *base, int64_t threads,
                         lm_text *out) {
    for (int64_t trial = 0; trial < s->n_trials; trial++) {
        lm_text command = {0};
        lm_trial_command(s, program, base, trial, threads, &command);
        /* A line is a command: a newline inside of quotes would be the end of it. */
        for (size_t i = 0; i < command.length; i++)
            if (command.data[i] == '\n') command.data[i] = ' ';
        lm_text_append(out, lm_text_cstr(&command), command.length);
        lm_text_append(out, "\n", 1);
        out->failed |= command.failed;
        lm_text_free(&command);
    }
}

/* The limit of arrays that Slurm has unless its config says more: indices are below it. */
enum { SLURM_ARRAY_SIZE = 1001 };

static void put_slurm(const lm_sweep *s, int64_t parallel, int64_t threads, lm_text *out) {
    lm_text_printf(out,
                   "#!/bin/sh\n"
                   "#SBATCH --job-name=lmtrain-sweep\n"
                   "#SBATCH --array=0-%lld",
                   (long long)s->n_trials - 1);
    if (parallel > 0) lm_text_printf(out, "%%%lld", (long long)parallel);
    lm_text_printf(out,
                   "\n"
                   "#SBATCH --ntasks=1 --cpus-per-task=%lld --requeue --open-mode=append\n"
                   "# sbatch this file in the directory in which it was made. An element of the"
                   " array is a trial.\n",
                   (long long)threads);
    if (s->n_trials > SLURM_ARRAY_SIZE)
        lm_text_printf(out,
                       "# The cluster's MaxArraySize must be %lld at least (scontrol show config):"
                       " Slurm's default is %d.\n",
                       (long long)s->n_trials, SLURM_ARRAY_SIZE);
    lm_text_printf(out,
                   "eval \"exec $(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" <<'END_OF_TRIALS'\n");
}

static void put_parallel(int64_t parallel, int64_t threads, lm_text *out) {
    lm_text_printf(out, "#!/bin/sh\n");
    if (parallel > 0)
        lm_text_printf(out, "# Runs %lld trials at once", (long long)parallel);
    else
        lm_text_printf(out, "# Runs as many trials at once as there are CPUs for");
    lm_text_printf(out, ", each on %lld thread%s. Options of parallel may follow.\n",
                   (long long)threads, threads == 1 ? "" : "s");
    if (parallel > 0)
        lm_text_printf(out, "exec parallel --jobs %lld", (long long)parallel);
    else
        lm_text_printf(out,
                       "jobs=$(($(nproc) / %lld))\n"
                       "exec parallel --jobs $((jobs > 0 ? jobs : 1))",
                       (long long)threads);
    lm_text_printf(out, " \"$@\" <<'END_OF_TRIALS'\n");
}

lm_status lm_sweep_emit(const lm_sweep *s, lm_emit_kind kind, const char *program, int64_t parallel,
                        int64_t threads, lm_text *out, lm_error *err) {
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
    if (kind != LM_EMIT_COMMANDS && threads == 0) threads = 1;
    if (kind == LM_EMIT_SLURM) put_slurm(s, parallel, threads, out);
    if (kind == LM_EMIT_PARALLEL) put_parallel(parallel, threads, out);
    put_commands(s, program, base, threads, out);
    if (kind == LM_EMIT_SLURM) lm_text_printf(out, "END_OF_TRIALS\n)\"\n");
    if (kind == LM_EMIT_PARALLEL) lm_text_printf(out, "END_OF_TRIALS\n");
    if (out->failed) status = lm_error_no_memory(err, NULL);
out:
    free(base);
    return status;
}
