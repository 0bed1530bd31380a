#include "train/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "machine/stop.h"
#include "report/line.h"
#include "report/summary.h"
#include "train/budget.h"
#include "train/follow.h"
#include "train/forecast.h"

/* resolved.json is left alone when it says the same already. */
static lm_status write_config(lm_trainer *t, lm_error *err) {
    lm_text text = {0}, old = {0};
    lm_error none;
    lm_config_print(t->config, &text);
    bool same = lm_file_read(t->dir.resolved, text.length, &old, &none) == LM_OK &&
                strcmp(lm_text_cstr(&old), lm_text_cstr(&text)) == 0;
    lm_status status = LM_OK;
    if (text.failed) {
        status = lm_error_no_memory(err, NULL);
    } else if (!same) {
        status = lm_file_replace_unsynced(t->dir.resolved, lm_text_cstr(&text), text.length, err);
        t->dir.synced = false;
    }
    lm_text_free(&text);
    lm_text_free(&old);
    return status;
}

static void announce(lm_trainer *t) {
    char parameters[32], memory[32], isas[128];
    lm_text warnings = {0}, unused = {0};
    lm_progress_note(&t->progress, "%s: %s parameters, %s of memory, %d thread%s, %s",
                     t->config->run.dir,
                     lm_text_count(parameters, sizeof parameters, (double)t->state.parameters),
                     lm_text_bytes(memory, sizeof memory, (double)t->setup.plan.memory),
                     t->setup.threads, t->setup.threads == 1 ? "" : "s",
                     lm_cpu_describe(t->setup.kernels.isas, isas, sizeof isas));
    lm_setup_warnings(&t->setup, &warnings);
    if (warnings.length > 0)
        lm_progress_warn(&t->progress, "%-.*s", (int)warnings.length - 1, lm_text_cstr(&warnings));
    lm_text_free(&warnings);
    lm_setup_print_unused(&t->setup, &unused);
    if (unused.length > 0)
        lm_progress_note(&t->progress, "%-.*s", (int)unused.length - 1, lm_text_cstr(&unused));
    lm_text_free(&unused);
    if (t->saved)
        lm_progress_note(&t->progress, "going on after step %" PRId64 ", from %s", t->state.step,
                         t->saved);
}

/* The config made whole, and what the plan needs. */
static lm_status open_setup(lm_trainer *t, lm_error *err) {
    const lm_train_settings *s = t->settings;
    lm_status status = lm_ranks_check(lm_comm_size(s->comm), s->config, err);
    if (status == LM_OK) status = lm_setup_inherit(s->config, s->resume, &t->from, &t->said, err);
    if (status == LM_OK)
        status = lm_setup_open_shared(&t->setup, s->comm, s->config, s->threads, s->isas,
                                      s->quiet || lm_comm_rank(s->comm) > 0, err);
    if (status == LM_OK && t->from.path) status = lm_setup_adopt(&t->setup, &t->from, err);
    return lm_comm_agree(s->comm, status, err);
}

/* What rank 0 alone sees to. */
static lm_status check_directory(lm_trainer *t, bool dry, lm_error *err) {
    const lm_config *c = t->config;
    const lm_train_settings *s = t->settings;
    lm_status status;
    if ((status = lm_setup_check_limits(&t->setup, err)) != LM_OK) return status;
    lm_progress_start(&t->progress, stderr, s->quiet, c->log.every, 0, lm_trainer_last_step(t),
                      t->setup.plan.model.flops_per_token);
    if (s->config_path && !s->run_dir_given) {
        lm_text warning = {0};
        lm_run_dir_warn_elsewhere(s->config_path, c->run.dir, &warning);
        if (warning.length > 0) lm_progress_warn(&t->progress, "%-s", lm_text_cstr(&warning));
        lm_text_free(&warning);
    }
    if ((status = lm_run_dir_open(&t->dir, c->run.dir, s->resume, dry, err)) != LM_OK)
        return status;
    return lm_run_dir_check(&t->dir, err);
}

static lm_status create(lm_trainer *t, lm_error *err) {
    const lm_config *c = t->config;
    lm_status status = lm_trainer_create(t, err);
    if (status == LM_OK && c->log.sample_every > 0 && lm_trainer_leads(t))
        status = lm_sampling_open(&t->sampling, c, &t->state, t->setup.tokens_of, err);
    return lm_comm_agree(t->settings->comm, status, err);
}

