#include "train/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "machine/stop.h"
#include "train/follow.h"

/* config.json is left alone when it says the same already. */
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
        lm_progress_warn(&t->progress, "%-.*s", (int)warnings.length - 1, lm_text_cstr(&warnings));
    lm_text_free(&warnings);
    if (t->saved) {
        lm_progress_note(&t->progress, "going on after step %" PRId64 ", from %s", t->state.step,
                         t->saved);
    } else if (t->settings->resume) {
        lm_progress_note(&t->progress, "no checkpoint to go on from: starting at step 0");
    }
}

/* Everything between opening the setup and the first step. */
static lm_status prepare(lm_trainer *t, lm_error *err) {
    const lm_config *c = t->config;
    lm_status status;
    if ((status = lm_setup_check_limits(&t->setup, err)) != LM_OK) return status;
    if ((status = lm_run_dir_open(&t->dir, c->run.dir, t->settings->resume, err)) != LM_OK)
        return status;
    if ((status = lm_trainer_create(t, err)) != LM_OK) return status;
    lm_progress_start(&t->progress, stderr, t->settings->quiet, c->log.every, 0, c->train.steps,
                      t->setup.plan.model.flops_per_token);
    if (t->dir.no_lock)
        lm_progress_warn(&t->progress,
                         "warning: %s: its filesystem cannot lock files (%s): let no second process"
                         " train in it",
                         c->run.dir, lm_error_errno(t->dir.no_lock));
    lm_trainer_measure_peak(t);
    if ((status = lm_trainer_resume(t, err)) != LM_OK) return status;
    if (t->saved_step < 0 && (status = lm_trainer_init(t, err)) != LM_OK) return status;
    t->first_step = t->progress.first_step = t->state.step;
    if (lm_trainer_is_finished(t)) return LM_OK; /* its files stay as they are */
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

/* A session that was stopped may have left an evaluation, and what comes after it, to this one. */
static lm_status run_steps(lm_trainer *t, lm_error *err) {
    lm_status status = lm_trainer_evaluation_due(t) ? lm_follow(t, err) : LM_OK;
    while (status == LM_OK && t->state.step < t->config->train.steps) {
        double started = lm_clock_seconds();
        if ((status = lm_trainer_step(t, err)) != LM_OK) break;
        t->longest_step = fmax(t->longest_step, lm_clock_seconds() - started);
        lm_stop_expect(t->longest_step + t->save_seconds);
        status = lm_follow(t, err);
    }
    return status;
}

lm_status lm_train_run(const lm_train_settings *settings, lm_error *err) {
    lm_trainer t = {.settings = settings, .config = settings->config};
    lm_error aside;
    t.started = lm_clock_seconds();
    lm_stop_listen();
    lm_status status =
        lm_setup_open(&t.setup, settings->config, settings->threads, settings->isas, err);
    if (status != LM_OK) goto out;
    if ((status = prepare(&t, err)) != LM_OK) goto out;
    if (lm_trainer_is_finished(&t)) {
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
