/* The commands, one file each; main.c runs what lm_commands_run says. */
#ifndef LM_CLI_COMMANDS_H
#define LM_CLI_COMMANDS_H

#include "cli/options.h"
#include "machine/pool.h"
#include "ops/session.h"
#include "saved/saved.h"

/* Every command, in the order in which help lists them: NAME stands for lm_command_NAME in
 * NAME.c. */
/* clang-format off */
#define LM_COMMANDS(X)                                                                      \
    X(train) X(sweep) X(tokenize) X(generate) X(eval) X(average) X(import) X(export)        \
    X(inspect) X(report) X(watch) X(diff) X(scaling) X(lr_find) X(coord_check) X(bench)     \
    X(init) X(help)
/* clang-format on */

#define LM_COMMAND_DECLARE(name) extern const lm_command lm_command_##name;
LM_COMMANDS(LM_COMMAND_DECLARE)
#undef LM_COMMAND_DECLARE

const lm_command *lm_command_at(int i); /* NULL past the end */
/* NULL and LM_ERR_USAGE in *err, with a suggestion, when there is none of this name. */
const lm_command *lm_command_find(const char *name, lm_error *err);
/* The help text of lmtrain itself. */
void lm_commands_help(lm_text *out);

/* Picks the command of argv[1] and runs it. An option there means the command train. */
lm_status lm_commands_run(int argc, const char *const *argv, lm_error *err);

/* What several commands share: --threads and --cpu. */
typedef struct lm_machine_options {
    int64_t threads; /* 0: lm_cpu_threads */
    int cpu;         /* an index of lm_cpu_option_name */
} lm_machine_options;
const char *lm_token_bytes_option_name(int i); /* "auto", "2", "4"; NULL past the end */
const char *lm_cpu_option_name(int i);         /* "auto", "scalar", ...; NULL past the end */
/* Their rows; `machine` is the member of `owner`. */
/* clang-format off */
#define LM_OPTION_THREADS(owner, machine)                                              \
    {"threads", "N",                                                                   \
     "threads to compute on; 0: one a core, or OMP_NUM_THREADS, at most the CPUs",       \
     LM_STORED(owner, machine.threads), .count = {.most = LM_POOL_MAX_THREADS}}
/* Of commands that take a run config. */
#define LM_OPTION_RUN_THREADS(owner, machine)                                          \
    {"threads", "N", "threads to compute on, whatever run.threads says; 0: run.threads", \
     LM_STORED(owner, machine.threads), .count = {.most = LM_POOL_MAX_THREADS}}
#define LM_OPTION_CPU(owner, machine)                                                  \
    {"cpu", "ISA", "the highest instruction set to use",                               \
     LM_STORED(owner, machine.cpu), .choice = {.name = lm_cpu_option_name}}
#define LM_OPTION_PRECISION(owner, member)                                         \
    {"precision", "PRECISION",                                                     \
     "of the operands of matrix products (default: that of the run)",              \
     LM_STORED(owner, member), .choice = {.name = lm_precision_name, .by_default = -1}}
/* Choice 0, 1, 2 is 0 (auto), 2, 4 bytes: twice its index is lm_corpus_options.token_bytes. */
#define LM_OPTION_TOKEN_BYTES(owner, member)                                       \
    {"token-bytes", "N",                                                           \
     "bytes per token of raw shards without a manifest; auto: as the vocabulary"   \
     " or their looks say", LM_STORED(owner, member),                              \
     .choice = {.name = lm_token_bytes_option_name}}
/* clang-format on */
/* --checkpoint, which says the same as the argument RUN_OR_FILE. */
/* clang-format off */
#define LM_OPTION_CHECKPOINT(owner, member)                                           \
    {"checkpoint", "RUN_OR_FILE",                                                     \
     "a checkpoint, or a run directory: its newest good one; or give it as argument", \
     LM_STORED(owner, member)}
/* clang-format on */
/* --weights: an index of lm_weights_name, for lm_saved_choose. */
/* clang-format off */
#define LM_OPTION_WEIGHTS(owner, member)                                            \
    {"weights", "WHICH",                                                            \
     "of a run that keeps an average of its weights (train.ema): raw, the average," \
     " or what the run itself evaluates",                                           \
     LM_STORED(owner, member), .choice = {.name = lm_weights_name}}
/* clang-format on */
/* *path: the one of the two that was given; LM_ERR_USAGE unless it is just one. */
lm_status lm_checkpoint_argument(const char *command, const lm_option_texts *arguments,
                                 const char *option, const char **path, lm_error *err);
/* Computes with this precision, an index of lm_precision_name, instead of the run's; -1: with the
 * run's. */
void lm_precision_chosen(int precision, lm_saved *saved);
/* lm_saved_begin_token of it. */
int32_t lm_begin_token(const lm_saved *saved, const lm_tokenizer *t);
/* The instruction sets that --cpu allows; LM_ERR_USAGE when this CPU lacks the one it names. */
lm_status lm_machine_isas(const lm_machine_options *m, lm_isa_mask *isas, lm_error *err);
/* The session (ops/session.h) that they describe. */
lm_status lm_machine_session(const lm_machine_options *m, lm_session *session, lm_error *err);

/* Writes text to stdout; LM_ERR_RUNTIME when that fails (a full disk, a closed pipe). */
lm_status lm_print(const lm_text *text, lm_error *err);
/* Appends all of standard input. */
lm_status lm_read_standard_input(lm_text *out, lm_error *err);
/* Prints what was found although `status` may be an error, which is described in *err and stays:
 * returns it, else that of lm_print. */
lm_status lm_print_after(lm_status status, const lm_text *text, lm_error *err);

/* Names on stderr the checkpoints that were not good and what is wrong with them, a line each. */
void lm_warn_passed_over(const lm_text *skipped);

#endif
