/* One step in three parts: the gradient of its windows, lane by lane; its norm and the loss; the
 * update of the weights. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/numbers.h"
#include "optim/clip.h"
#include "optim/noise.h"
#include "train/pace.h"
#include "train/trainer.h"

int64_t lm_trainer_window(const lm_trainer *t, int64_t i) {
    return lm_skips_at(&t->setup.skips, t->batch_from, i);
}

/* Windows first .. first+count-1 of the step into t->batch from place `at` on. The disk is asked
 * for as many from `next` on, which it has a micro-batch's time to read. */
static lm_status read_batch(lm_trainer *t, int64_t at, int64_t first, int64_t count, int64_t next,
                            lm_error *err) {
    const int64_t columns = t->config->model.context_length + 1, start = t->state.data_start;
    const int64_t behind = t->config->model.multi_token.count;
    const lm_sources *train = &t->setup.train;
    lm_phase before = lm_phase_enter(t->compute.phases, LM_PHASE_DATA);
    lm_status status = LM_OK;
    for (int64_t i = 0; i < count && status == LM_OK; i++) {
        const int64_t window = lm_trainer_window(t, first + i) - start;
        int32_t *tokens = t->batch + (at + i) * columns;
        status = lm_sources_window(train, window, tokens, err);
        if (status == LM_OK && behind > 0)
            status = lm_sources_behind(train, window, behind, t->behind + (at + i) * behind, err);
        if (status == LM_OK) t->window_digests[first + i] = lm_audit_window(tokens, columns);
    }
    for (int64_t i = 0; i < count; i++)
        lm_sources_expect(train, lm_trainer_window(t, next + i) - start);
    lm_phase_leave(t->compute.phases, before);
    return status;
}

/* Of the step that is being taken. */
static double tokens_of(const lm_trainer *t) {
    return (double)(t->batch_windows * t->config->model.context_length);
}

/* Adds the gradients of windows first .. first+count-1 of the step, as a chain, to those that the
 * model has begun; each is scaled to its share of the step's mean loss. losses [count]:
 * overwritten. lane: which they are, -1: none. */
static lm_status add_windows(lm_trainer *t, int64_t lane, int64_t first, int64_t count,
                             double *losses, lm_error *err) {
    const lm_config *c = t->config;
    float grad_scale = (float)(1.0 / tokens_of(t));
    for (int64_t done = 0, n; done < count; done += n) {
        n = lm_min(count - done, t->setup.plan.micro_batch);
        lm_model_seed_dropout(t->model, (uint64_t)c->run.seed,
                              (uint64_t)(lm_trainer_window(t, 0) + first + done));
        lm_status status = read_batch(t, 0, first + done, n, first + done + n, err);
        if (status != LM_OK) return status;
        if (lane >= 0 && done + n == count) lm_ranks_expect_last(t, lane);
        lm_model_set_tokens_behind(t->model, t->behind);
        lm_model_forward_backward(t->model, t->batch, n, c->model.context_length, grad_scale);
        for (int64_t i = 0; i < n; i++) losses[done + i] = lm_model_window_loss(t->model, i);
    }
    return LM_OK;
}

/* ---- lanes abreast ----------------------------------------------------------------------------*/

/* Windows first .. first+n-1 of each of the lanes from `lane` on, which have `count`. */
typedef struct abreast_pass {
    lm_trainer *t;
    int64_t lane, count, first, n;
    float *const *gradients; /* [abreast] */
} abreast_pass;

static void pass_of_lane(void *argument, int64_t i, lm_model *model) {
    const abreast_pass *p = argument;
    lm_trainer *t = p->t;
    const lm_config *c = t->config;
    const int64_t windows = t->setup.plan.micro_batch, time = c->model.context_length;
    const int64_t first = (p->lane + i) * p->count + p->first;
    if (p->first == 0) lm_model_begin_gradients(model, p->gradients[i]);
    lm_model_seed_dropout(model, (uint64_t)c->run.seed,
                          (uint64_t)(lm_trainer_window(t, 0) + first));
    lm_model_set_tokens_behind(
        model, t->behind ? t->behind + i * windows * c->model.multi_token.count : NULL);
    lm_model_forward_backward(model, t->batch + i * windows * (time + 1), p->n, time,
                              (float)(1.0 / tokens_of(t)));
    for (int64_t w = 0; w < p->n; w++) t->window_losses[first + w] = lm_model_window_loss(model, w);
    if (p->first + p->n == p->count) lm_model_end_gradients(model);
}

