#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/comm.h"
#include "comm/launch.h"
#include "text/compressed.h"
#include "tokenizer/normal_form.h"
#include "tokenizer/pattern.h"

#define ROW(name) &lm_command_##name,
static const lm_command *const commands[] = {LM_COMMANDS(ROW)};
enum { COUNT = sizeof commands / sizeof *commands };

lm_status lm_print(const lm_text *text, lm_error *err) {
    if (text->failed) return lm_error_no_memory(err, NULL);
    if (fwrite(lm_text_cstr(text), 1, text->length, stdout) == text->length && fflush(stdout) == 0)
        return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME, "standard output: cannot write: %s",
                        lm_error_errno(errno));
}

lm_status lm_read_standard_input(lm_text *out, lm_error *err) {
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, stdin)) > 0;) lm_text_append(out, block, n);
    if (ferror(stdin)) return lm_error_set(err, LM_ERR_RUNTIME, "standard input: read error");
    return out->failed ? lm_error_no_memory(err, "standard input") : LM_OK;
}

lm_status lm_print_after(lm_status status, const lm_text *text, lm_error *err) {
    lm_error printing;
    if (status == LM_OK) return lm_print(text, err);
    if (text->length > 0) (void)lm_print(text, &printing);
    return status;
}

void lm_commands_help(lm_text *out) {
    lm_text_printf(out, "lmtrain: trains language models on CPUs\n\nUsage:\n"
                        "  lmtrain --config run.json [--resume] [--set key.path=value]...\n"
                        "  lmtrain COMMAND [OPTIONS]\n\nCommands:\n");
    for (int i = 0; i < COUNT; i++)
        lm_text_printf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    lm_text_printf(out, "\nOptions:\n");
    for (const lm_option *o = lm_options_everywhere; o->name; o++)
        lm_text_printf(out, "  -%c, --%-8s %s\n", o->letter, o->name, o->help);
    lm_text_printf(out, "\nlmtrain COMMAND --help explains a command, with an example.\n");
    lm_options_exit_codes(out);
}

static lm_status print_help(lm_error *err) {
    lm_text t = {0};
    lm_commands_help(&t);
    lm_status status = lm_print(&t, err);
    lm_text_free(&t);
    return status;
}

static lm_status print_version(lm_error *err) {
    char isas[128], model[256], libraries[128], mpi[128];
    const char *sends_by = lm_comm_library(mpi, sizeof mpi);
    lm_text t = {0};
    lm_text_printf(
        &t,
        "lmtrain %s\ncompiler: %s\nlibraries: %s, %s, %s, %s\ninstruction sets: %s\nCPU: "
        "%s, %d usable\n",
        LM_VERSION,
#ifdef __clang__
        __VERSION__,
#else
        "GCC " __VERSION__,
#endif
        lm_decoder_libraries(libraries, sizeof libraries), lm_normal_form_library(),
        lm_pattern_library(), sends_by ? sends_by : "without MPI",
        lm_cpu_describe(lm_cpu_detect(), isas, sizeof isas), lm_cpu_model(model, sizeof model),
        lm_cpu_usable());
    lm_status status = lm_print(&t, err);
    lm_text_free(&t);
    return status;
}

static const char *candidate(int i, const void *context) {
    (void)context;
    return i < COUNT ? commands[i]->name : NULL;
}

const lm_command *lm_command_at(int i) {
    return i < COUNT ? commands[i] : NULL;
}

const lm_command *lm_command_find(const char *name, lm_error *err) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    char near[LM_TEXT_SUGGESTION_SIZE];
    lm_text_did_you_mean(near, lm_text_nearest(name, candidate, NULL));
    lm_error_set(err, LM_ERR_USAGE, "unknown command \"%s\"%s (lmtrain --help lists them)", name,
                 near);
    return NULL;
}

/* A command for one process was started several times. The first copy says so for all. */
static lm_status refuse_copies(const lm_command *c, const lm_launch *l, lm_error *err) {
    if (l->rank > 0) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s works in one process, and %s has started %d copies of it: start it"
                        " without %s (copies that are to work each for itself: %s ... env -u %s"
                        " lmtrain %s ...)",
                        c->name, l->launcher, l->size, l->launcher, l->launcher, l->variable,
                        c->name);
}

