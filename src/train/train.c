#include "train/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "machine/peak.h"
#include "machine/stop.h"
#include "train/evaluate.h"
#include "train/trainer.h"

#define PEAK_SECONDS 0.03 /* of measuring the machine, at the start and at evaluations */

/* ---- between steps -----------------------------------------------------------------------------*/

/* Again after each evaluation, since a machine is sometimes busy with other things. */
static void measure_peak(lm_trainer *t) {
    if (!t->settings->quiet)
        lm_progress_peak(&t->progress,
                         lm_peak_flops(t->pool, lm_compute_peak_loop(&t->compute), PEAK_SECONDS));
}

/* A line of the metrics may have to wait; say so when it begins and when it is over. */
static void watch_metrics(lm_trainer *t) {
    if (t->metrics.late && !t->metrics_late)
        lm_progress_warn(&t->progress,
                         "warning: step %" PRId64 ": %s; lines of metrics wait in memory",
                         t->state.step, t->metrics.why.message);
    if (!t->metrics.late && t->metrics_late)
        lm_progress_warn(&t->progress, "step %" PRId64 ": metrics.jsonl is up to date again",
                         t->state.step);
    t->metrics_late = t->metrics.late;
}

/* Cut short when the run is to stop: then it is done again when the run goes on. */
static lm_status evaluate(lm_trainer *t, lm_error *err) {
    int64_t evaluated = 0;
    lm_evaluation e = {.model = t->model,
                       .sampler = &t->setup.val_sampler,
                       .batch = t->config->train.micro_batch,
                       .max_tokens = t->config->eval.tokens,
                       .tokens = t->batch};
    double loss = lm_evaluate(&e, lm_stop_pending, &evaluated);
    if (evaluated == 0) return LM_OK;
    if (!isfinite(loss))
        return lm_error_set(err, LM_ERR_DIVERGED,
                            "step %" PRId64 ": the validation loss stopped being finite (%g)",
                            t->state.step, loss);
    t->state.val_loss = loss;
    t->state.val_step = t->state.step;
    /* A checkpoint of this step knows nothing of it yet. */
    if (t->saved_step == t->state.step) t->saved_step = -1;
    if (!(t->state.best_val_loss <= loss)) {
        t->state.best_val_loss = loss;
        t->state.best_val_step = t->state.step;
    }
    measure_peak(t);
    lm_progress_eval(&t->progress, t->state.step, loss, t->setup.bytes_per_token);
    lm_eval_figures f = {.step = t->state.step,
                         .tokens = t->state.tokens,
                         .digest = t->state.digest,
                         .val_tokens = evaluated,
                         .val_loss = loss,
                         .bytes_per_token = t->setup.bytes_per_token,
                         .seconds = lm_trainer_seconds(t)};
    return lm_metrics_eval(&t->metrics, &f, err);
}

/* every 0 means only at the end. */
static bool due(int64_t step, int64_t every, bool last) {
    return last || (every > 0 && step % every == 0);
}

/* A checkpoint in the middle that cannot be written, for want of disk say, does not end the run: the
 * older ones are still there and the next interval tries again. At the end it is an error. */
static lm_status save(lm_trainer *t, bool must, lm_error *err) {
    lm_status status = lm_trainer_save(t, err);
    if (status != LM_ERR_RUNTIME || must) return status;
    lm_progress_warn(&t->progress, "warning: no checkpoint at step %" PRId64 ": %s", t->state.step,
                     err->message);
    return LM_OK;
}

/* The evaluation of the present step is due and not made yet: after the step, or after one that was
 * cut short before the run went on. */
static bool evaluation_due(const lm_trainer *t) {
    return t->setup.val && t->state.step > 0 && t->state.val_step < t->state.step &&
           due(t->state.step, t->config->eval.every, t->state.step == t->config->train.steps);
}