/* The gradients of the next lanes, from `lane` on, into gradients [abreast]: one thread each. */
static lm_status compute_lanes(lm_trainer *t, int64_t lane, int64_t count, float *const *gradients,
                               lm_error *err) {
    const int64_t lanes = t->abreast.count, most = t->setup.plan.micro_batch;
    abreast_pass p = {.t = t, .lane = lane, .count = count, .gradients = gradients};
    for (; p.first < count; p.first += p.n) {
        p.n = lm_min(count - p.first, most);
        for (int64_t i = 0; i < lanes; i++) {
            const int64_t first = (lane + i) * count + p.first;
            const int64_t next = p.first + p.n < count ? first + p.n : first + lanes * count;
            lm_status status = read_batch(t, i * most, first, p.n, next, err);
            if (status != LM_OK) return status;
        }
        lm_abreast_run(&t->abreast, pass_of_lane, &p);
    }
    return LM_OK;
}

/* ---- the parts of a step ----------------------------------------------------------------------*/

/* The gradients of lanes from `lane` on, as many as are abreast, each into the array of
 * gradients. */
static lm_status add_lanes(lm_trainer *t, int64_t lane, int64_t count, float **gradients,
                           lm_error *err) {
    for (int64_t i = 0; i < t->abreast.count; i++) gradients[i] = lm_lanes_buffer_of(&t->lanes, i);
    if (t->abreast.count > 1) return compute_lanes(t, lane, count, gradients, err);
    lm_model_begin_gradients(t->model, gradients[0]);
    lm_status status =
        add_windows(t, lane, lane * count, count, t->window_losses + lane * count, err);
    if (status == LM_OK) lm_model_end_gradients(t->model);
    return status;
}

/* Part 1: the gradients and losses of this process's lanes, and the losses of all. The tree over
 * all lanes leaves their sum in the model's own gradients. */
static lm_status add_gradients(lm_trainer *t, lm_error *err) {
    const lm_train_options *o = &t->config->train;
    int64_t count = t->batch_windows / o->lanes;
    lm_model_begin_step(t->model);
    lm_lanes_begin(&t->lanes, t->lane_buffers, lm_model_total(t->model));
    const lm_lanes_run run = t->ranks.lanes;
    float *gradients[LM_ABREAST_MOST];
    for (int64_t lane = run.first; lane < run.first + run.count; lane++) {
        const int64_t i = (lane - run.first) % t->abreast.count;
        lm_status status = i > 0 ? LM_OK : add_lanes(t, lane, count, gradients, err);
        if (status != LM_OK) return status;
        lm_lanes_bring(&t->lanes, gradients[i]);
        if (t->lane_squares)
            t->lane_squares[lane] =
                lm_sum_squares(&t->compute, lm_model_total(t->model), gradients[i]);
        lm_ranks_add_lane(t, lane);
    }
    return lm_ranks_tell(t, err);
}

static void set_window(lm_trainer *t, int64_t window) {
    lm_model_set_window(t->model, window);
    for (int64_t i = 1; i < t->abreast.count; i++)
        lm_model_set_window(t->abreast.models[i], window);
}

/* What the model is in this step. */
static void set_pace(lm_trainer *t, const lm_schedule_time *time) {
    const double share = lm_pace_multi_token(t->config, time);
    set_window(t, lm_pace_window(t->config, time));
    lm_model_set_multi_token(t->model, share);
    for (int64_t i = 1; i < t->abreast.count; i++)
        lm_model_set_multi_token(t->abreast.models[i], share);
}

/* Over all rows, of which those in front of the tables have the norm `norm`; of tables, of the
 * lines that the step reaches. */
static double gradient_norm(const lm_trainer *t, double norm) {
    double squares = 0;
    int64_t n;
    const lm_param *rows = lm_model_rows(t->model, &n);
    const lm_lines *lines = lm_model_lines(t->model);
    const float *g = lm_model_gradients(t->model);
    for (int64_t i = 0; i < n; i++)
        if (rows[i].role == LM_ROLE_TABLE)
            squares += lm_gradient_line_squares(&t->compute, rows[i].shape[0], rows[i].shape[1],
                                                g + rows[i].offset, lines[i]);
    return squares > 0 ? sqrt(norm * norm + squares) : norm;
}

