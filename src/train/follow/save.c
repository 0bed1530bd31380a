/* Checkpoints: every checkpoint.every steps, where the run ends or pauses, and when SIGUSR1 asks
 * for one. */
#include <inttypes.h>

#include "machine/stop.h"
#include "train/follow.h"

/* A checkpoint in the middle of a run that cannot be written, because the disk is full, say, does
 * not end the run: the older ones are still there, and the next interval tries again. The
 * checkpoint that a run ends with must be written: on a full disk the run waits for room. */
static lm_status save(lm_trainer *t, bool must, lm_error *err) {
    if (must) return lm_trainer_insist(t, "the last checkpoint", lm_trainer_save, err);
    lm_status status = lm_trainer_save(t, err);
    if (status != LM_ERR_RUNTIME) return status;
    lm_progress_warn(&t->progress, "warning: no checkpoint at step %" PRId64 ": %-s", t->state.step,
                     err->message);
    return LM_OK;
}

/* Does the run end or pause with this step? */
static bool is_last(const lm_trainer *t) {
    return lm_trainer_is_finished(t) || lm_trainer_is_paused(t);
}

static bool is_due(const lm_trainer *t) {
    return is_last(t) || lm_trainer_at_interval(t, t->config->checkpoint.every);
}

/* A run that ends without a checkpoint must not pass for finished when its weights are no numbers,
 * either. */
static lm_status save_due(lm_trainer *t, lm_error *err) {
    if (lm_trainer_is_finished(t) && !t->config->checkpoint.final)
        return lm_trainer_check_finite(t, err);
    return save(t, is_last(t) || lm_ranks_stop(&t->ranks) != 0, err);
}

/* From here on a run that goes back goes back to this step. Only checkpoints of checkpoint.every
 * count: where others are depends on when the run was stopped. */
static bool is_mark_due(const lm_trainer *t) {
    return t->config->train.rewind && t->state.rewind_step != t->state.step &&
           lm_trainer_at_interval(t, t->config->checkpoint.every);
}

static lm_status mark(lm_trainer *t, lm_error *err) {
    (void)err;
    t->state.rewind_step = t->state.step;
    t->state.rewinds_here = 0;
    return LM_OK;
}

const lm_follower lm_follow_mark = {is_mark_due, mark, LM_FOLLOW_ALL};
const lm_follower lm_follow_checkpoint = {is_due, save_due, LM_FOLLOW_LED};

static bool is_requested(const lm_trainer *t) {
    return lm_ranks_save_asked(&t->ranks);
}

static lm_status save_requested(lm_trainer *t, lm_error *err) {
    lm_status status = save(t, false, err);
    if (status == LM_OK && t->saved_step == t->state.step)
        lm_progress_note(&t->progress, "step %" PRId64 "  saved as asked by SIGUSR1: %s",
                         t->state.step, t->saved);
    return status;
}

const lm_follower lm_follow_request = {is_requested, save_requested, LM_FOLLOW_LED};