static lm_status stopped(const lm_trainer *t, lm_error *err) {
    char why[64];
    int by = lm_stop_pending();
    if (by == LM_STOP_WALL) {
        snprintf(why, sizeof why, "since the job's end is near,");
    } else {
        snprintf(why, sizeof why, "by signal %d", by);
    }
    lm_error_set(err, LM_ERR_INTERRUPTED,
                 "stopped %s after step %" PRId64
                 "; the checkpoint is %s; add --resume to the same command to go on",
                 why, t->state.step, t->saved);
    err->exit_code = (int)t->config->run.interrupt_exit_code;
    return err->code;
}

/* What follows a step: evaluation, checkpoint, a request to stop. */
static lm_status finish_step(lm_trainer *t, lm_error *err) {
    const lm_config *c = t->config;
    lm_status status;
    if (evaluation_due(t) && (status = evaluate(t, err)) != LM_OK) return status;
    watch_metrics(t);
    bool last = t->state.step >= c->train.steps && !evaluation_due(t);
    bool stop = !last && lm_stop_pending() != 0;
    if (due(t->state.step, c->checkpoint.every, last || stop) &&
        (status = save(t, last || stop, err)) != LM_OK)
        return status;
    if (stop) return stopped(t, err);
    if (!lm_stop_save_asked()) return LM_OK;
    status = save(t, false, err);
    if (status == LM_OK && t->saved_step == t->state.step)
        lm_progress_note(&t->progress, "step %" PRId64 "  saved as asked by SIGUSR1: %s",
                         t->state.step, t->saved);
    return status;
}

static lm_status run_steps(lm_trainer *t, lm_error *err) {
    lm_status status;
    double longest = 0;
    if (evaluation_due(t) && (status = finish_step(t, err)) != LM_OK) return status;
    while (t->state.step < t->config->train.steps) {
        lm_step_figures figures;
        double started = lm_clock_seconds();
        if ((status = lm_trainer_step(t, &figures, err)) != LM_OK) return status;
        if ((status = lm_metrics_step(&t->metrics, &figures, err)) != LM_OK) return status;
        lm_progress_step(&t->progress, figures.step, figures.loss, figures.tokens_per_s);
        longest = fmax(longest, lm_clock_seconds() - started);
        lm_stop_expect(longest + t->save_seconds);
        if ((status = finish_step(t, err)) != LM_OK) return status;
    }
    return LM_OK;
}

/* ---- the run -----------------------------------------------------------------------------------*/

/* Nothing is written when it is there as it should be. */
static lm_status write_config(const lm_trainer *t, lm_error *err) {
    lm_text text = {0}, old = {0};
    lm_error none;
    lm_config_print(t->config, &text);
    bool same = lm_file_read(t->dir.config, text.length, &old, &none) == LM_OK &&
                strcmp(lm_text_cstr(&old), lm_text_cstr(&text)) == 0;
    lm_status status = LM_OK;
    if (text.failed) {
        status = lm_error_no_memory(err, NULL);
    } else if (!same) {
        status = lm_file_replace(t->dir.config, lm_text_cstr(&text), text.length, err);
    }
    lm_text_free(&text);
    lm_text_free(&old);
    return status;
}

static void announce(lm_trainer *t) {
    char parameters[32], memory[32], isas[128];
    lm_text warnings = {0};
    lm_progress_note(&t->progress, "%s: %s parameters, %s of memory, %d thread%s, %s",
                     t->config->run.dir,
                     lm_text_count(parameters, sizeof parameters, (double)t->state.parameters),
                     lm_text_bytes(memory, sizeof memory, (double)t->setup.plan.memory),
                     t->setup.threads, t->setup.threads == 1 ? "" : "s",
                     lm_cpu_describe(t->setup.kernels.isas, isas, sizeof isas));
    lm_setup_warnings(&t->setup, &warnings);
    if (warnings.length > 0)
        lm_progress_warn(&t->progress, "%.*s", (int)warnings.length - 1, lm_text_cstr(&warnings));
    lm_text_free(&warnings);
    if (t->saved) {
        lm_progress_note(&t->progress, "going on after step %" PRId64 ", from %s", t->state.step,
                         t->saved);
    } else if (t->settings->resume) {
        lm_progress_note(&t->progress, "no checkpoint to go on from: from the start");
    }
}