/* Of the rows in front of the tables, in this process. */
static double dense_norm(const lm_trainer *t) {
    return lm_gradient_norm(&t->compute, lm_model_dense(t->model), lm_model_gradients(t->model));
}

/* Why the step must not be taken: into t->refused, and into *err with advice. spike NULL: figures
 * are not finite. */
static lm_status refuse(lm_trainer *t, const lm_step_figures *f, const lm_spike *spike,
                        lm_error *err) {
    lm_refused_step *r = &t->refused;
    *r = (lm_refused_step){.step = f->step,
                           .spike = spike != NULL,
                           .loss = f->loss,
                           .grad_norm = f->grad_norm,
                           .lr = f->lr};
    if (spike) {
        snprintf(r->why, sizeof r->why, "the %s %.5g is %.3g sigma above the mean %.5g (%s %.5g)",
                 spike->what, spike->value, spike->sigmas, spike->mean,
                 spike->value == f->loss ? "gradient norm" : "loss",
                 spike->value == f->loss ? f->grad_norm : f->loss);
        return lm_error_set(err, LM_ERR_DIVERGED, "step %" PRId64 ": spike: %s", f->step, r->why);
    }
    snprintf(r->why, sizeof r->why,
             "the %s stopped being finite (loss %g, gradient norm %g, learning rate %g)",
             isfinite(f->loss) ? "gradient" : "loss", lm_plain_nan(f->loss),
             lm_plain_nan(f->grad_norm), f->lr);
    return lm_error_set(err, LM_ERR_DIVERGED,
                        "step %" PRId64 ": %s; a lower optimizer.lr, a longer"
                        " schedule.warmup_steps or train.clip_norm may help",
                        f->step, r->why);
}

/* Part 2: the loss and the gradient's norm into *f; refuses those that are not finite, and
 * spikes. */
static lm_status reduce(lm_trainer *t, lm_step_figures *f, lm_error *err) {
    const double sigmas = t->config->train.spike_sigma;
    lm_spike spike;
    double sum = 0;
    for (int64_t i = 0; i < t->batch_windows; i++) sum += t->window_losses[i];
    f->loss = sum / tokens_of(t);
    double norm;
    lm_status status = LM_OK;
    if (t->ranks.comm)
        status = lm_ranks_sum(t, &norm, err);
    else
        norm = dense_norm(t);
    if (status != LM_OK) return status;
    f->grad_norm = gradient_norm(t, norm);
    if (!isfinite(f->loss) || !isfinite(f->grad_norm))
        status = refuse(t, f, NULL, err);
    else if (sigmas > 0 && lm_spikes_find(&t->state.taken, sigmas, f->loss, f->grad_norm, &spike))
        status = refuse(t, f, &spike, err);
    return status == LM_OK ? LM_OK : lm_comm_agree(t->ranks.comm, status, err);
}

/* Of a gradient that is finite: the noise scale of its lanes. */
static void add_noise(lm_trainer *t, lm_step_figures *f) {
    if (!t->lane_squares) return;
    lm_noise_add(&t->state.noise, t->lane_squares, t->config->train.lanes,
                 f->grad_norm * f->grad_norm, tokens_of(t));
    lm_noise_now(&t->state.noise, &t->noise);
    f->noise = &t->noise;
}

/* Of this step, with an optimizer that averages. */
static double average_share(lm_trainer *t, const lm_step_figures *f) {
    if (!lm_optimizer_averages(t->config->optimizer.kind)) return 0;
    return t->average_share = lm_free_share(&t->state.rates, f->lr);
}

