#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "machine/limits.h"
#include "optim/clip.h"
#include "train/trainer.h"

/* ---- saving ------------------------------------------------------------------------------------*/

/* The sum of squares of an array is finite when all of it is, give or take what would overflow. */
static lm_status check_finite(const lm_trainer *t, lm_error *err) {
    int64_t n_states, total = lm_model_total(t->model);
    const float *states = lm_optimizer_flat(t->optimizer, &n_states);
    const char *what = NULL;
    if (!isfinite(lm_gradient_norm(&t->compute, total, lm_model_weights(t->model))))
        what = "the weights";
    else if (!isfinite(lm_gradient_norm(&t->compute, n_states, states)))
        what = "the optimizer's state";
    if (!what) return LM_OK;
    return lm_error_set(err, LM_ERR_DIVERGED,
                        "step %" PRId64 ": %s stopped being finite; no checkpoint was written"
                        "%s%s",
                        t->state.step, what, t->saved ? "; the last good one is " : "",
                        t->saved ? t->saved : "");
}

static lm_status check_disk(const lm_trainer *t, lm_error *err) {
    char need[32], have[32];
    uint64_t free_bytes = lm_limits_disk(t->dir.checkpoints);
    if (t->setup.plan.checkpoint <= free_bytes) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: a checkpoint needs up to %s of disk, %s are free",
                        t->dir.checkpoints,
                        lm_text_bytes(need, sizeof need, (double)t->setup.plan.checkpoint),
                        lm_text_bytes(have, sizeof have, (double)free_bytes));
}

/* One that reads back wrong is set aside: it must not pass for the newest. */
static lm_status check_written(const lm_trainer *t, const char *path, lm_error *err) {
    lm_text moved = {0};
    lm_error aside;
    lm_status status = lm_checkpoint_check(path, t->pool, err);
    if (status == LM_OK) return LM_OK;
    if (err->damaged)
        lm_checkpoint_set_aside(t->dir.checkpoints, t->state.step - 1, &moved, &aside);
    lm_text_free(&moved);
    return lm_error_prefix(err, "written, but it does not read back");
}

static lm_status write_checkpoint(lm_trainer *t, lm_error *err) {
    lm_text meta = {0};
    char *path = NULL;
    lm_status status = check_finite(t, err);
    if (status != LM_OK) goto out;
    if ((status = check_disk(t, err)) != LM_OK) goto out;
    path = lm_checkpoint_path(t->dir.checkpoints, t->state.step);
    lm_run_state_print(&t->state, t->config, &meta);
    if (!path || meta.failed) {
        status = lm_error_no_memory(err, t->dir.checkpoints);
        goto out;
    }
    /* The metrics up to here first: a checkpoint never knows of more than they do. */
    if ((status = lm_metrics_sync(&t->metrics, err)) != LM_OK) goto out;
    status =
        lm_checkpoint_write(path, t->arrays, t->n_arrays, lm_text_cstr(&meta), t->pool, NULL, err);
    if (status != LM_OK || (status = check_written(t, path, err)) != LM_OK) goto out;
    free(t->saved);
    t->saved = path;
    t->saved_step = t->state.step;
    path = NULL;
out:
    lm_text_free(&meta);
    free(path);
    return status;
}

lm_status lm_trainer_save(lm_trainer *t, lm_error *err) {
    const lm_checkpoint_options *o = &t->config->checkpoint;
    lm_error aside;
    if (t->saved_step == t->state.step) return LM_OK;
    double started = lm_clock_seconds();
    lm_status status = write_checkpoint(t, err);
    if (status != LM_OK) return status;
    lm_checkpoint_retention keep = {.newest = t->state.step,
                                    .keep_last = o->keep_last,
                                    .keep_every = o->keep_every,
                                    .keep_best = t->setup.val ? o->keep_best : 0,
                                    .loss = lm_run_state_val_loss,
                                    .known = &t->losses};
    /* What cannot be deleted now may be at the next checkpoint: this one is there all the same. */
    lm_status kept = lm_checkpoint_retain(t->dir.checkpoints, &keep, &aside);
    t->save_seconds = fmax(t->save_seconds, lm_clock_seconds() - started);
    if (kept != LM_OK)
        lm_progress_warn(&t->progress, "warning: old checkpoints stay: %s", aside.message);
    return LM_OK;
}

/* ---- going on ----------------------------------------------------------------------------------*/

