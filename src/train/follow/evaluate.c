/* The loss over the validation data, every eval.every steps and at the end. */
#include <inttypes.h>
#include <math.h>

#include "base/numbers.h"
#include "machine/stop.h"
#include "train/evaluate.h"
#include "train/follow.h"

/* *loss receives that of one set; *evaluated the number of its tokens, 0 when a request to stop cut
 * it short. */
static lm_status evaluate_set(lm_trainer *t, const lm_source *set, double *loss, int64_t *evaluated,
                              lm_error *err) {
    lm_evaluation e = {.model = t->model,
                       .sampler = &set->sampler,
                       .batch = t->setup.plan.micro_batch,
                       .max_tokens = t->config->eval.tokens,
                       .tokens = t->batch};
    lm_status status = lm_evaluate(&e, lm_stop_pending, loss, evaluated, err);
    if (status != LM_OK || *evaluated == 0 || isfinite(*loss)) return status;
    return lm_error_set(
        err, LM_ERR_DIVERGED, "step %" PRId64 ": the validation loss%s%s stopped being finite (%g)",
        t->state.step, set->named ? " of " : "", set->named ? set->name : "", lm_plain_nan(*loss));
}

/* The first set is what val_loss, the best loss and the checkpoints that are kept for it go by. */
static void take_losses(lm_trainer *t, const double *losses) {
    lm_run_state *s = &t->state;
    for (int64_t i = 0; i < t->setup.val.count; i++) s->val_losses[i] = losses[i];
    s->val_loss = losses[0];
    s->val_step = s->step;
    /* A checkpoint of this step does not know these losses yet. */
    if (t->saved_step == s->step) t->saved_step = -1;
    if (s->best_val_loss <= losses[0]) return;
    s->best_val_loss = losses[0];
    s->best_val_step = s->step;
}

/* A request to stop cuts it short: it stays due, and is made again when the run goes on. */
static lm_status evaluate(lm_trainer *t, lm_error *err) {
    const lm_sources *sets = &t->setup.val;
    double losses[LM_DATA_MOST_SOURCES];
    int64_t evaluated = 0, all = 0;
    for (int64_t i = 0; i < sets->count; i++) {
        lm_status status = evaluate_set(t, &sets->items[i], &losses[i], &evaluated, err);
        if (status != LM_OK || evaluated == 0) return status;
        all += evaluated;
    }
    take_losses(t, losses);
    lm_trainer_measure_peak(t);
    const lm_data_figures *data = lm_trainer_data_figures(t);
    lm_progress_eval(&t->progress, t->state.step, t->state.val_loss, t->setup.bytes_per_token,
                     data);
    lm_eval_figures f = {.step = t->state.step,
                         .tokens = t->state.tokens,
                         .digest = t->state.digest,
                         .val_tokens = all,
                         .val_loss = t->state.val_loss,
                         .bytes_per_token = t->setup.bytes_per_token,
                         .seconds = lm_trainer_seconds(t)};
    return lm_metrics_eval(&t->metrics, &f, data, err);
}

const lm_follower lm_follow_evaluation = {lm_trainer_evaluation_due, evaluate};