/* Part 3: clips the gradient and updates the weights, each process a slice of them. */
static lm_status update(lm_trainer *t, lm_step_figures *f, const lm_schedule_time *time,
                        lm_error *err) {
    const lm_config *c = t->config;
    const int n = t->groups.count;
    double *lr = t->rates, *momentum = lr + n, *weight_decay = momentum + n;
    for (int g = 0; g < n; g++) {
        const lm_optimizer_options *o = &t->groups.options[g];
        lr[g] = lm_pace_lr(c, o->lr, time);
        momentum[g] = lm_pace_momentum(c, o->momentum, time);
        weight_decay[g] = lm_pace_weight_decay(c, o->weight_decay, time);
    }
    lm_optimizer_step_args args = {.lr = lr,
                                   .momentum = momentum,
                                   .weight_decay = weight_decay,
                                   .step = f->step,
                                   .steps = c->train.steps,
                                   .step_tokens = tokens_of(t),
                                   .tokens = time->after,
                                   .average_share = average_share(t, f),
                                   .gap_scale = t->state.averaged > 0 ? 1 / t->state.gap : 0,
                                   .grad_scale = lm_clip_scale(f->grad_norm, c->train.clip_norm),
                                   .lines = lm_model_lines(t->model),
                                   .gradients = lm_model_gradients(t->model),
                                   .weights = lm_model_weights(t->model)};
    lm_status status = LM_OK;
    if (c->log.layers_every > 0 && f->step % c->log.layers_every == 0 &&
        (status = lm_ranks_collect_gradients(t, err)) != LM_OK)
        return status;
    lm_layers_before(&t->layers, f->step, &t->compute, t->model);
    lm_optimizer_step(t->optimizer, &t->compute, &args);
    lm_ranks_spread_weights(t);
    const bool digests = c->log.digest_every > 0 && f->step % c->log.digest_every == 0 &&
                         lm_trainer_logs(t, f->step);
    if ((digests || t->average.values || lm_layers_due(&t->layers, f->step)) &&
        (status = lm_ranks_await_weights(t, err)) != LM_OK)
        return status;
    lm_layers_after(&t->layers, f->step, &t->compute, t->model);
    if (!digests) return LM_OK;
    f->weights_digest = lm_audit_weights(&t->audit, args.weights, t->pool);
    status = lm_ranks_compare(t, f->weights_digest, "weights", err);
    /* They were the same when the run began: a machine is at fault, and a new start may go on. */
    if (status != LM_OK) err->exit_code = (int)c->run.interrupt_exit_code;
    return status;
}

lm_status lm_trainer_window_norm(lm_trainer *t, int64_t i, double *norm, lm_error *err) {
    const lm_config *c = t->config;
    double loss;
    const lm_schedule_time time =
        lm_pace_time(c, t->setup.plan.samples, t->refused.step, (double)t->state.tokens);
    set_pace(t, &time);
    lm_model_begin_gradients(t->model, NULL);
    lm_status status = add_windows(t, -1, i, 1, &loss, err);
    lm_model_end_gradients(t->model);
    set_window(t, c->model.window);
    *norm = gradient_norm(t, dense_norm(t));
    return status;
}

lm_status lm_trainer_step(lm_trainer *t, lm_error *err) {
    const lm_config *c = t->config;
    double started = lm_clock_seconds();
    lm_step_figures f = {.step = t->state.step + 1};
    const lm_schedule_time time =
        lm_pace_time(c, t->setup.plan.samples, f.step, (double)t->state.tokens);
    t->batch_windows = lm_pace_batch(c, f.step, (double)t->state.tokens);
    t->batch_from = t->state.samples;
    f.lr = lm_pace_lr(c, c->optimizer.lr, &time);
    set_pace(t, &time);
    lm_status status = add_gradients(t, err);
    set_window(t, c->model.window); /* that of evaluations */
    t->gradients_took = lm_clock_seconds() - started;
    if (status == LM_OK) status = reduce(t, &f, err);
    if (status != LM_OK) return status;
    add_noise(t, &f);
    if ((status = update(t, &f, &time, err)) != LM_OK) return status;
    lm_trainer_average(t, &time);
    double took = lm_clock_seconds() - started;
    t->stepping += took;
    t->state.step = f.step;
    t->state.samples = lm_trainer_window(t, t->batch_windows - 1) + 1;
    t->state.tokens += (int64_t)tokens_of(t);
    t->state.train_loss = f.loss;
    t->state.skips_in_row = 0;
    if (c->train.spike_sigma > 0) lm_spikes_add(&t->state.taken, f.loss, f.grad_norm);
    t->state.digest = lm_audit_step(t->state.digest, t->window_digests, t->batch_windows);
    f.tokens = t->state.tokens;
    f.digest = t->state.digest;
    f.tokens_per_s = tokens_of(t) / took;
    f.seconds = lm_trainer_seconds(t);
    t->figures = f;
    return LM_OK;
}
