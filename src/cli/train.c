#include "train/train.h"

#include <signal.h>
#include <stdio.h>

#include "cli/commands.h"
#include "train/setup.h"

static const lm_option options[] = {
    {"config", "FILE", "the run config, JSON with comments", false},
    {"resume", "[FILE]", "go on from the newest good checkpoint of the run, or from FILE", false},
    {"set", "KEY.PATH=VALUE", "override a key of the config; may be repeated", true},
    LM_MACHINE_OPTIONS,
    {"quiet", NULL, "no progress; warnings and errors only", false},
    {"dry-run", NULL, "print the plan (parameters, memory, FLOPs, disk) and stop", false},
    {"print-config", NULL, "print the config as it is understood, every key, and stop", false},
    {"print-schema", NULL, "print a JSON Schema of the config for editors and stop", false},
    {"print-reference", NULL, "print the table of keys as Markdown and stop", false},
    {0},
};

/* The texts that need no config. */
static lm_status print_static(const lm_options *o, bool *printed, lm_error *err) {
    lm_text t = {0};
    lm_status status = LM_OK;
    if (lm_options_has(o, "print-schema")) lm_config_print_schema(&t);
    if (lm_options_has(o, "print-reference")) lm_config_print_reference(&t);
    *printed = t.length > 0;
    if (*printed) status = lm_print(&t, err);
    lm_text_free(&t);
    return status;
}

static lm_status run(const lm_options *o, lm_error *err) {
    lm_config config = {0};
    lm_train_settings s = {.config = &config,
                           .resume = lm_options_has(o, "resume"),
                           .resume_from = lm_options_value(o, "resume"),
                           .quiet = lm_options_has(o, "quiet")};
    const char *path, *overrides[LM_OPTIONS_MAX];
    int n_overrides = lm_options_values(o, "set", overrides);
    bool printed;
    lm_text t = {0};
    lm_status status = print_static(o, &printed, err);
    if (printed || status != LM_OK) goto out;
    if ((status = lm_options_required(o, "config", &path, err)) != LM_OK) goto out;
    if ((status = lm_machine_options(o, &s.threads, &s.isas, err)) != LM_OK) goto out;
    status = lm_config_load(&config, path, overrides, n_overrides, err);
    if (status != LM_OK) goto out;
    if (lm_options_has(o, "print-config")) {
        lm_error left;
        if (lm_setup_resolve(&config, &left) != LM_OK)
            fprintf(stderr, "lmtrain: warning: what the data decides is not known: %s\n",
                    left.message);
        lm_config_print(&config, &t);
        status = lm_print(&t, err);
    } else if (lm_options_has(o, "dry-run")) {
        lm_error aside;
        status = lm_train_plan_print(&s, &t, err);
        if (t.length > 0 && lm_print(&t, &aside) != LM_OK && status == LM_OK) {
            *err = aside;
            status = aside.code;
        }
    } else {
        /* Of `lmtrain ... 2>&1 | tee log` Ctrl-C may end tee first: the run must still save. */
        signal(SIGPIPE, SIG_IGN);
        /* A file beyond the limit (ulimit -f) is a write that fails, as on a full disk. */
        signal(SIGXFSZ, SIG_IGN);
        status = lm_train_run(&s, err);
    }
out:
    lm_text_free(&t);
    lm_config_free(&config);
    return status;
}

const lm_command lm_command_train = {
    .name = "train",
    .summary = "train a model as a run config says, or go on with a run",
    .usage = "--config FILE [--resume [FILE]] [--set KEY.PATH=VALUE]... [OPTIONS]\n"
             "  lmtrain --config FILE ...",
    .example = "  lmtrain train --config configs/quickstart.json --set train.steps=200\n"
               "  lmtrain train --config configs/quickstart.json --resume\n",
    .options = options,
    .run = run,
};