static lm_status check_same_data(const lm_trainer *t, const lm_run_state *saved, const char *path,
                                 lm_error *err) {
    if (saved->train_digest == t->state.train_digest) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s was trained on other data: expected data.train with digest %016" PRIx64
                        ", found %016" PRIx64 " in %s",
                        path, saved->train_digest, t->state.train_digest, t->config->data.train);
}

static lm_status take_over(lm_trainer *t, const char *path, lm_error *err) {
    lm_checkpoint *c = NULL;
    lm_config saved = {0};
    lm_run_state state;
    lm_text changed = {0};
    lm_status status = lm_checkpoint_open(&c, path, err);
    if (status != LM_OK) goto out;
    if ((status = lm_run_state_parse(&state, &saved, path, lm_checkpoint_meta(c), err)) != LM_OK)
        goto out;
    if ((status = lm_config_compare(&saved, t->config, &changed, err)) != LM_OK) {
        lm_error_prefix(err, "cannot go on from %s", path);
        goto out;
    }
    if (changed.length > 0)
        lm_progress_note(&t->progress, "changed since %s:\n%s", path, lm_text_cstr(&changed));
    if ((status = check_same_data(t, &state, path, err)) != LM_OK) goto out;
    if ((status = lm_checkpoint_read(c, t->arrays, t->n_arrays, t->pool, err)) != LM_OK) goto out;
    state.val_digest = t->state.val_digest; /* validation data may change */
    t->state = state;
    t->saved_step = state.step;
out:
    lm_text_free(&changed);
    lm_config_free(&saved);
    lm_checkpoint_close(c);
    return status;
}

/* To begin again at step 0 would overwrite what may still be of use: that is for the user to say. */
static lm_status none_is_good(const lm_trainer *t, const lm_text *skipped, lm_error *err) {
    return lm_error_damaged(err,
                            "%s: no good checkpoint to go on from; nothing was changed. Put a good"
                            " copy in, name one kept elsewhere (--resume FILE), move the damaged"
                            " ones away to begin at step 0, or choose another run.dir.\n%.*s",
                            t->dir.checkpoints, (int)skipped->length - 1, lm_text_cstr(skipped));
}

/* The checkpoint to go on from: t->saved, NULL when there is none at all. */
static lm_status choose(lm_trainer *t, lm_error *err) {
    const char *from = t->settings->resume_from;
    lm_text skipped = {0};
    lm_status status;
    if (from) {
        if ((status = lm_checkpoint_check(from, t->pool, err)) != LM_OK) return status;
        t->saved = strdup(from);
        return t->saved ? LM_OK : lm_error_no_memory(err, from);
    }
    status = lm_checkpoint_newest(t->dir.checkpoints, t->pool, &t->saved, &skipped, err);
    if (status != LM_OK)
        lm_error_prefix(err, "cannot tell the newest good checkpoint (--resume FILE names one)");
    if (status == LM_OK && skipped.length > 0) {
        if (t->saved) {
            lm_progress_warn(&t->progress, "passed over:\n%s", lm_text_cstr(&skipped));
        } else {
            status = none_is_good(t, &skipped, err);
        }
    }
    lm_text_free(&skipped);
    return status;
}

/* From now on the run's newest checkpoint is the one it goes on from: a copy is made of one that
 * lies elsewhere or has the name of another step, and what lies beyond is set aside. Only then the
 * metrics may be cut. */
static lm_status settle(lm_trainer *t, lm_error *err) {
    lm_text moved = {0};
    lm_status status = LM_OK;
    char *own = lm_checkpoint_path(t->dir.checkpoints, t->state.step);
    if (!own) return lm_error_no_memory(err, NULL);
    if (!lm_file_same(own, t->saved)) status = write_checkpoint(t, err);
    if (status == LM_OK)
        status = lm_checkpoint_set_aside(t->dir.checkpoints, t->state.step, &moved, err);
    if (moved.length > 0)
        lm_progress_warn(&t->progress, "set aside, since the run goes on before them:\n%s",
                         lm_text_cstr(&moved));
    lm_text_free(&moved);
    free(own);
    return status;
}

lm_status lm_trainer_resume(lm_trainer *t, lm_error *err) {
    lm_error aside;
    lm_status status = choose(t, err);
    if (status != LM_OK) return status;
    if (lm_checkpoint_remove_temporaries(t->dir.checkpoints, &aside) != LM_OK)
        lm_progress_warn(&t->progress, "warning: what a killed writer left stays: %s",
                         aside.message);
    if (!t->saved) return LM_OK;
    if ((status = take_over(t, t->saved, err)) != LM_OK) return status;
    return settle(t, err);
}