static bool is_finished(const lm_trainer *t) {
    return t->state.step >= t->config->train.steps && !evaluation_due(t);
}

/* From an open setup to the first step. */
static lm_status prepare(lm_trainer *t, lm_error *err) {
    const lm_config *c = t->config;
    lm_status status;
    if ((status = lm_setup_check_limits(&t->setup, err)) != LM_OK) return status;
    if ((status = lm_run_dir_open(&t->dir, c->run.dir, t->settings->resume, err)) != LM_OK)
        return status;
    if ((status = lm_trainer_create(t, err)) != LM_OK) return status;
    lm_progress_start(&t->progress, stderr, t->settings->quiet, c->log.every, 0, c->train.steps,
                      t->setup.plan.model.flops_per_token);
    measure_peak(t);
    if ((status = lm_trainer_resume(t, err)) != LM_OK) return status;
    if (t->saved_step < 0 && (status = lm_trainer_init(t, err)) != LM_OK) return status;
    t->first_step = t->progress.first_step = t->state.step;
    if (is_finished(t)) return LM_OK; /* all that it wrote stays as it is */
    if ((status = write_config(t, err)) != LM_OK) return status;
    status = lm_metrics_open(&t->metrics, t->dir.metrics, t->state.step,
                             t->state.val_step == t->state.step, &t->seconds_before, err);
    if (status != LM_OK) return status;
    if (t->metrics.last_step < t->state.step)
        lm_progress_warn(&t->progress,
                         "warning: %s has no lines of steps %" PRId64 " to %" PRId64
                         ", which the checkpoint holds",
                         t->dir.metrics, t->metrics.last_step + 1, t->state.step);
    return lm_file_sync_directory(c->run.dir, err);
}

lm_status lm_train_run(const lm_train_settings *settings, lm_error *err) {
    lm_trainer t = {.settings = settings, .config = settings->config, .dir = {.lock = -1}};
    lm_error aside;
    t.metrics.fd = -1;
    t.started = lm_clock_seconds();
    lm_stop_listen();
    lm_status status =
        lm_setup_open(&t.setup, settings->config, settings->threads, settings->isas, err);
    if (status != LM_OK) goto out;
    if ((status = prepare(&t, err)) != LM_OK) goto out;
    if (is_finished(&t)) {
        lm_progress_note(&t.progress,
                         "%s: finished already: %" PRId64
                         " steps are done, train.steps is %" PRId64,
                         t.config->run.dir, t.state.step, t.config->train.steps);
        goto out;
    }
    announce(&t);
    lm_stop_arm(t.config->checkpoint.before_wall, "finishing the step, then saving");
    status = run_steps(&t, err);
    /* A failure to write the summary must not hide how the run ended. */
    int code = status != LM_OK && err->exit_code ? err->exit_code : (int)status;
    lm_status summary = lm_trainer_summarise(&t, status, code, status == LM_OK ? err : &aside);
    if (status == LM_OK) status = summary;
    if (status == LM_OK)
        lm_progress_note(&t.progress, "finished: %s, newest checkpoint %s", t.config->run.dir,
                         t.saved);
out:
    lm_stop_restore();
    lm_trainer_free(&t);
    return status;
}

lm_status lm_train_plan_print(const lm_train_settings *settings, lm_text *out, lm_error *err) {
    lm_setup s;
    lm_status status = lm_setup_open(&s, settings->config, settings->threads, settings->isas, err);
    if (status != LM_OK) return status;
    if (!s.plan.overflow) lm_setup_print_plan(&s, out);
    status = lm_setup_check_limits(&s, err);
    lm_setup_close(&s);
    return status;
}
