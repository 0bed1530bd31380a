/* The commands, one file each; main.c runs what lm_commands_run says. */
#ifndef LM_CLI_COMMANDS_H
#define LM_CLI_COMMANDS_H

#include "cli/options.h"
#include "machine/cpu.h"
#include "machine/pool.h"

extern const lm_command lm_command_train;
extern const lm_command lm_command_tokenize;
extern const lm_command lm_command_generate;
extern const lm_command lm_command_eval;
extern const lm_command lm_command_inspect;
extern const lm_command lm_command_diff;
extern const lm_command lm_command_bench;

/* Picks the command of argv[1] and runs it; `lmtrain --config ...` is `lmtrain train --config ...`. */
lm_status lm_commands_run(int argc, const char *const *argv, lm_error *err);

/* What several commands share: --threads and --cpu, and the pool and kernels they mean. */
#define LM_MACHINE_OPTIONS                                                                     \
    {"threads", "N", "threads to compute on; 0: as many as CPUs may be used", false}, {        \
        "cpu", "ISA", "highest instruction set to use: scalar, avx2, avx512, ...; auto", false \
    }
lm_status lm_machine_options(const lm_options *o, int *threads, lm_isa_mask *isas, lm_error *err);

/* Writes text to stdout; LM_ERR_RUNTIME when that fails (a full disk, a closed pipe). */
lm_status lm_print(const lm_text *text, lm_error *err);

/* Names on stderr the checkpoints that were not good and what is wrong with them, a line each. */
void lm_warn_passed_over(const lm_text *skipped);

#endif