/* Everything that must hold before a run may begin. No file is changed, and `dry` takes nothing
 * that a plan alone does not need. */
static lm_status check_start(lm_trainer *t, bool dry, lm_error *err) {
    const lm_config *c = t->config;
    const lm_train_settings *s = t->settings;
    lm_status status = lm_comm_rank(s->comm) == 0 ? check_directory(t, dry, err)
                                                  : lm_setup_check_memory(&t->setup, err);
    if ((status = lm_comm_agree(s->comm, status, err)) != LM_OK) return status;
    if (dry && !s->resume && !(c->run.init_from && *c->run.init_from)) return LM_OK;
    if ((status = create(t, err)) != LM_OK) return status;
    if (s->resume) {
        if ((status = lm_ranks_lead(t, lm_trainer_resume, err)) != LM_OK) return status;
        if ((status = lm_ranks_share_start(t, err)) != LM_OK) return status;
    }
    if (t->saved || t->finished) return LM_OK;
    return lm_comm_agree(s->comm, lm_trainer_init(t, err), err);
}

/* The last step up to the present one that has a line in metrics.jsonl, by resolved.json of the
 * session before; without that every step has. */
static int64_t last_line(const lm_trainer *t) {
    int64_t step = t->state.step, every = 1;
    lm_config before = {0};
    lm_error aside;
    if (lm_config_load(&before, t->dir.resolved, NULL, 0, &aside) == LM_OK)
        every = before.log.metrics_every;
    lm_config_free(&before);
    return step < every ? lm_min(step, 1) : step - step % every;
}

/* Where the present step has no line, the session that ended with it says how long the run took. */
static void take_seconds(lm_trainer *t) {
    lm_summary_found s;
    if (t->metrics.last_step < t->state.step && lm_summary_read(&s, t->dir.summary) &&
        s.step == t->state.step && isfinite(s.seconds))
        t->seconds_before = s.seconds;
}

/* The first changes in the run directory. */
static lm_status begin(lm_trainer *t, lm_error *err) {
    lm_status status;
    if ((status = lm_run_dir_make(&t->dir, err)) != LM_OK) return status;
    if ((status = lm_ranks_meet(t, err)) != LM_OK) return status;
    if (t->dir.no_lock)
        lm_progress_warn(&t->progress,
                         "warning: %s: its filesystem cannot lock files (%s): let no second process"
                         " train in it",
                         t->dir.path, lm_error_errno(t->dir.no_lock));
    if ((status = lm_trainer_settle(t, err)) != LM_OK) return status;
    const lm_metrics_mark mark = lm_trainer_metrics_mark(t);
    status = lm_metrics_open(&t->metrics, t->dir.metrics, &mark, &t->seconds_before, err);
    if (status != LM_OK) return status;
    lm_metrics_reserve(&t->metrics, lm_trainer_data_figures(t));
    if ((status = lm_targets_read(&t->targets, t->dir.metrics, err)) != LM_OK) return status;
    if (t->metrics.moved > 0)
        lm_progress_note(&t->progress,
                         "%" PRId64 " lines of metrics after step %" PRId64
                         " were moved to %s.aside (delete it if you do not need them)",
                         t->metrics.moved, t->state.step, t->dir.metrics);
    take_seconds(t);
    if (t->metrics.last_step < t->state.step && t->metrics.last_step < last_line(t))
        lm_progress_warn(&t->progress,
                         "warning: %s has no lines of steps %" PRId64 " to %" PRId64
                         ", which the checkpoint holds",
                         t->dir.metrics, t->metrics.last_step + 1, t->state.step);
    if ((status = write_config(t, err)) != LM_OK) return status;
    return lm_trainer_summarise(t, "running", -1, err);
}

static lm_status follow(lm_trainer *t, lm_error *err) {
    lm_status status = lm_follow(t, err);
    return status == LM_ERR_DIVERGED ? lm_trainer_guard_taken(t, err) : status;
}

