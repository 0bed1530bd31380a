#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/message.h"
#include "cli/commands.h"
#include "sweep/cost.h"
#include "sweep/directory.h"
#include "sweep/emit.h"
#include "sweep/leaderboard.h"
#include "sweep/plan.h"
#include "sweep/spawn.h"
#include "sweep/worker.h"
#include "view/page.h"
#include "view/sweep.h"

typedef struct request {
    const char *config, *join;
    int64_t trial, parallel, threads;
    int emit;
    bool quiet, dry_run, print_schema, print_reference;
} request;

static const lm_option options[] = {
    {"config", "FILE", "the sweep file, JSON with comments", LM_STORED(request, config)},
    {"join", "DIR", "the directory of a sweep that was begun, also from another machine",
     LM_STORED(request, join)},
    {"trial", "K", "run this trial alone, to its end; with --dry-run: print its command",
     LM_STORED(request, trial), .count = {.by_default = -1, .most = INT64_MAX}},
    {"emit", "KIND", "print a script that runs all trials without this program's workers",
     LM_STORED(request, emit), .choice = {.name = lm_emit_name, .by_default = -1}},
    {"parallel", "N", "trials that run at once; 0: sweep.parallel, or measured",
     LM_STORED(request, parallel), .count = {.most = 1024}},
    {"threads", "N", "threads of each trial; 0: sweep.threads, or measured",
     LM_STORED(request, threads), .count = {.most = 1024}},
    {"quiet", NULL, "no progress; warnings, errors and the results only",
     LM_STORED(request, quiet)},
    {"dry-run", NULL, "print the trials and what they cost, and stop", LM_STORED(request, dry_run)},
    {"print-schema", NULL, "print a JSON Schema of sweep files for editors and stop",
     LM_STORED(request, print_schema), .alone = true},
    {"print-reference", NULL, "print the tables of keys as Markdown and stop",
     LM_STORED(request, print_reference), .alone = true},
    {0},
};

static lm_status print_static(const request *r, lm_error *err) {
    lm_text t = {0};
    if (r->print_schema) lm_sweep_print_schema(&t);
    if (r->print_reference) lm_sweep_print_reference(&t);
    lm_status status = lm_print(&t, err);
    lm_text_free(&t);
    return status;
}

static lm_status open_sweep(lm_sweep *s, const request *r, lm_error *err) {
    if (!r->config == !r->join)
        return lm_error_set(err, LM_ERR_USAGE,
                            "sweep: expected --config FILE, to begin a sweep or go on with it, or"
                            " --join DIR (lmtrain sweep --help)");
    if (r->emit >= 0 && (r->trial >= 0 || r->dry_run))
        return lm_error_set(err, LM_ERR_USAGE,
                            "sweep: --emit and %s are given: leave one of them out",
                            r->trial >= 0 ? "--trial" : "--dry-run");
    if (r->join) return lm_sweep_join(s, r->join, err);
    return lm_sweep_open(s, r->config, NULL, err);
}

/* Of a trial that no worker runs, so that nothing is measured; 0: as its config says. */
static int64_t threads_of(const lm_sweep *s, const request *r) {
    return r->threads > 0 ? r->threads : s->options.threads;
}

/* What is known of a sweep that was begun: that it is this one, and what its results made tpe
 * propose. */
static lm_status know(lm_sweep *s, lm_error *err) {
    char *path = lm_sweep_path(s, "sweep.json");
    if (!path) return lm_error_no_memory(err, s->options.dir);
    lm_status status = LM_OK;
    if (lm_file_exists(path)) {
        status = lm_sweep_begin(s, err);
        if (status == LM_OK) status = lm_plan_draw(s, err);
    }
    free(path);
    return status;
}

/* ---- one trial --------------------------------------------------------------------------------*/

