#include "train/follow.h"

/* What is written for readers comes first. An evaluation comes before the checkpoint that holds its
 * loss. A stop comes after the checkpoint that is due anyway, and a checkpoint by request after the
 * stop, which has written one. */
static const lm_follower *const followers[] = {
    &lm_follow_figures,     &lm_follow_evaluation, &lm_follow_layers,     &lm_follow_sample,
    &lm_follow_tensorboard, &lm_follow_metrics,    &lm_follow_checkpoint, &lm_follow_stop,
    &lm_follow_request,     &lm_follow_page,
};

static const lm_follower *const between[] = {
    &lm_follow_metrics,
    &lm_follow_stop,
    &lm_follow_request,
    &lm_follow_page,
};

static lm_status follow(lm_trainer *t, const lm_follower *const *rows, size_t n, lm_error *err) {
    lm_status status = LM_OK;
    for (size_t i = 0; status == LM_OK && i < n; i++)
        if (rows[i]->due(t)) status = rows[i]->run(t, err);
    return status;
}

lm_status lm_follow(lm_trainer *t, lm_error *err) {
    return follow(t, followers, sizeof followers / sizeof *followers, err);
}

lm_status lm_follow_between(lm_trainer *t, lm_error *err) {
    return follow(t, between, sizeof between / sizeof *between, err);
}