/* A session that was stopped may have left an evaluation, and what comes after it, to this one. */
static lm_status run_steps(lm_trainer *t, lm_error *err) {
    lm_status status = lm_trainer_evaluation_due(t) ? follow(t, err) : LM_OK;
    while (status == LM_OK && t->state.step < lm_trainer_last_step(t) &&
           !lm_trainer_is_stopped(t)) {
        double started = lm_clock_seconds();
        lm_profile_begin_step(&t->profile, &t->compute);
        status = lm_trainer_step(t, err);
        lm_profile_end_step(&t->profile, &t->compute);
        if (status == LM_ERR_DIVERGED) {
            status = lm_trainer_guard(t, err);
            if (status == LM_OK) status = lm_follow_between(t, err);
            continue;
        }
        if (status != LM_OK) break;
        t->figures.phases = lm_profile_step(&t->profile);
        t->longest_step = fmax(t->longest_step, lm_clock_seconds() - started);
        lm_stop_expect(t->longest_step + t->save_seconds);
        status = follow(t, err);
    }
    return status == LM_OK ? lm_ranks_await_weights(t, err) : status;
}

/* An error that ends the steps says where the run can go on. */
static lm_status run(lm_trainer *t, lm_error *err) {
    lm_status status = run_steps(t, err);
    if (status == LM_OK || status == LM_ERR_INTERRUPTED) return status;
    return t->saved ? lm_error_append(err, "; the last good checkpoint is %s", t->saved)
                    : lm_error_append(err, "; no checkpoint was written yet");
}

/* Is there nothing left to do? The session that took the last step may have been killed before it
 * wrote how the run ended: then summary.json still says "running", which this session mends. Where
 * a run was interrupted that is now asked to stay, it is paused. */
static bool seems_concluded(const lm_trainer *t) {
    lm_summary_found s;
    if (!t->finished && !t->paused) return false;
    if (!lm_summary_read(&s, t->dir.summary)) return t->finished;
    return strcmp(s.state, "running") != 0 && !(t->paused && strcmp(s.state, "interrupted") == 0);
}

/* As rank 0 sees it. */
static lm_status is_concluded(lm_trainer *t, bool *concluded, lm_error *err) {
    *concluded = lm_trainer_leads(t) && seems_concluded(t);
    return lm_comm_broadcast(t->ranks.comm, 0, concluded, sizeof *concluded, err);
}

static void tell_concluded(lm_trainer *t) {
    if (t->paused) {
        lm_progress_note(&t->progress,
                         "%s: paused already: %" PRId64 " of %" PRId64 " steps are done, --until"
                         " asks for %" PRId64,
                         t->config->run.dir, t->state.step, t->config->train.steps,
                         t->settings->until);
        return;
    }
    if (lm_trainer_is_stopped(t)) {
        lm_progress_note(&t->progress,
                         "%s: finished already, at step %" PRId64 ": the validation loss was not"
                         " below that of step %" PRId64 " for %" PRId64 " evaluations"
                         " (eval.patience; a larger one goes on)",
                         t->config->run.dir, t->state.step, t->state.best_val_step,
                         t->state.evals_since_best);
        return;
    }
    lm_progress_note(&t->progress,
                     "%s: finished already: %" PRId64 " steps are done, train.steps is %" PRId64,
                     t->config->run.dir, t->state.step, t->config->train.steps);
}

static lm_status write_done(lm_trainer *t, lm_error *err) {
    return lm_trainer_summarise(t, lm_trainer_is_paused(t) ? "paused" : "finished", LM_OK, err);
}

static lm_status insist_done(lm_trainer *t, lm_error *err) {
    return lm_trainer_insist(t, "summary.json", write_done, err);
}

/* How well the steps were chosen. */
static void tell_budget(lm_trainer *t) {
    double missed = lm_trainer_budget_missed(t);
    char took[32];
    if (isnan(missed)) return;
    lm_progress_note(&t->progress, "budget    %s: took %s and %" PRId64 " tokens, %.2f%% %s",
                     t->config->train.budget,
                     lm_line_duration(took, sizeof took, lm_trainer_seconds(t)), t->state.tokens,
                     100 * fabs(missed), missed > 0 ? "more than that" : "less than that");
}

/* What the run took to each of eval.targets. */
static void tell_targets(lm_trainer *t) {
    for (int64_t i = 0; i < t->targets.count; i++) {
        lm_text line = {0};
        lm_target_print(&t->targets.items[i], t->setup.plan.model.flops_per_token, &line);
        lm_progress_note(&t->progress, "target    %-s", lm_text_cstr(&line));
        lm_text_free(&line);
    }
}

