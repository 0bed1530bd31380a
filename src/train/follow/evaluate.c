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
                       .abreast = &t->abreast,
                       .sampler = &set->sampler,
                       .batch = t->setup.plan.micro_batch,
                       .max_tokens = t->config->eval.tokens,
                       .tokens = t->batch,
                       .ranks = &t->ranks};
    lm_status status = lm_evaluate(&e, lm_stop_pending, loss, evaluated, err);
    if (status != LM_OK || *evaluated == 0 || isfinite(*loss)) return status;
    status = lm_error_set(
        err, LM_ERR_DIVERGED, "step %" PRId64 ": the validation loss%s%s stopped being finite (%g)",
        t->state.step, set->named ? " of " : "", set->named ? set->name : "", lm_plain_nan(*loss));
    return lm_comm_agree(t->ranks.comm, status, err);
}

/* *loss: of the weights themselves, on the first set; NaN where they are what the others are of, or
 * eval.raw is false. *evaluated as above. */
static lm_status evaluate_raw(lm_trainer *t, bool shown, double *loss, int64_t *evaluated,
                              lm_error *err) {
    *loss = NAN;
    if (!shown || !t->config->eval.raw) return LM_OK;
    return evaluate_set(t, &t->setup.val.items[0], loss, evaluated, err);
}

/* All sets, with the weights that are evaluated. *all: the number of their tokens. */
static lm_status evaluate_sets(lm_trainer *t, double *losses, int64_t *evaluated, int64_t *all,
                               lm_error *err) {
    const lm_sources *sets = &t->setup.val;
    lm_status status = LM_OK;
    *evaluated = 1;
    for (int64_t i = 0; i < sets->count && status == LM_OK && *evaluated > 0; i++) {
        status = evaluate_set(t, &sets->items[i], &losses[i], evaluated, err);
        *all += *evaluated;
    }
    return status;
}

/* The first set is what val_loss, the best loss and the checkpoints that are kept for it go by. */
static void take_losses(lm_trainer *t, const double *losses, double raw) {
    lm_run_state *s = &t->state;
    s->val_loss_raw = raw;
    for (int64_t i = 0; i < t->setup.val.count; i++) s->val_losses[i] = losses[i];
    s->val_loss = losses[0];
    s->val_step = s->step;
    /* A checkpoint of this step does not know these losses yet. */
    if (t->saved_step == s->step) t->saved_step = -1;
    s->evals_since_best++;
    if (s->best_val_loss <= losses[0]) return;
    s->evals_since_best = 0;
    s->best_val_loss = losses[0];
    s->best_val_step = s->step;
}

/* The user hears of those that were reached just now. */
static void tell_targets(lm_trainer *t) {
    const double flops = t->setup.plan.model.flops_per_token;
    const lm_target_point now = {(double)t->state.step, (double)t->state.tokens,
                                 lm_trainer_seconds(t)};
    if (lm_targets_add(&t->targets, t->state.val_loss, &now) == 0) return;
    for (int64_t i = 0; i < t->targets.count; i++) {
        const lm_target *target = &t->targets.items[i];
        lm_text line = {0};
        if (!target->reached || target->at.step < now.step) continue;
        lm_target_print(target, flops, &line);
        lm_progress_note(&t->progress, "target %-s", lm_text_cstr(&line));
        lm_text_free(&line);
    }
}

/* A request to stop cuts it short: it stays due, and is made again when the run goes on. */
static lm_status evaluate(lm_trainer *t, lm_error *err) {
    double losses[LM_DATA_MOST_SOURCES], raw = NAN;
    int64_t evaluated, all = 0;
    bool shown = lm_trainer_show_average(t);
    lm_status status = evaluate_sets(t, losses, &evaluated, &all, err);
    lm_trainer_hide_average(t);
    if (status == LM_OK && evaluated > 0) status = evaluate_raw(t, shown, &raw, &evaluated, err);
    if (status != LM_OK || evaluated == 0) return status;
    take_losses(t, losses, raw);
    if (!lm_trainer_leads(t)) return LM_OK;
    lm_trainer_measure_peak(t);
    const lm_data_figures *data = lm_trainer_data_figures(t);
    lm_progress_eval(&t->progress, t->state.step, t->state.val_loss, t->setup.bytes_per_token,
                     data);
    lm_eval_figures f = {.step = t->state.step,
                         .tokens = t->state.tokens,
                         .digest = t->state.digest,
                         .val_tokens = all,
                         .val_loss = t->state.val_loss,
                         .val_loss_raw = raw,
                         .bytes_per_token = t->setup.bytes_per_token,
                         .seconds = lm_trainer_seconds(t)};
    tell_targets(t);
    f.targets = &t->targets;
    return lm_metrics_eval(&t->metrics, &f, data, err);
}

const lm_follower lm_follow_evaluation = {lm_trainer_evaluation_due, evaluate, LM_FOLLOW_ALL};
