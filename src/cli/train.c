#include "train/train.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "dist/forecast.h"
#include "train/setup.h"

typedef struct request {
    const char *config, *network;
    lm_option_optional resume;
    lm_option_texts set, unset;
    lm_machine_options machine;
    int64_t until, wait_for_room, ranks;
    bool no_final_checkpoint, quiet, profile, dry_run, print_config, print_schema, print_reference;
} request;

static const lm_option options[] = {
    {"config", "FILE", "the run config, JSON with comments", LM_STORED(request, config),
     .required = true},
    {"resume", "RUN_OR_FILE",
     "go on from the newest good checkpoint of run.dir, or of another run, or from a checkpoint",
     LM_STORED(request, resume)},
    {"set", "KEY.PATH=VALUE",
     "override a key of the config, or with SECTION={\"KEY\": VALUE, ...} several of a section",
     LM_STORED(request, set), .overrides = true},
    {"unset", "KEY.PATH", "leave out what the config file gives: a key, or a whole section",
     LM_STORED(request, unset)},
    {"until", "STEP",
     "pause after this step, with a checkpoint: the schedule stays that of train.steps, and "
     "--resume goes on",
     LM_STORED(request, until), .count = {.least = 1, .most = LM_CHECKPOINT_MAX_STEP}},
    {"no-final-checkpoint", NULL,
     "write no checkpoint at the end of the run (checkpoint.final = false): for trials of which "
     "only the losses are wanted",
     LM_STORED(request, no_final_checkpoint)},
    {"wait-for-room", "SECONDS",
     "when the disk is full at the end of the run, wait so long and then exit with 5; without it, "
     "wait until there is room",
     LM_STORED(request, wait_for_room), .count = {.by_default = -1, .most = 1000000000}},
    LM_OPTION_RUN_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {"quiet", NULL, "no progress; warnings and errors only", LM_STORED(request, quiet)},
    {"profile", NULL,
     "measure where the time of the steps goes: by kind of work in metrics.jsonl, by layer too in "
     "summary.json",
     LM_STORED(request, profile)},
    {"dry-run", NULL,
     "print the plan (parameters, memory, FLOPs, disk), check all that a start checks, and stop",
     LM_STORED(request, dry_run)},
    {"ranks", "N",
     "with --dry-run: also how so many processes would do, each on a machine like this one",
     LM_STORED(request, ranks), .count = {.most = 1024}},
    {"network", "RATE",
     "with --ranks: what the network between them carries each way: 10Gbit, 100Mbit, 1.2GB/s; "
     "without it, 1, 10 and 100 Gbit/s are compared",
     LM_STORED(request, network)},
    {"print-config", NULL, "print every key of the config as it is understood, and stop",
     LM_STORED(request, print_config)},
    {"print-schema", NULL, "print a JSON Schema of the config for editors and stop",
     LM_STORED(request, print_schema), .alone = true},
    {"print-reference", NULL, "print the table of keys as Markdown and stop",
     LM_STORED(request, print_reference), .alone = true},
    {0},
};

/* The texts that need no config. */
static lm_status print_static(const request *r, lm_error *err) {
    lm_text t = {0};
    if (r->print_schema) lm_config_print_schema(&t);
    if (r->print_reference) lm_config_print_reference(&t);
    lm_status status = lm_print(&t, err);
    lm_text_free(&t);
    return status;
}

static bool gives_run_dir(const lm_option_texts *set) {
    for (int i = 0; i < set->count; i++)
        if (strncmp(set->items[i], "run.dir=", 8) == 0) return true;
    return false;
}

/* What the command line gives beside the config's file: --unset, then --set, then options that
 * stand for a key. */
typedef struct overrides {
    const char *items[2 * LM_OPTION_MOST_TEXTS + 1];
    lm_text unset[LM_OPTION_MOST_TEXTS];
    int count, n_unset;
} overrides;

/* --threads wins over run.threads of the file; two that the command line gives must agree. */
static lm_status check_threads(const request *r, lm_error *err) {
    static const char key[] = "run.threads=";
    for (int i = 0; i < r->set.count && r->machine.threads > 0; i++) {
        const char *text = r->set.items[i];
        if (strncmp(text, key, sizeof key - 1) == 0 &&
            strtoll(text + sizeof key - 1, NULL, 10) != r->machine.threads)
            return lm_error_set(err, LM_ERR_USAGE, "--threads %lld: contradicts --set %s",
                                (long long)r->machine.threads, text);
    }
    return LM_OK;
}

static lm_status collect(const request *r, overrides *o, lm_error *err) {
    for (int i = 0; i < r->unset.count; i++) {
        lm_text *text = &o->unset[o->n_unset++];
        lm_text_printf(text, "-%s", r->unset.items[i]);
        if (text->failed) return lm_error_no_memory(err, NULL);
        o->items[o->count++] = lm_text_cstr(text);
    }
    for (int i = 0; i < r->set.count; i++) o->items[o->count++] = r->set.items[i];
    if (r->no_final_checkpoint) o->items[o->count++] = "checkpoint.final=false";
    return LM_OK;
}