static void tell_stopped(lm_trainer *t) {
    if (!lm_trainer_is_stopped(t)) return;
    lm_progress_note(&t->progress,
                     "stopped at step %" PRId64 " of %" PRId64 ": the validation loss was not below"
                     " the %.4f of step %" PRId64 " for %" PRId64 " evaluations (eval.patience)",
                     t->state.step, t->config->train.steps, t->state.best_val_loss,
                     t->state.best_val_step, t->state.evals_since_best);
}

static void tell_done(lm_trainer *t) {
    tell_stopped(t);
    tell_targets(t);
    tell_budget(t);
    if (lm_trainer_is_paused(t)) {
        lm_progress_note(&t->progress,
                         "paused: %s after step %" PRId64 " of %" PRId64
                         ", newest checkpoint %s; --resume goes on",
                         t->config->run.dir, t->state.step, t->config->train.steps, t->saved);
    } else if (t->config->checkpoint.final) {
        lm_progress_note(&t->progress, "finished: %s, newest checkpoint %s", t->config->run.dir,
                         t->saved);
    } else {
        lm_progress_note(&t->progress,
                         "finished: %s, without a checkpoint of the last step (checkpoint.final)",
                         t->config->run.dir);
    }
}

/* Writes how the run ended. A failure to write it must not hide that. */
static lm_status end(lm_trainer *t, lm_status status, lm_error *err) {
    static const char *const states[] = {
        [LM_ERR_RUNTIME] = "failed",
        [LM_ERR_USAGE] = "failed",
        [LM_ERR_DIVERGED] = "diverged",
        [LM_ERR_INTERRUPTED] = "interrupted",
    };
    lm_error aside;
    if (status == LM_OK) return lm_ranks_lead(t, insist_done, err);
    if (!lm_trainer_leads(t)) return status;
    if (status == LM_ERR_DIVERGED && !lm_trainer_logs(t, t->figures.step))
        lm_metrics_step(&t->metrics, &t->figures, lm_trainer_data_figures(t), &aside);
    t->error = status == LM_ERR_INTERRUPTED ? NULL : err->message;
    lm_trainer_summarise(t, states[status], err->exit_code ? err->exit_code : (int)status, &aside);
    return status;
}

/* All ranks begin with the same weights and the same data. */
static lm_status compare_start(lm_trainer *t, lm_error *err) {
    lm_text config = {0};
    uint64_t data[2] = {t->state.train_digest, t->state.val_digest};
    if (!t->ranks.comm) return LM_OK;
    lm_config_print_result(t->config, &config);
    uint64_t keys = lm_digest_of(lm_text_cstr(&config), config.length);
    lm_text_free(&config);
    lm_status status = lm_ranks_compare(t, LM_ARITHMETIC, "arithmetic (another lmtrain)", err);
    if (status == LM_OK) status = lm_ranks_compare(t, keys, "keys in its config", err);
    if (status == LM_OK) status = lm_ranks_compare(t, lm_digest_of(data, sizeof data), "data", err);
    if (status != LM_OK) return status;
    uint64_t weights = lm_audit_weights(&t->audit, lm_model_weights(t->model), t->pool);
    return lm_ranks_compare(t, weights, "weights", err);
}

/* What rank 0 says and opens for readers. */
static void open_reports(lm_trainer *t) {
    announce(t);
    lm_trainer_open_events(t);
    lm_page_writer_begin(&t->page, t->config->log.report, t->config->log.report_seconds);
}

static void close_reports(lm_trainer *t, lm_status status) {
    if (t->page.written || lm_page_writer_due(&t->page, lm_clock_seconds() - t->started))
        lm_trainer_write_page(t, false);
    if (status == LM_OK) tell_done(t);
}

/* What only this process knows ends the others while the memory of messages is still there. */
static void end_others(lm_trainer *t, const lm_comm *comm, lm_status status, const lm_error *err) {
    lm_progress_finish(&t->progress);
    lm_events_close(&t->events);
    lm_comm_fail(comm, status, err);
}

