/* Going back to a checkpoint in the middle of a run. Each part of it, done again, changes nothing:
 * a run that is killed in between goes on from the same checkpoint and comes by here again. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/numbers.h"
#include "train/trainer.h"

/* The checkpoint of t->state.rewind_step; where that is not good any more, the newest one that is,
 * of which the user hears. *path NULL: the start of the run. */
static lm_status find(lm_trainer *t, char **path, lm_error *err) {
    lm_text skipped = {0};
    lm_error why;
    *path = NULL;
    if (t->state.rewind_step == 0) return LM_OK;
    *path = lm_checkpoint_path(t->dir.checkpoints, t->state.rewind_step);
    if (!*path) return lm_error_no_memory(err, NULL);
    if (lm_checkpoint_check(*path, t->pool, &why) == LM_OK) return LM_OK;
    free(*path);
    lm_status status = lm_checkpoint_newest(t->dir.checkpoints, t->pool, path, &skipped, err);
    lm_text_free(&skipped);
    if (status != LM_OK) return status;
    lm_progress_warn(&t->progress,
                     "warning: %-s: the run goes back to %s instead, which its config alone does"
                     " not say",
                     why.message, *path ? *path : "its start");
    return LM_OK;
}

/* Rank 0: the checkpoint, if there is one. t->saved names it. */
static lm_status take_checkpoint(lm_trainer *t, lm_error *err) {
    lm_saved from = {0};
    lm_text skipped = {0};
    char *path;
    lm_status status = find(t, &path, err);
    if (status != LM_OK) return status;
    free(t->saved);
    t->saved = path;
    t->saved_step = -1;
    if (!path) return LM_OK;
    status = lm_saved_open(&from, path, t->pool, &skipped, err);
    if (status == LM_OK) status = lm_trainer_take(t, &from, err);
    t->state.arithmetic = LM_ARITHMETIC;
    t->saved_step = t->newest_step = t->state.step;
    lm_saved_close(&from);
    lm_text_free(&skipped);
    return status;
}

/* All: as a new run begins. */
static lm_status start_over(lm_trainer *t, lm_error *err) {
    lm_optimizer_reset(t->optimizer);
    lm_trainer_begin_state(t);
    return lm_comm_agree(t->ranks.comm, lm_trainer_init(t, err), err);
}

/* What is not of the step that the run goes back to, but of all that it has done. */
static void carry_over(lm_trainer *t, const lm_run_state *before, int64_t next) {
    lm_run_state *s = &t->state;
    const int64_t undone = before->step - s->step;
    s->samples = next;
    s->data_start = before->data_start;
    s->skips = before->skips;
    s->skips_in_row = 0;
    s->rewinds = before->rewinds;
    s->rewinds_here = s->step == before->rewind_step ? before->rewinds_here : 0;
    s->rewind_step = s->step;
    t->first_step -= undone;
    t->progress.first_step -= undone;
    t->first_tokens -= before->tokens - s->tokens;
    t->progress.val_loss = s->val_loss;
}

/* What was written of steps that are done again is not of this session any more. */
static void forget(lm_trainer *t) {
    const int64_t step = t->state.step;
    t->figures = (lm_step_figures){0};
    t->reported_step = step;
    t->layers.step = t->layers.reported = 0;
    t->sampling.step = lm_min(t->sampling.step, step);
    lm_checkpoint_losses_free(&t->losses);
    lm_view_run_free(&t->page.view);
    if (!t->events.path) return;
    lm_events_close(&t->events);
    lm_trainer_open_events(t);
}

/* Later checkpoints and lines of metrics are set aside, as where a run is resumed. */
static lm_status set_aside(lm_trainer *t, lm_error *err) {
    const lm_metrics_mark mark = lm_trainer_metrics_mark(t);
    lm_text moved = {0};
    double seconds;
    lm_error aside;
    lm_status status = lm_checkpoint_set_aside(t->dir.checkpoints, t->state.step, &moved, err);
    if (moved.length > 0)
        lm_progress_warn(&t->progress,
                         "set aside, because the run goes back to an earlier step (to delete them:"
                         " rm %s/*.aside*):\n%-s",
                         t->dir.checkpoints, lm_text_cstr(&moved));
    lm_text_free(&moved);
    if (status != LM_OK) return status;
    (void)lm_metrics_sync(&t->metrics, &aside); /* what cannot be written would be set aside */
    lm_metrics_close(&t->metrics);
    status = lm_metrics_open(&t->metrics, t->dir.metrics, &mark, &seconds, err);
    if (status != LM_OK) return status;
    lm_metrics_reserve(&t->metrics, lm_trainer_data_figures(t));
    lm_targets_begin(&t->targets, t->config->eval.targets.values, t->config->eval.targets.count);
    return lm_targets_read(&t->targets, t->dir.metrics, err);
}

lm_status lm_trainer_rewind(lm_trainer *t, int64_t next, int64_t *from, lm_error *err) {
    const lm_run_state before = t->state;
    lm_trainer_hide_average(t);
    if (!lm_trainer_leads(t)) {
        free(t->saved);
        t->saved = NULL;
    }
    lm_status status = lm_ranks_lead(t, take_checkpoint, err);
    if (status == LM_OK) status = lm_ranks_share_start(t, err);
    if (status == LM_OK && !t->saved) status = start_over(t, err);
    if (status != LM_OK) return status;
    *from = t->state.samples;
    carry_over(t, &before, next);
    if ((status = lm_ranks_lead(t, set_aside, err)) != LM_OK) return status;
    forget(t);
    return LM_OK;
}
