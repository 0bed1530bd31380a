/* Writing a checkpoint, and letting old ones go. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "machine/limits.h"
#include "optim/clip.h"
#include "train/trainer.h"

/* The sum of squares of an array is finite when all its elements are, and none is so large that its
 * square overflows. */
lm_status lm_trainer_check_finite(lm_trainer *t, lm_error *err) {
    const char *what = NULL;
    bool finite;
    lm_status status = lm_ranks_check_states(t, &finite, err);
    if (status != LM_OK) return status;
    if (!isfinite(
            lm_gradient_norm(&t->compute, lm_model_total(t->model), lm_model_weights(t->model))))
        what = "the weights";
    else if (!finite)
        what = "the optimizer's state";
    if (!what) return LM_OK;
    return lm_error_set(err, LM_ERR_DIVERGED,
                        "step %" PRId64 ": %s stopped being finite; no checkpoint was written",
                        t->state.step, what);
}

bool lm_trainer_has_room(const lm_trainer *t) {
    return t->setup.plan.checkpoint <= lm_limits_disk(t->dir.checkpoints);
}

static lm_status check_disk(const lm_trainer *t, lm_error *err) {
    char need[32], have[32];
    if (lm_trainer_has_room(t)) return LM_OK;
    lm_error_set(err, LM_ERR_RUNTIME, "%s: a checkpoint needs up to %s of disk, %s are free",
                 t->dir.checkpoints,
                 lm_text_bytes(need, sizeof need, (double)t->setup.plan.checkpoint),
                 lm_text_bytes(have, sizeof have, (double)lm_limits_disk(t->dir.checkpoints)));
    err->no_room = true;
    return err->code;
}

/* A checkpoint that reads back wrong is set aside, so that nobody takes it for the newest. */
static lm_status check_written(const lm_trainer *t, const char *path, lm_error *err) {
    lm_text moved = {0};
    lm_error aside;
    lm_status status = lm_checkpoint_check(path, t->pool, err);
    if (status == LM_OK) return LM_OK;
    if (err->damaged)
        lm_checkpoint_set_aside(t->dir.checkpoints, t->state.step - 1, &moved, &aside);
    lm_text_free(&moved);
    if (t->ranks.comm && t->config->dist.shared_filesystem)
        lm_error_append(err, "; if its filesystem cannot let several hosts write one file at once,"
                             " set dist.shared_filesystem to false");
    return lm_error_prefix(err, "written, but it does not read back");
}

/* The texts of a checkpoint, those that there are. */
static int64_t list_texts(const lm_trainer *t, lm_checkpoint_text texts[2]) {
    const lm_text *tokenizer = &t->setup.tokenizer_file, *kept = &t->setup.kept;
    int64_t n = 0;
    if (tokenizer->length > 0)
        texts[n++] = (lm_checkpoint_text){"tokenizer.json", tokenizer->data, tokenizer->length};
    if (kept->length > 0)
        texts[n++] = (lm_checkpoint_text){LM_INTEROP_KEPT, kept->data, kept->length};
    return n;
}

lm_status lm_trainer_write(lm_trainer *t, lm_error *err) {
    lm_text meta = {0};
    char *path = NULL;
    lm_status status = lm_trainer_check_finite(t, err);
    if (status != LM_OK) goto out;
    if ((status = check_disk(t, err)) != LM_OK) goto out;
    path = lm_checkpoint_path(t->dir.checkpoints, t->state.step);
    lm_run_state_print(&t->state, t->config, &meta);
    if (!path || meta.failed) {
        status = lm_error_no_memory(err, t->dir.checkpoints);
        goto out;
    }
    /* The metrics up to this step are written first, so that they never lag behind a checkpoint. */
    if ((status = lm_metrics_sync(&t->metrics, err)) != LM_OK) goto out;
    if ((status = lm_run_dir_sync(&t->dir, err)) != LM_OK) goto out;
    lm_checkpoint_text texts[2];
    int64_t n_texts = list_texts(t, texts);
    status = lm_ranks_write(t, path, texts, n_texts, lm_text_cstr(&meta), err);
    if (status != LM_OK || (status = check_written(t, path, err)) != LM_OK) goto out;
    free(t->saved);
    t->saved = path;
    t->saved_step = t->newest_step = t->state.step;
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
    lm_status status = lm_trainer_write(t, err);
    if (status != LM_OK) return status;
    lm_checkpoint_retention keep = {.newest = t->state.step,
                                    .keep_last = o->keep_last,
                                    .keep_every = o->keep_every,
                                    .keep_step = t->state.rewind_step,
                                    .keep_best = t->setup.val.count > 0 ? o->keep_best : 0,
                                    .loss = lm_run_state_val_loss,
                                    .known = &t->losses};
    /* Old checkpoints that cannot be deleted now are tried again after the next one. */
    lm_status kept = lm_checkpoint_retain(t->dir.checkpoints, &keep, &aside);
    t->save_seconds = fmax(t->save_seconds, lm_clock_seconds() - started);
    if (kept != LM_OK)
        lm_progress_warn(&t->progress, "warning: old checkpoints cannot be deleted: %s",
                         aside.message);
    return LM_OK;
}
