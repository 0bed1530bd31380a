/* Going on from a checkpoint. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "report/summary.h"
#include "train/pace.h"
#include "train/trainer.h"

/* Of one source that has more shards than it had: "it has N further shards". */
static void put_what_changed(const lm_trainer *t, uint64_t had, lm_text *out) {
    const lm_sources *train = &t->setup.train;
    const lm_corpus *c = train->items[0].corpus;
    int64_t first = train->count == 1 ? lm_corpus_first_shards(c, had) : 0;
    int64_t more = lm_corpus_shards(c) - first;
    lm_text_say(out, "expected data.train with digest %016" PRIx64 ", found %016" PRIx64, had,
                t->state.train_digest);
    if (train->count > 1) {
        lm_text_say(out, " in a mixture of %" PRId64 " sources", train->count);
    } else {
        lm_text_say(out, " in %s", train->items[0].path);
    }
    if (first > 0)
        lm_text_say(out, ", which has %" PRId64 " further shard%s, from %s on", more,
                    more == 1 ? "" : "s", lm_corpus_shard_path(c, first));
}

/* *other: the run goes on with other training data. */
static lm_status check_same_data(lm_trainer *t, const lm_run_state *saved, const char *path,
                                 bool *other, lm_error *err) {
    lm_text change = {0};
    lm_status status = LM_OK;
    *other = saved->train_digest != t->state.train_digest;
    if (!*other) return LM_OK;
    put_what_changed(t, saved->train_digest, &change);
    if (t->config->data.go_on) {
        lm_progress_note(&t->progress,
                         "other training data than that of %s: %-s; its order begins at epoch 0"
                         " (data.continue)",
                         path, lm_text_cstr(&change));
    } else {
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s was trained on other data: %-s. Put the former data back, or go"
                              " on with these by data.continue=true: weights, optimizer and"
                              " schedule stay, and the order of the new data begins at epoch 0",
                              path, lm_text_cstr(&change));
    }
    lm_text_free(&change);
    return status;
}

/* A finished run has nothing left to do. With keys that would have made another result, going on
 * would pass its result off as theirs. */
static lm_status refuse_other_result(const lm_trainer *t, const char *changed, lm_error *err) {
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: this run is finished, and with these keys its result would be another"
                        " one:\n%-s\nchoose another run.dir (--set run.dir=...), or raise"
                        " %s to go on with it",
                        t->config->run.dir, changed,
                        lm_trainer_is_stopped(t) ? "eval.patience" : "train.steps");
}

static lm_status check_finished(lm_trainer *t, const lm_saved *from, uint64_t val_digest,
                                lm_error *err) {
    lm_text changed = {0};
    lm_config_result_differences(&from->config, t->config, &changed);
    if (changed.length == 0 && from->state.val_digest != val_digest)
        lm_text_printf(&changed, "  data.val: digest %016" PRIx64 " -> %016" PRIx64,
                       from->state.val_digest, val_digest);
    t->finished = true;
    lm_status status = changed.failed       ? lm_error_no_memory(err, NULL)
                       : changed.length > 0 ? refuse_other_result(t, lm_text_cstr(&changed), err)
                                            : LM_OK;
    lm_text_free(&changed);
    return status;
}

/* Of the sets of this name that the checkpoint knows. */
static void take_val_losses(lm_trainer *t, const lm_saved *from) {
    const lm_data_sources *now = &t->config->data.val, *then = &from->config.data.val;
    for (int64_t i = 0; i < LM_DATA_MOST_SOURCES; i++) {
        t->state.val_losses[i] = NAN;
        for (int64_t k = 0; i < now->count && k < then->count; k++)
            if (now->items[i].name && then->items[k].name &&
                strcmp(now->items[i].name, then->items[k].name) == 0)
                t->state.val_losses[i] = from->state.val_losses[k];
    }
}

/* A key that came with another default than what runs had before it. */
static lm_status take_offsets(lm_trainer *t, const lm_saved *from, lm_error *err) {
    bool had = from->config.data.offsets;
    const lm_data_options *now = &t->config->data;
    if (t->config->offsets_given || had == now->offsets || !now->shuffle) return LM_OK;
    lm_progress_note(&t->progress, "data.offsets is %s, as in %s", had ? "true" : "false",
                     from->path);
    return lm_setup_take_offsets(&t->setup, had, err);
}

