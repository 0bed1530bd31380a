/* The loss over the validation data, every eval.every steps and at the end. */
#include <inttypes.h>
#include <math.h>

#include "machine/stop.h"
#include "train/evaluate.h"
#include "train/follow.h"

/* A request to stop cuts it short: it stays due, and is made again when the run goes on. */
static lm_status evaluate(lm_trainer *t, lm_error *err) {
    int64_t evaluated = 0;
    lm_evaluation e = {.model = t->model,
                       .sampler = &t->setup.val_sampler,
                       .batch = t->config->train.micro_batch,
                       .max_tokens = t->config->eval.tokens,
                       .tokens = t->batch};
    double loss;
    lm_status status = lm_evaluate(&e, lm_stop_pending, &loss, &evaluated, err);
    if (status != LM_OK || evaluated == 0) return status;
    if (!isfinite(loss))
        return lm_error_set(err, LM_ERR_DIVERGED,
                            "step %" PRId64 ": the validation loss stopped being finite (%g)",
                            t->state.step, loss);
    t->state.val_loss = loss;
    t->state.val_step = t->state.step;
    /* A checkpoint of this step does not know this loss yet. */
    if (t->saved_step == t->state.step) t->saved_step = -1;
    if (!(t->state.best_val_loss <= loss)) {
        t->state.best_val_loss = loss;
        t->state.best_val_step = t->state.step;
    }
    lm_trainer_measure_peak(t);
    lm_progress_eval(&t->progress, t->state.step, loss, t->setup.bytes_per_token);
    lm_eval_figures f = {.step = t->state.step,
                         .tokens = t->state.tokens,
                         .digest = t->state.digest,
                         .val_tokens = evaluated,
                         .val_loss = loss,
                         .bytes_per_token = t->setup.bytes_per_token,
                         .seconds = lm_trainer_seconds(t)};
    return lm_metrics_eval(&t->metrics, &f, err);
}

const lm_follower lm_follow_evaluation = {lm_trainer_evaluation_due, evaluate};
