/* Going on from a checkpoint. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/trainer.h"

static lm_status check_same_data(const lm_trainer *t, const lm_run_state *saved, const char *path,
                                 lm_error *err) {
    if (saved->train_digest == t->state.train_digest) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s was trained on other data: expected data.train with digest %016" PRIx64
                        ", found %016" PRIx64 " in %s",
                        path, saved->train_digest, t->state.train_digest, t->config->data.train);
}

static lm_status take_over(lm_trainer *t, const char *path, lm_error *err) {
    lm_saved from;
    lm_text skipped = {0}, changed = {0};
    lm_status status = lm_saved_open(&from, path, t->pool, &skipped, err);
    if (status != LM_OK) goto out;
    if ((status = lm_config_compare(&from.config, t->config, &changed, err)) != LM_OK) {
        lm_error_prefix(err, "cannot go on from %s", path);
        goto out;
    }
    if (changed.length > 0)
        lm_progress_note(&t->progress, "changed since %s:\n%-s", path, lm_text_cstr(&changed));
    if ((status = check_same_data(t, &from.state, path, err)) != LM_OK) goto out;
    status = lm_checkpoint_read(from.checkpoint, t->arrays, t->n_arrays, t->pool, err);
    if (status != LM_OK) goto out;
    from.state.val_digest = t->state.val_digest; /* validation data may change */
    t->state = from.state;
    t->saved_step = from.state.step;
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

/* Finds the checkpoint to go on from: t->saved, NULL when there is none at all. */
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
            lm_progress_warn(&t->progress, "passed over:\n%-s", lm_text_cstr(&skipped));
        } else {
            status = none_is_good(t, &skipped, err);
        }
    }
    lm_text_free(&skipped);
    return status;
}

/* Makes the checkpoint that the run goes on from its newest one: copies it when it lies elsewhere
 * or has the name of another step, and sets those of later steps aside. Only after that may the
 * metrics be cut. */
static lm_status settle(lm_trainer *t, lm_error *err) {
    lm_text moved = {0};
    lm_status status = LM_OK;
    char *own = lm_checkpoint_path(t->dir.checkpoints, t->state.step);
    if (!own) return lm_error_no_memory(err, NULL);
    if (!lm_file_same(own, t->saved)) status = lm_trainer_write(t, err);
    if (status == LM_OK)
        status = lm_checkpoint_set_aside(t->dir.checkpoints, t->state.step, &moved, err);
    if (moved.length > 0)
        lm_progress_warn(&t->progress,
                         "set aside, because the run goes on from an earlier step:\n%-s",
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
        lm_progress_warn(&t->progress,
                         "warning: temporary files of a killed run cannot be deleted: %s",
                         aside.message);
    if (!t->saved) return LM_OK;
    if ((status = take_over(t, t->saved, err)) != LM_OK) return status;
    return settle(t, err);
}