static lm_status run(const lm_command *command, int argc, const char *const *argv, lm_error *err) {
    const lm_option *everywhere = lm_options_everywhere;
    if (lm_options_ask_for(command, argc, argv, &everywhere[LM_EVERYWHERE_VERSION]))
        return print_version(err);
    if (lm_options_ask_for(command, argc, argv, &everywhere[LM_EVERYWHERE_HELP])) {
        lm_text t = {0};
        lm_options_help(command, &t);
        lm_status status = lm_print(&t, err);
        lm_text_free(&t);
        return status;
    }
    const lm_launch launch = lm_launch_read();
    if (launch.size > 1 && !command->shared) return refuse_copies(command, &launch, err);
    void *request = calloc(1, command->size);
    if (!request) return lm_error_no_memory(err, NULL);
    lm_status status = lm_options_parse(command, argc, argv, request, err);
    if (status != LM_OK) goto out;
    status = command->run(request, err);
out:
    free(request);
    return status;
}

lm_status lm_commands_run(int argc, const char *const *argv, lm_error *err) {
    if (argc < 2) {
        (void)print_help(err);
        return lm_error_set(err, LM_ERR_USAGE, "expected a command or --config");
    }
    const char *first = argv[1];
    if (lm_option_is(&lm_options_everywhere[LM_EVERYWHERE_HELP], first)) return print_help(err);
    if (first[0] == '-') return run(&lm_command_train, argc - 1, argv + 1, err);
    const lm_command *command = lm_command_find(first, err);
    return command ? run(command, argc - 2, argv + 2, err) : LM_ERR_USAGE;
}

void lm_warn_passed_over(const lm_text *skipped) {
    if (skipped->length > 0)
        fprintf(stderr, "lmtrain: warning: passed over:\n%s\n", lm_text_cstr(skipped));
}

/* Measured on models of 0.8M parameters: 42 tokens/s by the scalar kernels, 4,500 by AVX2's. */
enum { SCALAR_TIMES_SLOWER = 100 };

const char *lm_token_bytes_option_name(int i) {
    static const char *const names[] = {"auto", "2", "4"};
    return i >= 0 && i < (int)(sizeof names / sizeof *names) ? names[i] : NULL;
}

const char *lm_cpu_option_name(int i) {
    return i == 0 ? "auto" : lm_isa_name(i - 1);
}

lm_status lm_checkpoint_argument(const char *command, const lm_option_texts *arguments,
                                 const char *option, const char **path, lm_error *err) {
    const char *argument = arguments->count > 0 ? arguments->items[0] : NULL;
    *path = argument ? argument : option;
    if (argument && option)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: RUN_OR_FILE and --checkpoint say the same: leave one out",
                            command);
    if (!*path)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: RUN_OR_FILE or --checkpoint is required (lmtrain %s --help)",
                            command, command);
    return LM_OK;
}

void lm_precision_chosen(int precision, lm_saved *saved) {
    if (precision >= 0) saved->config.train.precision = precision;
}

int32_t lm_begin_token(const lm_saved *saved, const lm_tokenizer *t) {
    return lm_saved_begin_token(&saved->state, &saved->config.model, t);
}

lm_status lm_machine_isas(const lm_machine_options *m, lm_isa_mask *isas, lm_error *err) {
    *isas = lm_cpu_detect();
    lm_status status = lm_cpu_limit(lm_cpu_option_name(m->cpu), isas, err);
    if (status == LM_OK && lm_cpu_best(*isas) == LM_ISA_SCALAR)
        fprintf(stderr,
                "lmtrain: warning: only the scalar kernels run%s: about %d times slower than a CPU"
                " with AVX2 or NEON\n",
                lm_cpu_best(lm_cpu_detect()) == LM_ISA_SCALAR ? " on this CPU" : " (--cpu scalar)",
                SCALAR_TIMES_SLOWER);
    return status;
}

lm_status lm_machine_session(const lm_machine_options *m, lm_session *session, lm_error *err) {
    lm_isa_mask isas;
    lm_status status = lm_machine_isas(m, &isas, err);
    int asked = 0;
    if (status != LM_OK) return status;
    if (m->threads == 0 && (lm_cpu_threads(&asked), asked > 0))
        fprintf(stderr,
                "lmtrain: OMP_NUM_THREADS makes the number of threads %d, %d CPUs may be used"
                " (--threads wins over it)\n",
                asked, lm_cpu_usable());
    return lm_session_open(session, (int)m->threads, isas, err);
}