/* Going on computes as this program does, whatever the checkpoint was computed with. */
static void tell_of_arithmetic(lm_trainer *t, const lm_run_state *saved, const char *path) {
    if (saved->arithmetic == LM_ARITHMETIC) return;
    lm_progress_warn(
        &t->progress,
        "note: %s was computed with arithmetic %" PRId64 ", this lmtrain has arithmetic"
        " %d: the run goes on from its state, but not with the bits that the %s lmtrain"
        " would have given",
        path, saved->arithmetic, LM_ARITHMETIC,
        saved->arithmetic < LM_ARITHMETIC ? "older" : "newer");
}

/* Keys that are not what they were may change the learning rate from this step to the next. */
static void tell_of_rate(lm_trainer *t, const lm_saved *from) {
    const lm_config *then = &from->config, *now = t->config;
    const int64_t step = t->state.step + 1;
    double windows = 0;
    lm_error aside;
    if (lm_pace_windows(then, &windows, &aside) != LM_OK || step > now->train.steps) return;
    const lm_schedule_time at_then = lm_pace_time(then, windows, step, (double)t->state.tokens);
    const lm_schedule_time at_now =
        lm_pace_time(now, t->setup.plan.samples, step, (double)t->state.tokens);
    double before = lm_pace_lr(then, then->optimizer.lr, &at_then);
    double after = lm_pace_lr(now, now->optimizer.lr, &at_now);
    if (before == after) return;
    if (step > then->train.steps)
        lm_progress_note(&t->progress,
                         "learning rate of step %" PRId64 ": %.4g now; the run ended at step"
                         " %" PRId64 " with %.4g",
                         step, after, then->train.steps, before);
    else
        lm_progress_note(&t->progress, "learning rate of step %" PRId64 ": %.4g -> %.4g", step,
                         before, after);
}

lm_status lm_trainer_take(lm_trainer *t, const lm_saved *from, lm_error *err) {
    const uint64_t val_digest = t->state.val_digest, train_digest = t->state.train_digest;
    t->state.averaged = t->average.values ? from->state.averaged : 0;
    const int64_t averaged = t->state.averaged;
    lm_status status = lm_ranks_read(t, from->checkpoint, from->path, err);
    if (status != LM_OK) return status;
    t->state = from->state;
    t->state.val_digest = val_digest;
    t->state.train_digest = train_digest;
    t->state.averaged = averaged;
    if (!t->lane_squares) t->state.noise = (lm_noise){0};
    take_val_losses(t, from);
    return LM_OK;
}

/* A run that could not go back so far can go back to this checkpoint. */
static void take_guards(lm_trainer *t, const lm_saved *from) {
    lm_run_state *s = &t->state;
    const lm_train_options *now = &t->config->train;
    if (now->rewind && from->config.train.rewind) return;
    s->rewind_step = now->rewind ? s->step : 0;
    s->rewinds_here = 0;
}

static lm_status take_over(lm_trainer *t, const char *path, lm_error *err) {
    lm_saved from;
    lm_text skipped = {0}, changed = {0};
    bool other;
    lm_status status = lm_saved_open(&from, path, t->pool, &skipped, err);
    if (status != LM_OK) goto out;
    if ((status = take_offsets(t, &from, err)) != LM_OK) goto out;
    if ((status = lm_config_compare(&from.config, t->config, &changed, err)) != LM_OK) {
        lm_error_prefix(err, "cannot go on from %s", path);
        goto out;
    }
    if (changed.length > 0)
        lm_progress_note(&t->progress, "changed since %s:\n%-s", path, lm_text_cstr(&changed));
    if ((status = check_same_data(t, &from.state, path, &other, err)) != LM_OK) goto out;
    const uint64_t val_digest = t->state.val_digest; /* validation data may change */
    if ((status = lm_trainer_take(t, &from, err)) != LM_OK) goto out;
    if (other) t->state.data_start = t->state.samples;
    take_guards(t, &from);
    if ((status = lm_setup_adopt(&t->setup, &from, err)) != LM_OK) goto out;
    t->saved_step = t->newest_step = from.state.step;
    if (changed.length > 0) tell_of_rate(t, &from);
    if (lm_trainer_is_finished(t))
        status = check_finished(t, &from, val_digest, err);
    else if (!(t->paused = lm_trainer_is_paused(t)))
        tell_of_arithmetic(t, &from.state, path);
    t->state.arithmetic = LM_ARITHMETIC;
out:
    lm_text_free(&skipped);
    lm_text_free(&changed);
    lm_saved_close(&from);
    return status;
}