lm_status lm_train_run(const lm_train_settings *settings, lm_error *err) {
    lm_trainer t = {.settings = settings, .config = settings->config, .began = (int64_t)time(NULL)};
    const bool leads = lm_comm_rank(settings->comm) == 0;
    bool concluded = false;
    t.started = settings->started > 0 ? settings->started : lm_clock_seconds();
    lm_stop_listen();
    lm_status status = open_setup(&t, err);
    if (status != LM_OK) goto out;
    if ((status = check_start(&t, false, err)) != LM_OK) goto out;
    if ((status = is_concluded(&t, &concluded, err)) != LM_OK) goto out;
    if (concluded) {
        if (leads) tell_concluded(&t);
        goto out;
    }
    t.first_step = t.progress.first_step = t.state.step;
    t.first_tokens = t.state.tokens;
    if ((status = lm_ranks_lead(&t, begin, err)) != LM_OK) goto out;
    if ((status = compare_start(&t, err)) != LM_OK) goto out;
    if (leads) open_reports(&t);
    /* What rank 0 is asked for, all are. */
    lm_stop_arm(leads ? t.config->checkpoint.before_wall : 0,
                leads ? "finishing the step, then saving" : NULL);
    if (*lm_stop_wall_problem())
        lm_progress_note(&t.progress,
                         "note: when the job ends is not known (%s): checkpoint.before_wall does"
                         " nothing",
                         lm_stop_wall_problem());
    status = end(&t, run(&t, err), err);
    if (leads) close_reports(&t, status);
out:
    lm_stop_restore();
    end_others(&t, settings->comm, status, err);
    lm_trainer_free(&t);
    return status;
}

static void print_start(const lm_trainer *t, lm_text *out) {
    if (t->finished) {
        lm_text_say(out, "start     nothing to do: %s is finished, %" PRId64 " steps are done\n",
                    t->dir.path, t->state.step);
    } else if (t->paused) {
        lm_text_say(out,
                    "start     nothing to do: %s is paused, %" PRId64 " of %" PRId64
                    " steps are done\n",
                    t->dir.path, t->state.step, t->config->train.steps);
    } else if (t->saved) {
        lm_text_say(out, "start     %s goes on after step %" PRId64 ", from %s\n", t->dir.path,
                    t->state.step, t->saved);
    } else {
        lm_text_say(out, "start     a new run in %s\n", t->dir.path);
    }
}

/* For other processes than those there are. */
static lm_status forecast(const lm_train_settings *settings, lm_train_speed *speed, lm_text *out,
                          lm_error *err) {
    lm_trainer t = {.settings = settings, .config = settings->config};
    lm_status status = LM_OK;
    lm_train_settings others = *settings;
    others.in_turn = settings->ranks > 1;
    if (speed->step == 0) status = lm_train_measure(settings, speed, err);
    const double alone = speed->step;
    if (status == LM_OK) status = open_setup(&t, err);
    const bool abreast = t.setup.plan.abreast > 1;
    if (status == LM_OK && others.in_turn && abreast) {
        t.setup.in_turn = true;
        status = lm_setup_plan(&t.setup, err);
        if (status == LM_OK) status = lm_train_measure(&others, speed, err);
    }
    if (status == LM_OK)
        status = lm_forecast_print(&t.setup, settings->ranks, settings->bandwidth, alone, speed,
                                   out, err);
    lm_trainer_free(&t);
    return status;
}

lm_status lm_train_plan_print(const lm_train_settings *settings, lm_text *out, lm_error *err) {
    lm_trainer t = {.settings = settings, .config = settings->config};
    lm_status status = open_setup(&t, err);
    if (status != LM_OK) goto out;
    if (!t.setup.plan.overflow) lm_setup_print_plan(&t.setup, out);
    if ((status = check_start(&t, true, err)) == LM_OK) print_start(&t, out);
    bool goes_on = status == LM_OK && !t.finished && !t.paused;
    lm_train_speed speed = settings->speed;
    lm_trainer_free(&t); /* its memory is for the steps that are measured */
    t = (lm_trainer){0};
    if (goes_on && speed.measured == 0) status = lm_train_measure(settings, &speed, err);
    if (goes_on && status == LM_OK) lm_budget_print(settings->config, &speed, out);
    if (status == LM_OK && settings->ranks > 0) status = forecast(settings, &speed, out, err);
out:
    end_others(&t, settings->comm, status, err);
    lm_trainer_free(&t);
    return status;
}