/* Loads the config again with the steps that its budget comes to. */
static lm_status apply_budget(const request *r, const overrides *o, lm_train_settings *s,
                              lm_error *err) {
    int64_t steps;
    lm_status status = lm_train_budget(s, &steps, &s->speed, err);
    if (status != LM_OK) return status;
    lm_config_free(s->config);
    status = lm_config_load_within_budget(s->config, r->config, o->items, o->count, steps, err);
    if (status == LM_OK && !s->quiet)
        fprintf(stderr, "budget    %s: train.steps = %lld\n", s->config->train.budget,
                (long long)steps);
    return status;
}

/* Notes go to stderr. */
static lm_status load(const request *r, lm_train_settings *s, lm_error *err) {
    overrides o = {.count = 0};
    lm_status status = check_threads(r, err);
    if (status == LM_OK) status = collect(r, &o, err);
    if (status == LM_OK) status = lm_config_load(s->config, r->config, o.items, o.count, err);
    if ((status = lm_comm_agree(s->comm, status, err)) != LM_OK) goto out;
    if (!s->quiet) fputs(lm_text_cstr(&s->config->notes), stderr);
    if (s->config->train.steps_open && !r->print_config) status = apply_budget(r, &o, s, err);
out:
    for (int i = 0; i < o.n_unset; i++) lm_text_free(&o.unset[i]);
    return status;
}

/* --ranks and --network. */
static lm_status take_forecast(const request *r, lm_train_settings *s, lm_error *err) {
    s->ranks = (int)r->ranks;
    if (r->network && !lm_network_parse(r->network, &s->bandwidth))
        return lm_error_set(err, LM_ERR_USAGE,
                            "--network %s: expected a number and its unit: 10Gbit, 100Mbit or"
                            " 1.2GB/s (k, M, G or T; bit or B/s)",
                            r->network);
    if (r->network && r->ranks == 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "--network: --ranks is missing, the processes that"
                            " it is between");
    if (r->ranks == 0 || (r->dry_run && !s->comm)) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        r->dry_run ? "--ranks is for one process, and %d were started"
                                   : "--ranks belongs to --dry-run; a launcher starts several"
                                     " processes: mpirun -np N lmtrain ...",
                        lm_comm_size(s->comm));
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_config config = {0};
    lm_train_settings s = {.config = &config,
                           .config_path = r->config,
                           .run_dir_given = gives_run_dir(&r->set),
                           .threads = (int)r->machine.threads,
                           .resume = r->resume.given,
                           .resume_from = r->resume.text,
                           .until = r->until,
                           .gives_up = r->wait_for_room >= 0,
                           .waits = (double)r->wait_for_room,
                           .started = lm_clock_seconds(),
                           .quiet = r->quiet,
                           .profile = r->profile};
    lm_text t = {0};
    if (r->print_schema || r->print_reference) return print_static(r, err);
    lm_status status = lm_comm_open(&s.comm, err);
    if (status == LM_OK) status = lm_comm_agree(s.comm, take_forecast(r, &s, err), err);
    if (status == LM_OK) status = lm_machine_isas(&r->machine, &s.isas, err);
    if (status != LM_OK) goto out;
    s.quiet |= lm_comm_rank(s.comm) > 0;
    if ((status = load(r, &s, err)) != LM_OK) goto out;
    lm_comm_set_timeout(s.comm, config.dist.timeout, (int)config.run.interrupt_exit_code);
    if (r->print_config) {
        lm_error left;
        if (lm_setup_resolve(&config, &left) != LM_OK)
            fprintf(stderr, "lmtrain: warning: keys that depend on the data are not resolved: %s\n",
                    left.message);
        lm_config_print(&config, &t);
        if (lm_comm_rank(s.comm) == 0) status = lm_print(&t, err);
    } else if (r->dry_run) {
        status = lm_train_plan_print(&s, &t, err);
        if (lm_comm_rank(s.comm) == 0) status = lm_print_after(status, &t, err);
    } else {
        /* In `lmtrain ... 2>&1 | tee log` Ctrl-C may end tee first: the run must still save. */
        signal(SIGPIPE, SIG_IGN);
        status = lm_train_run(&s, err);
        if (status == LM_ERR_RUNTIME && err->no_room && r->wait_for_room >= 0)
            err->exit_code = LM_EXIT_NO_ROOM;
    }
out:
    status = lm_comm_close(s.comm, status, err);
    lm_text_free(&t);
    lm_config_free(&config);
    return status;
}

const lm_command lm_command_train = {
    .name = "train",
    .summary = "train a model as described by a run config, or go on with a run",
    .usage =
        "--config FILE [--resume [RUN_OR_FILE]] [--set KEY.PATH=VALUE]... [--unset KEY.PATH]...\n"
        "      [OPTIONS]\n"
        "  lmtrain --config FILE ...",
    .example = "  lmtrain train --config configs/quickstart.json --set train.steps=200\n"
               "  lmtrain train --config configs/quickstart.json --resume\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
    .shared = true,
};