/* The run does not begin again at step 0 by itself: that would overwrite checkpoints that the user
 * may still be able to repair. */
static lm_status none_is_good(const lm_trainer *t, const lm_text *skipped, lm_error *err) {
    return lm_error_damaged(err,
                            "%s: no good checkpoint to go on from; nothing was changed. Put a good"
                            " copy in, name one kept elsewhere (--resume FILE), move the damaged"
                            " ones away to begin at step 0, or choose another run.dir.\n%-.*s",
                            t->dir.checkpoints, (int)skipped->length - 1, lm_text_cstr(skipped));
}

/* The newest good checkpoint of `path`, which the user names: a checkpoint, or a run directory. */
static lm_status choose_given(lm_trainer *t, const char *path, lm_text *skipped, lm_error *err) {
    lm_status status = lm_saved_find(path, t->pool, &t->saved, skipped, err);
    if (status != LM_OK || lm_file_is_directory(path)) return status; /* it is verified */
    return lm_checkpoint_check(t->saved, t->pool, err);
}

/* Finds the checkpoint to go on from: t->saved, NULL when there is none at all. */
static lm_status choose(lm_trainer *t, lm_error *err) {
    const char *from = t->settings->resume_from;
    lm_text skipped = {0};
    lm_status status;
    if (from) {
        status = choose_given(t, from, &skipped, err);
    } else {
        status = lm_checkpoint_newest(t->dir.checkpoints, t->pool, &t->saved, &skipped, err);
        if (status != LM_OK)
            lm_error_prefix(err,
                            "cannot tell the newest good checkpoint (--resume FILE names one)");
        if (status == LM_OK && !t->saved && skipped.length > 0)
            status = none_is_good(t, &skipped, err);
    }
    if (status == LM_OK && skipped.length > 0)
        lm_progress_warn(&t->progress, "passed over:\n%-s", lm_text_cstr(&skipped));
    lm_text_free(&skipped);
    return status;
}

/* ---- without a checkpoint ---------------------------------------------------------------------*/

/* Keys of the finished run whose checkpoints are gone that are not as given now; t->finished says
 * that there is nothing to do. */
static lm_status compare_finished(lm_trainer *t, lm_text *changed, lm_error *err) {
    lm_config old = {0};
    char *path = lm_run_dir_config(t->dir.path);
    if (!path) return LM_OK;
    lm_status status = lm_config_load(&old, path, NULL, 0, err);
    if (status == LM_OK) status = lm_model_resolve(&old.model, err); /* an older file lacks keys */
    if (status == LM_OK && old.train.steps < t->config->train.steps) {
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: this run is finished and has no checkpoints: it cannot go"
                              " on to %" PRId64 " steps. Put a checkpoint back, or choose another"
                              " run.dir",
                              t->config->run.dir, t->config->train.steps);
    } else if (status == LM_OK) {
        lm_config_result_differences(&old, t->config, changed);
        if (changed->length > 0) status = refuse_other_result(t, lm_text_cstr(changed), err);
    }
    lm_config_free(&old);
    free(path);
    return status;
}

/* There is no checkpoint. A run that finished stays finished; what a killed run left is begun
 * again, with its metrics kept (lm_metrics_open). */
