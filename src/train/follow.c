#include "train/follow.h"

/* What is written for readers comes first. An evaluation comes before the checkpoint that holds its
 * loss. A stop comes after the checkpoint that is due anyway, and a checkpoint by request after the
 * stop, which has written one. */
static const lm_follower *const followers[] = {
    &lm_follow_figures,     &lm_follow_evaluation, &lm_follow_layers, &lm_follow_sample,
    &lm_follow_tensorboard, &lm_follow_metrics,    &lm_follow_mark,   &lm_follow_checkpoint,
    &lm_follow_stop,        &lm_follow_request,    &lm_follow_page,
};

static const lm_follower *const between[] = {
    &lm_follow_metrics,
    &lm_follow_stop,
    &lm_follow_request,
    &lm_follow_page,
};

static lm_status run(const lm_follower *f, lm_trainer *t, lm_error *err) {
    if (f->who == LM_FOLLOW_FIRST && !lm_trainer_leads(t)) return LM_OK;
    if (!f->due(t)) return LM_OK;
    lm_status status = f->who == LM_FOLLOW_FIRST ? LM_OK : lm_ranks_await_weights(t, err);
    if (status != LM_OK) return status;
    return f->who == LM_FOLLOW_LED ? lm_ranks_lead(t, f->run, err) : f->run(t, err);
}

static lm_status follow(lm_trainer *t, const lm_follower *const *rows, size_t n, lm_error *err) {
    lm_status status = LM_OK;
    for (size_t i = 0; status == LM_OK && i < n; i++) status = run(rows[i], t, err);
    return status;
}

lm_status lm_follow(lm_trainer *t, lm_error *err) {
    return follow(t, followers, sizeof followers / sizeof *followers, err);
}

lm_status lm_follow_between(lm_trainer *t, lm_error *err) {
    return follow(t, between, sizeof between / sizeof *between, err);
}