static lm_status check_trial(const lm_sweep *s, int64_t trial, lm_error *err) {
    const int64_t known = (s->first_point + s->n_drawn) * s->options.n_seeds;
    if (trial < known) return LM_OK;
    if (trial >= s->n_trials)
        return lm_error_set(err, LM_ERR_USAGE, "--trial: expected 0 to %lld, found %lld",
                            (long long)s->n_trials - 1, (long long)trial);
    return lm_error_set(err, LM_ERR_USAGE,
                        "--trial: expected 0 to %lld, found %lld: tpe proposes what comes next when"
                        " all of these have results; workers run them (lmtrain sweep --join %s)",
                        (long long)known - 1, (long long)trial, s->options.dir);
}

static lm_status run_trial(lm_sweep *s, const request *r, lm_error *err) {
    lm_text t = {0};
    lm_status status = know(s, err);
    if (status == LM_OK) status = check_trial(s, r->trial, err);
    if (status != LM_OK) return status;
    if (!r->dry_run) {
        status = lm_sweep_begin(s, err);
        lm_trial_start start = {.trial = r->trial, .threads = (int)threads_of(s, r)};
        return status == LM_OK ? lm_trial_become(s, &start, err) : status;
    }
    char *program = lm_program_path(), *base = lm_sweep_base_path(s);
    if (program && base) lm_trial_command(s, program, base, r->trial, threads_of(s, r), &t);
    t.failed |= !program || !base;
    lm_text_append(&t, "\n", 1);
    status = lm_print(&t, err);
    lm_text_free(&t);
    free(program);
    free(base);
    return status;
}

/* ---- all of them ------------------------------------------------------------------------------*/

static lm_status emit(const lm_sweep *s, const request *r, lm_error *err) {
    lm_text t = {0};
    char *program = lm_program_path();
    lm_status status = program ? LM_OK : lm_error_no_memory(err, NULL);
    int64_t parallel = r->parallel > 0 ? r->parallel : s->options.parallel;
    if (status == LM_OK)
        status =
            lm_sweep_emit(s, (lm_emit_kind)r->emit, program, parallel, threads_of(s, r), &t, err);
    if (status == LM_OK) status = lm_sweep_begin(s, err);
    if (status == LM_OK) status = lm_print(&t, err);
    lm_text_free(&t);
    free(program);
    return status;
}

/* What all trials have. */
static void put_constants(const lm_sweep *s, lm_text *out) {
    bool any = false;
    for (int i = 0; i < s->space.n_dimensions; i++) any |= s->space.dimensions[i].constant;
    if (!any || s->n_drawn == 0) return;
    lm_text_printf(out, "all trials   ");
    lm_space_describe(&s->space, lm_sweep_values(s, s->first_point), true, out);
    lm_text_append(out, "\n", 1);
}

static lm_status print_trials(lm_sweep *s, lm_error *err) {
    lm_text t = {0};
    int64_t seeds = s->options.n_seeds;
    lm_status status = know(s, err);
    if (status != LM_OK) return status;
    put_constants(s, &t);
    for (int64_t i = 0; i < s->first_point + s->n_drawn; i++) {
        lm_text_printf(&t, seeds > 1 ? "trials %5lld to %lld  " : "trial %5lld  ",
                       (long long)(i * seeds), (long long)((i + 1) * seeds - 1));
        lm_sweep_describe(s, i, &t);
        lm_text_append(&t, "\n", 1);
    }
    if (s->n_drawn < s->n_points)
        lm_text_printf(
            &t, "trials %5lld to %lld  proposed by tpe, by the results of those before\n",
            (long long)((s->first_point + s->n_drawn) * seeds), (long long)s->n_trials - 1);
    status = lm_print_after(lm_sweep_cost(s, &t, err), &t, err);
    lm_text_free(&t);
    return status;
}

enum { BEST_ROWS = 10 };

