/* One step: batch, forward, backward, clip, update. */
#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "optim/clip.h"
#include "train/trainer.h"

/* The next micro-batch of windows into t->batch. */
static void read_batch(lm_trainer *t) {
    const int64_t rows = t->config->train.micro_batch, time = t->config->model.context_length;
    lm_phase before = lm_phase_enter(t->compute.phases, LM_PHASE_DATA);
    for (int64_t row = 0; row < rows; row++)
        lm_sampler_window(&t->setup.sampler, t->state.samples++, t->batch + row * (time + 1));
    lm_audit_batch(&t->audit, t->batch, rows * (time + 1));
    lm_phase_leave(t->compute.phases, before);
}

/* The gradient of the mean loss over all micro-batches; returns that loss. */
static double accumulate_gradients(lm_trainer *t) {
    const lm_config *c = t->config;
    const int64_t rows = c->train.micro_batch, time = c->model.context_length;
    float grad_scale = (float)(1.0 / (double)t->setup.plan.step_tokens);
    double sum = 0;
    lm_model_begin_step(t->model);
    for (int64_t micro = 0; micro < c->train.grad_accumulation; micro++) {
        lm_model_seed_dropout(t->model, (uint64_t)c->run.seed, (uint64_t)t->state.samples);
        read_batch(t);
        sum += lm_model_forward_backward(t->model, t->batch, rows, time, grad_scale);
    }
    return sum / (double)t->setup.plan.step_tokens;
}

lm_status lm_trainer_step(lm_trainer *t, lm_step_figures *f, lm_error *err) {
    const lm_config *c = t->config;
    double start = lm_clock_seconds();
    lm_audit_begin(&t->audit, t->state.digest);
    double loss = accumulate_gradients(t);
    int64_t step = t->state.step + 1;
    t->grad_norm =
        lm_gradient_norm(&t->compute, lm_model_total(t->model), lm_model_gradients(t->model));
    if (!isfinite(loss) || !isfinite(t->grad_norm))
        return lm_error_set(err, LM_ERR_DIVERGED,
                            "step %" PRId64 ": the %s stopped being finite (loss %g, gradient norm"
                            " %g, learning rate %g); a lower optimizer.lr, a longer"
                            " schedule.warmup_steps or train.clip_norm may help%s%s",
                            step, isfinite(loss) ? "gradient" : "loss", loss, t->grad_norm,
                            lm_schedule_lr(&c->schedule, c->optimizer.lr, step, c->train.steps),
                            t->saved ? "; the last good checkpoint is " : "",
                            t->saved ? t->saved : "");
    double lr[LM_GROUP_COUNT];
    for (int g = 0; g < LM_GROUP_COUNT; g++)
        lr[g] = lm_schedule_lr(&c->schedule, t->groups[g].lr, step, c->train.steps);
    lm_optimizer_step_args args = {.lr = lr,
                                   .step = step,
                                   .grad_scale = lm_clip_scale(t->grad_norm, c->train.clip_norm),
                                   .gradients = lm_model_gradients(t->model),
                                   .weights = lm_model_weights(t->model)};
    lm_optimizer_step(t->optimizer, &t->compute, &args);
    if (c->log.digest_every > 0 && step % c->log.digest_every == 0)
        lm_audit_weights(&t->audit, lm_model_weights(t->model), t->pool);
    t->state.digest = lm_audit_end(&t->audit);
    double took = lm_clock_seconds() - start;
    t->stepping += took;
    t->state.step = step;
    t->state.tokens += t->setup.plan.step_tokens;
    t->state.train_loss = loss;
    *f = (lm_step_figures){.step = step,
                           .tokens = t->state.tokens,
                           .loss = loss,
                           .lr = lr[LM_GROUP_DECAYED],
                           .grad_norm = t->grad_norm,
                           .digest = t->state.digest,
                           .tokens_per_s = (double)t->setup.plan.step_tokens / took,
                           .seconds = lm_trainer_seconds(t)};
    return LM_OK;
}
