/* A signal, or the end of the scheduler's job: save, and end the run. */
#include <inttypes.h>
#include <stdio.h>

#include "machine/stop.h"
#include "train/follow.h"

static bool is_asked(const lm_trainer *t) {
    return !lm_trainer_is_finished(t) && !lm_trainer_is_paused(t) && lm_ranks_stop(&t->ranks) != 0;
}

static lm_status stop(lm_trainer *t, lm_error *err) {
    char why[64];
    int by = lm_ranks_stop(&t->ranks);
    lm_status status = lm_trainer_insist(t, "the last checkpoint", lm_trainer_save, err);
    if (status != LM_OK) return status;
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

const lm_follower lm_follow_stop = {is_asked, stop, LM_FOLLOW_LED};
