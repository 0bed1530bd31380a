/* One step in three parts: the gradients of its windows, their reduction to one gradient with its
 * norm, and the update of the weights. */
#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "optim/clip.h"
#include "train/trainer.h"

/* A lane is a run of the step's windows whose gradients are added in order, and apart from those of
 * other lanes. */
enum { LANES = 1 };

/* The windows of a lane, by their number within the whole run. */
typedef struct windows {
    int64_t first, count;
} windows;

static windows windows_of(const lm_trainer *t, int64_t samples, int64_t lane) {
    const lm_train_options *o = &t->config->train;
    int64_t count = o->micro_batch * o->grad_accumulation / LANES;
    return (windows){.first = samples + lane * count, .count = count};
}

/* A micro-batch of windows into t->batch. */
static lm_status read_batch(lm_trainer *t, int64_t first, int64_t count, lm_error *err) {
    const int64_t columns = t->config->model.context_length + 1;
    lm_phase before = lm_phase_enter(t->compute.phases, LM_PHASE_DATA);
    lm_status status = LM_OK;
    for (int64_t i = 0; i < count && status == LM_OK; i++)
        status = lm_sources_window(&t->setup.train, first + i - t->state.data_start,
                                   t->batch + i * columns, err);
    if (status == LM_OK) lm_audit_batch(&t->audit, t->batch, count * columns);
    lm_phase_leave(t->compute.phases, before);
    return status;
}

/* Part 1: adds the gradients of a lane's windows to those of the model; each is scaled to its share
 * of the step's mean loss. *sum receives the sum of the losses. */
static lm_status add_gradients(lm_trainer *t, windows w, double *sum, lm_error *err) {
    const lm_config *c = t->config;
    float grad_scale = (float)(1.0 / (double)t->setup.plan.step_tokens);
    *sum = 0;
    for (int64_t done = 0; done < w.count; done += c->train.micro_batch) {
        lm_model_seed_dropout(t->model, (uint64_t)c->run.seed, (uint64_t)(w.first + done));
        lm_status status = read_batch(t, w.first + done, c->train.micro_batch, err);
        if (status != LM_OK) return status;
        *sum += lm_model_forward_backward(t->model, t->batch, c->train.micro_batch,
                                          c->model.context_length, grad_scale);
    }
    return LM_OK;
}

/* Part 2: the loss and the gradient's norm of all lanes into *f; refuses those that are not finite.
 * The gradient of the one lane is the step's. */
static lm_status reduce(lm_trainer *t, const double sums[LANES], lm_step_figures *f,
                        lm_error *err) {
    f->loss = sums[0] / (double)t->setup.plan.step_tokens;
    f->grad_norm =
        lm_gradient_norm(&t->compute, lm_model_total(t->model), lm_model_gradients(t->model));
    if (isfinite(f->loss) && isfinite(f->grad_norm)) return LM_OK;
    return lm_error_set(err, LM_ERR_DIVERGED,
                        "step %" PRId64 ": the %s stopped being finite (loss %g, gradient norm"
                        " %g, learning rate %g); a lower optimizer.lr, a longer"
                        " schedule.warmup_steps or train.clip_norm may help",
                        f->step, isfinite(f->loss) ? "gradient" : "loss", f->loss, f->grad_norm,
                        f->lr);
}

/* Part 3: clips the gradient and updates the weights. */
static void update(lm_trainer *t, lm_step_figures *f) {
    const lm_config *c = t->config;
    double lr[LM_GROUP_COUNT];
    for (int g = 0; g < LM_GROUP_COUNT; g++)
        lr[g] = lm_schedule_lr(&c->schedule, t->groups[g].lr, f->step, c->train.steps);
    lm_optimizer_step_args args = {.lr = lr,
                                   .step = f->step,
                                   .grad_scale = lm_clip_scale(f->grad_norm, c->train.clip_norm),
                                   .gradients = lm_model_gradients(t->model),
                                   .weights = lm_model_weights(t->model)};
    lm_optimizer_step(t->optimizer, &t->compute, &args);
    if (c->log.digest_every > 0 && f->step % c->log.digest_every == 0)
        f->weights_digest = lm_audit_weights(&t->audit, args.weights, t->pool);
}

lm_status lm_trainer_step(lm_trainer *t, lm_error *err) {
    const lm_config *c = t->config;
    double started = lm_clock_seconds(), sums[LANES];
    lm_step_figures f = {.step = t->state.step + 1};
    f.lr = lm_schedule_lr(&c->schedule, c->optimizer.lr, f.step, c->train.steps);
    lm_audit_begin(&t->audit, t->state.digest);
    lm_model_begin_step(t->model);
    lm_status status = LM_OK;
    for (int64_t lane = 0; lane < LANES && status == LM_OK; lane++)
        status = add_gradients(t, windows_of(t, t->state.samples, lane), &sums[lane], err);
    if (status == LM_OK) status = reduce(t, sums, &f, err);
    if (status != LM_OK) return status;
    update(t, &f);
    double took = lm_clock_seconds() - started;
    t->stepping += took;
    t->state.step = f.step;
    t->state.samples += c->train.micro_batch * c->train.grad_accumulation;
    t->state.tokens += t->setup.plan.step_tokens;
    t->state.train_loss = f.loss;
    t->state.digest = lm_audit_end(&t->audit);
    f.tokens = t->state.tokens;
    f.digest = t->state.digest;
    f.tokens_per_s = (double)t->setup.plan.step_tokens / took;
    f.seconds = lm_trainer_seconds(t);
    t->figures = f;
    return LM_OK;
}
