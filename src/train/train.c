#include "train/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "machine/peak.h"
#include "train/evaluate.h"
#include "train/signals.h"
#include "train/trainer.h"

#define PEAK_SECONDS 0.03 /* of measuring the machine, at the start and at evaluations */

/* ---- between steps -----------------------------------------------------------------------------*/

/* Again after each evaluation, since a machine is sometimes busy with other things. */
static void measure_peak(lm_trainer *t) {
    if (!t->settings->quiet)
        lm_progress_peak(&t->progress,
                         lm_peak_flops(t->pool, lm_compute_peak_loop(&t->compute), PEAK_SECONDS));
}

static lm_status evaluate(lm_trainer *t, lm_error *err) {
    int64_t evaluated = 0;
    lm_evaluation e = {.model = t->model,
                       .sampler = &t->setup.val_sampler,
                       .batch = t->config->train.micro_batch,
                       .max_tokens = t->config->eval.tokens,
                       .tokens = t->batch};
    double loss = lm_evaluate(&e, NULL, &evaluated);
    if (!isfinite(loss))
        return lm_error_set(err, LM_ERR_DIVERGED,
                            "step %" PRId64 ": the validation loss stopped being finite (%g)",
                            t->state.step, loss);
    t->state.val_loss = loss;
    if (!(t->state.best_val_loss <= loss)) {
        t->state.best_val_loss = loss;
        t->state.best_val_step = t->state.step;
    }
    measure_peak(t);
    lm_progress_eval(&t->progress, t->state.step, loss, t->setup.bytes_per_token);
    lm_eval_figures f = {.step = t->state.step,
                         .tokens = t->state.tokens,
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

static lm_status run_steps(lm_trainer *t, lm_error *err) {
    const lm_config *c = t->config;
    lm_status status;
    while (t->state.step < c->train.steps) {
        lm_step_figures figures;
        if ((status = lm_trainer_step(t, &figures, err)) != LM_OK) return status;
        if ((status = lm_metrics_step(&t->metrics, &figures, err)) != LM_OK) return status;
        lm_progress_step(&t->progress, figures.step, figures.loss, figures.tokens_per_s);
        bool last = figures.step == c->train.steps;
        if (t->setup.val && due(figures.step, c->eval.every, last) &&
            (status = evaluate(t, err)) != LM_OK)
            return status;
        bool stop = lm_signals_pending() != 0 && !last;
        if (due(figures.step, c->checkpoint.every, last || stop) &&
            (status = save(t, last || stop, err)) != LM_OK)
            return status;
        if (stop)
            return lm_error_set(err, LM_ERR_INTERRUPTED,
                                "stopped by signal %d after step %" PRId64
                                "; the checkpoint is %s; add --resume to the same command to go on",
                                lm_signals_pending(), t->state.step, t->saved);
    }
    return LM_OK;
}

/* ---- the run -----------------------------------------------------------------------------------*/

static lm_status write_config(const lm_trainer *t, lm_error *err) {
    lm_text text = {0};
    lm_config_print(t->config, &text);
    lm_status status = text.failed
                           ? lm_error_set(err, LM_ERR_RUNTIME, "out of memory")
                           : lm_file_replace(t->dir.config, lm_text_cstr(&text), text.length, err);
    lm_text_free(&text);
    return status;
}

static void announce(lm_trainer *t) {
    char parameters[32], memory[32], isas[128];
    lm_progress_note(&t->progress, "%s: %s parameters, %s of memory, %d thread%s, %s",
                     t->config->run.dir,
                     lm_text_count(parameters, sizeof parameters, (double)t->state.parameters),
                     lm_text_bytes(memory, sizeof memory, (double)t->setup.plan.memory),
                     t->setup.threads, t->setup.threads == 1 ? "" : "s",
                     lm_cpu_describe(t->setup.kernels.isas, isas, sizeof isas));
    if (lm_setup_shared_shard(&t->setup))
        lm_progress_warn(&t->progress, LM_SHARED_SHARD, lm_setup_shared_shard(&t->setup));
    if (t->state.step > 0)
        lm_progress_note(&t->progress, "going on after step %" PRId64 ", from %s", t->state.step,
                         t->saved);
}

static bool is_finished(const lm_trainer *t) {
    return t->state.step >= t->config->train.steps;
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
    if (t->saved_step < 0) lm_model_init(t->model, (uint64_t)c->run.seed);
    t->first_step = t->progress.first_step = t->state.step;
    if (is_finished(t)) return LM_OK; /* all that it wrote stays as it is */
    if ((status = write_config(t, err)) != LM_OK) return status;
    return lm_metrics_open(&t->metrics, t->dir.metrics, t->state.step, &t->seconds_before, err);
}

lm_status lm_train_run(const lm_train_settings *settings, lm_error *err) {
    lm_trainer t = {.settings = settings, .config = settings->config, .dir = {.lock = -1}};
    lm_error aside;
    t.metrics.fd = -1;
    t.started = lm_clock_seconds();
    lm_status status =
        lm_setup_open(&t.setup, settings->config, settings->threads, settings->isas, err);
    if (status != LM_OK) goto out;
    if ((status = prepare(&t, err)) != LM_OK) goto out;
    if (is_finished(&t)) {
        lm_progress_note(&t.progress, "%s: finished already: %" PRId64 " steps are done",
                         t.config->run.dir, t.state.step);
        goto out;
    }
    announce(&t);
    lm_signals_install();
    status = run_steps(&t, err);
    lm_signals_restore();
    /* A failure to write the summary must not hide how the run ended. */
    lm_status summary = lm_trainer_summarise(&t, status, status == LM_OK ? err : &aside);
    if (status == LM_OK) status = summary;
    if (status == LM_OK)
        lm_progress_note(&t.progress, "finished: %s, newest checkpoint %s", t.config->run.dir,
                         t.saved);
out:
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
