#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/manual.h"

typedef struct request {
    bool man;
    int completion; /* -1: not given */
    lm_option_texts command;
} request;

static const lm_option options[] = {
    {"man", NULL, "print the manual page (roff)", LM_STORED(request, man)},
    {"completion", "SHELL", "print what completes lmtrain's command line in this shell",
     LM_STORED(request, completion), .choice = {.name = lm_shell_name, .by_default = -1}},
    {0},
};

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_text t = {0};
    lm_status status = LM_OK;
    if (r->man) {
        lm_manual(&t);
    } else if (r->completion >= 0) {
        lm_completion(r->completion, &t);
    } else if (r->command.count > 0) {
        const lm_command *about = lm_command_find(r->command.items[0], err);
        if (!about) return LM_ERR_USAGE;
        lm_options_help(about, &t);
    } else {
        lm_commands_help(&t);
    }
    status = lm_print(&t, err);
    lm_text_free(&t);
    return status;
}

const lm_command lm_command_help = {
    .name = "help",
    .summary = "explain lmtrain or a command; print the manual page or shell completions",
    .usage = "[COMMAND]\n"
             "  lmtrain help --man | --completion SHELL",
    .example = "  lmtrain help tokenize\n"
               "  lmtrain help --man | man -l -\n"
               "  source <(lmtrain help --completion bash)\n",
    .options = options,
    .arguments = {"COMMAND", offsetof(request, command), 0, 1},
    .size = sizeof(request),
    .run = run,
};