/* The results, also of a sweep that is not complete. `page`: it could be written. */
static lm_status print_results(const lm_sweep *s, bool page, lm_error *err) {
    lm_journals journals;
    lm_text t = {0};
    lm_status status = lm_journals_open(&journals, s, err);
    if (status == LM_OK) status = lm_journals_read(&journals, s, err);
    if (status == LM_OK && journals.n_done > 0) {
        lm_leaderboard_print(s, &journals, BEST_ROWS, &t);
        lm_importance_print(s, &journals, &t);
        char *best = lm_sweep_path(s, "best.json");
        lm_text_say(&t, "%s: leaderboard.csv has all trials%s, %s\n", s->options.dir,
                    page ? ", report.html shows them" : "",
                    best && lm_file_exists(best) ? "best.json is ready to run"
                                                 : "there is no best.json without a loss");
        free(best);
        status = lm_print(&t, err);
    }
    lm_text_free(&t);
    lm_journals_close(&journals);
    return status;
}

/* The page of the sweep: without it (false), the sweep is as good. */
static bool write_page(const lm_sweep *s) {
    lm_error err;
    char *file = lm_sweep_path(s, "report.html");
    lm_status status = file ? lm_page_sweep_write(s->options.dir, file, false, &err)
                            : lm_error_no_memory(&err, NULL);
    if (status != LM_OK)
        lm_message_write(stderr, "lmtrain: warning: no report: %-s\n", err.message);
    free(file);
    return status == LM_OK;
}

static lm_status work(lm_sweep *s, const request *r, const lm_launch *launch, lm_error *err) {
    lm_worker_options o = {.parallel = (int)r->parallel,
                           .threads = (int)r->threads,
                           .quiet = r->quiet || launch->rank > 0,
                           .launch = *launch};
    lm_error aside;
    lm_status status = lm_sweep_begin(s, err);
    if (status == LM_OK) {
        status = lm_worker_run(s, &o, err);
        if (launch->rank > 0) return status;
        bool any = lm_view_sweep_is(s->options.dir);
        bool page = any && write_page(s);
        if (status == LM_OK || (status == LM_ERR_RUNTIME && any)) {
            lm_status printed = print_results(s, page, status == LM_OK ? err : &aside);
            if (status == LM_OK) status = printed;
        }
    }
    return status;
}

static lm_status do_one(lm_sweep *s, const request *r, lm_error *err) {
    if (r->trial >= 0) return run_trial(s, r, err);
    if (r->emit >= 0) return emit(s, r, err);
    return print_trials(s, err);
}

/* ---- copies that a launcher has started -------------------------------------------------------*/

/* What ends one copy mostly ends the first one too, which then says it for all, and whose exit code
 * makes launchers end the others meanwhile. */
static lm_status leave_to_first(const lm_launch *l, lm_status status, lm_error *err) {
    const struct timespec pause = {.tv_sec = 3};
    if (status == LM_ERR_INTERRUPTED) err->message[0] = '\0';
    if (status == LM_OK || status == LM_ERR_INTERRUPTED) return status;
    nanosleep(&pause, NULL);
    return lm_error_prefix(err, "copy %d of %d", l->rank, l->size);
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    const lm_launch launch = lm_launch_read();
    const bool works =
        r->trial < 0 && r->emit < 0 && !r->dry_run && !r->print_schema && !r->print_reference;
    lm_sweep s = {0};
    if (!works && launch.rank > 0) return LM_OK;
    if (r->print_schema || r->print_reference) return print_static(r, err);
    lm_launch_forget(); /* the trials are no copies of each other */
    lm_status status = open_sweep(&s, r, err);
    if (status == LM_OK) status = works ? work(&s, r, &launch, err) : do_one(&s, r, err);
    lm_sweep_close(&s);
    return launch.rank > 0 ? leave_to_first(&launch, status, err) : status;
}

const lm_command lm_command_sweep = {
    .name = "sweep",
    .summary = "hundreds of runs from one file: a search space, trials, a leaderboard",
    .usage = "--config FILE [OPTIONS]\n"
             "  lmtrain sweep --join DIR [OPTIONS]",
    .example = "  lmtrain sweep --config configs/sweeps/lr.json --dry-run\n"
               "  lmtrain sweep --config configs/sweeps/lr.json\n"
               "  lmtrain sweep --join sweeps/lr      # another worker, here or elsewhere\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
    .shared = true,
};