static lm_status begin_again(lm_trainer *t, lm_error *err) {
    lm_summary_found found;
    lm_text changed = {0};
    char *here = getcwd(NULL, 0);
    char *where = lm_file_join(*t->dir.path == '/' || !here ? "" : here, t->dir.path);
    lm_status status = LM_OK;
    if (lm_summary_read(&found, t->dir.summary) && strcmp(found.state, "finished") == 0) {
        t->finished = true;
        t->state.step = found.step;
        status = compare_finished(t, &changed, err);
    } else {
        lm_progress_warn(&t->progress,
                         "warning: %s holds no checkpoint to go on from: starting at step 0",
                         where ? where : t->dir.path);
    }
    lm_text_free(&changed);
    free(where);
    free(here);
    return status;
}

/* A session that said "running" and holds the lock no more was killed, or runs on another machine
 * where this one's lock is not seen. */
static lm_status tell_of_killed(lm_trainer *t, lm_error *err) {
    lm_summary_found s;
    if (!lm_summary_read(&s, t->dir.summary) || strcmp(s.state, "running") != 0) return LM_OK;
    if (t->dir.no_lock && s.here && lm_run_dir_in_use(t->dir.path, s.pid))
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: another process is training in this run directory: %" PRId64
                            ", by its summary",
                            t->dir.path, s.pid);
    if (s.here || !*s.host) {
        lm_progress_note(&t->progress,
                         "the session before (process %" PRId64 ", since %s) was killed", s.pid,
                         s.started);
    } else {
        lm_progress_warn(&t->progress,
                         "warning: by %s, process %" PRId64 " on %s trains here since %s; its lock"
                         " is free, so that it seems to have been killed. If it still runs, stop"
                         " one of the two",
                         t->dir.summary, s.pid, s.host, s.started);
    }
    return LM_OK;
}

/* ---- settling ---------------------------------------------------------------------------------*/

/* Makes the checkpoint that the run goes on from its newest one: copies it when it lies elsewhere
 * or has the name of another step, and sets those of later steps aside. Only after that may the
 * metrics be cut. */
static lm_status make_newest(lm_trainer *t, lm_error *err) {
    lm_text moved = {0};
    lm_status status = LM_OK;
    char *own = lm_checkpoint_path(t->dir.checkpoints, t->state.step);
    if (!own) return lm_error_no_memory(err, NULL);
    if (!lm_file_same(own, t->saved)) status = lm_trainer_write(t, err);
    if (status == LM_OK)
        status = lm_checkpoint_set_aside(t->dir.checkpoints, t->state.step, &moved, err);
    if (moved.length > 0)
        lm_progress_warn(&t->progress,
                         "set aside, because the run goes on from an earlier step (to delete them:"
                         " rm %s/*.aside*):\n%-s",
                         t->dir.checkpoints, lm_text_cstr(&moved));
    lm_text_free(&moved);
    free(own);
    return status;
}

lm_status lm_trainer_settle(lm_trainer *t, lm_error *err) {
    lm_error aside;
    if (lm_checkpoint_remove_temporaries(t->dir.checkpoints, &aside) != LM_OK)
        lm_progress_warn(&t->progress,
                         "warning: temporary files of a killed run cannot be deleted: %s",
                         aside.message);
    return t->saved ? make_newest(t, err) : LM_OK;
}

/* Was the run to end without a checkpoint (checkpoint.final) and did so, with the steps that it is
 * asked for now? Then those of earlier steps are not to be gone on from. */
static bool ended_without_checkpoint(const lm_trainer *t) {
    lm_summary_found s;
    return !t->settings->resume_from && lm_summary_read(&s, t->dir.summary) &&
           strcmp(s.state, "finished") == 0 && s.without_last &&
           (s.step >= t->config->train.steps || s.stopped_early);
}

lm_status lm_trainer_resume(lm_trainer *t, lm_error *err) {
    lm_status status = choose(t, err);
    if (status != LM_OK) return status;
    if (t->saved && ended_without_checkpoint(t)) {
        free(t->saved);
        t->saved = NULL;
    }
    status = t->saved ? take_over(t, t->saved, err) : begin_again(t, err);
    if (status == LM_OK) status = tell_of_killed(t, err);
    return status;
}
