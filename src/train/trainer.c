#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/length.h"
#include "base/numbers.h"
#include "machine/limits.h"
#include "machine/peak.h"
#include "report/summary.h"

static lm_status create_optimizer(lm_trainer *t, lm_error *err) {
    int64_t n;
    const lm_param *params = lm_model_rows(t->model, &n);
    lm_groups *g = &t->groups;
    lm_status status = lm_groups_make(g, t->config, params, n, err);
    if (status != LM_OK) return status;
    t->rates = calloc(3 * (size_t)g->count, sizeof *t->rates);
    if (!t->rates) return lm_error_no_memory(err, NULL);
    if ((status = lm_ranks_create(t, err)) != LM_OK) return status;
    return lm_optimizer_reserve(t->optimizer, t->setup.threads, t->compute.precision, err);
}

/* What is alone and has no name has no figures of its own. */
static int64_t count_named(const lm_sources *s) {
    return s->count > 1 || (s->count == 1 && s->items[0].named) ? s->count : 0;
}

static lm_status create_data_figures(lm_trainer *t, lm_error *err) {
    lm_data_figures *d = &t->data;
    d->n_sources = count_named(&t->setup.train);
    d->n_sets = count_named(&t->setup.val);
    d->sources = calloc((size_t)d->n_sources + 1, sizeof *d->sources);
    d->sets = calloc((size_t)d->n_sets + 1, sizeof *d->sets);
    if (!d->sources || !d->sets) return lm_error_no_memory(err, NULL);
    for (int64_t i = 0; i < d->n_sources; i++) d->sources[i].name = t->setup.train.items[i].name;
    for (int64_t i = 0; i < d->n_sets; i++) d->sets[i].name = t->setup.val.items[i].name;
    return LM_OK;
}

const lm_data_figures *lm_trainer_data_figures(lm_trainer *t) {
    const int64_t samples = t->state.samples - t->state.data_start;
    for (int64_t i = 0; i < t->data.n_sources; i++) {
        t->data.sources[i].tokens = lm_sources_tokens(&t->setup.train, i, samples);
        t->data.sources[i].epochs = lm_sources_epochs(&t->setup.train, i, samples);
    }
    for (int64_t i = 0; i < t->data.n_sets; i++) t->data.sets[i].loss = t->state.val_losses[i];
    return &t->data;
}

lm_metrics_mark lm_trainer_metrics_mark(const lm_trainer *t) {
    const lm_run_state *s = &t->state;
    return (lm_metrics_mark){.step = s->step,
                             .evaluated = s->val_step == s->step,
                             .skips = s->skips,
                             .rewinds = s->rewinds};
}

/* What a step's windows need beside the model. */
static lm_status create_batch(lm_trainer *t, lm_error *err) {
    const lm_train_plan *plan = &t->setup.plan;
    int64_t total = lm_model_total(t->model);
    lm_status status = lm_arena_init(&t->batch_arena, plan->batch, "the batch", err);
    if (status != LM_OK) return status;
    lm_setup_batch b =
        lm_setup_take_batch(&t->setup, plan->micro_batch * plan->abreast, &t->batch_arena);
    t->batch = b.tokens;
    t->behind = b.behind;
    t->window_losses = b.losses;
    t->window_digests = b.digests;
    t->lane_squares = b.lane_squares;
    t->lane_buffers[0] = lm_model_gradients(t->model);
    for (int64_t i = 1; i < t->abreast.count; i++)
        t->lane_buffers[i] = lm_model_gradients(t->abreast.models[i]);
    if (plan->lanes == 0) return LM_OK;
    status = lm_arena_init(&t->lane_arena, plan->lanes, "gradients of lanes", err);
    const int64_t more = (int64_t)(plan->lanes / lm_size_align((size_t)total * sizeof(float)));
    for (int64_t i = 0; i < more && status == LM_OK; i++)
        t->lane_buffers[t->abreast.count + i] = lm_arena_floats(&t->lane_arena, total);
    if (t->abreast.count == 1) lm_model_set_others(t->model, t->lane_buffers + 1, (int)more);
    return status;
}

lm_status lm_trainer_create(lm_trainer *t, lm_error *err) {
    const lm_setup *s = &t->setup;
    const lm_config *c = t->config;
    lm_status status = lm_pool_create(&t->pool, s->threads, err);
    if (status != LM_OK) return status;
    lm_caches caches = lm_caches_detect("");
    t->compute = (lm_compute){.kernels = &s->kernels,
                              .pool = t->pool,
                              .precision = (lm_precision)c->train.precision,
                              .blocks = lm_gemm_blocks_for(&caches, s->threads)};
    const lm_model_use use = lm_setup_model_use(s, s->plan.micro_batch);
    status = lm_model_create(&t->model, &c->model, &use, &t->compute, err);
    if (status != LM_OK) return status;
    status = lm_abreast_create(&t->abreast, t->model, &t->compute, s->plan.abreast, err);
    if (status != LM_OK) return status;
    if ((status = create_optimizer(t, err)) != LM_OK) return status;
    if ((status = create_batch(t, err)) != LM_OK) return status;
    if (lm_config_averages(c) &&
        (status = lm_average_create(
             &t->average, t->groups.gaps > 0 ? lm_model_dense(t->model) : lm_model_total(t->model),
             err)) != LM_OK)
        return status;
    t->arrays = lm_saved_arrays(t->model, t->optimizer, &t->average, &t->n_arrays);
    if (!t->arrays) return lm_error_no_memory(err, NULL);
    if ((status = lm_audit_create(&t->audit, lm_model_total(t->model), err)) != LM_OK)
        return status;

    if ((status =
             lm_layers_create(&t->layers, t->model, lm_trainer_leads(t) ? c->log.layers_every : 0,
                              s->plan.layers, err)) != LM_OK)
        return status;
    if (t->settings->profile &&
        (status = lm_profile_create(&t->profile, c->model.n_layers, err)) != LM_OK)
        return status;

    lm_targets_begin(&t->targets, c->eval.targets.values, c->eval.targets.count);
    t->saved_step = -1;
    if ((status = create_data_figures(t, err)) != LM_OK) return status;
    lm_trainer_begin_state(t);
    return LM_OK;
}

void lm_trainer_begin_state(lm_trainer *t) {
    const lm_setup *s = &t->setup;
    lm_run_state_init(&t->state);
    t->state.parameters = s->plan.model.parameters;
    t->state.train_digest = lm_sources_digest(&s->train);
    t->state.val_digest = lm_sources_digest(&s->val);
    strcpy(t->state.tokenizer, s->tokenizer);
    t->state.tokenizer_digest = s->tokenizer_digest;
    const lm_manifest_tokenizer *train = lm_sources_tokenizer(&s->train);
    t->state.documents = train && train->document_token >= 0;
    if (t->state.documents) t->state.document_token = train->document_token;
}

void lm_trainer_free(lm_trainer *t) {
    lm_progress_finish(&t->progress);
    lm_metrics_close(&t->metrics);
    free(t->saved);
    lm_checkpoint_losses_free(&t->losses);
    free(t->arrays);
    free(t->data.sources);
    free(t->data.sets);
    lm_audit_free(&t->audit);
    lm_profile_free(&t->profile);
    lm_page_writer_free(&t->page);
    lm_layers_free(&t->layers);
    lm_sampling_close(&t->sampling);
    lm_events_close(&t->events);
    lm_arena_free(&t->batch_arena);
    lm_arena_free(&t->lane_arena);
    lm_optimizer_free(t->optimizer);
    lm_average_free(&t->average);
    lm_ranks_free(&t->ranks);
    lm_groups_free(&t->groups);
    free(t->rates);
    lm_abreast_free(&t->abreast);
    lm_model_free(t->model);
    lm_compute_free(&t->compute);
    lm_pool_free(t->pool);
    lm_setup_close(&t->setup);
    lm_saved_close(&t->from);
    lm_text_free(&t->said);
    lm_run_dir_close(&t->dir);
}

bool lm_trainer_at_interval(const lm_trainer *t, int64_t every) {
    return every > 0 && t->state.step % every == 0;
}

bool lm_trainer_leads(const lm_trainer *t) {
    return lm_ranks_first(&t->ranks);
}

bool lm_trainer_logs(const lm_trainer *t, int64_t step) {
    return step == 1 || step == t->config->train.steps || step % t->config->log.metrics_every == 0;
}

bool lm_trainer_evaluation_due(const lm_trainer *t) {
    return t->setup.val.count > 0 && t->state.step > 0 && t->state.val_step < t->state.step &&
           (t->state.step == t->config->train.steps ||
            lm_trainer_at_interval(t, t->config->eval.every));
}

bool lm_trainer_is_stopped(const lm_trainer *t) {
    const int64_t patience = t->config->eval.patience;
    return patience > 0 && t->state.evals_since_best >= patience &&
           t->state.step < t->config->train.steps;
}

bool lm_trainer_is_finished(const lm_trainer *t) {
    return lm_trainer_is_stopped(t) ||
           (t->state.step >= t->config->train.steps && !lm_trainer_evaluation_due(t));
}

bool lm_trainer_is_paused(const lm_trainer *t) {
    int64_t until = t->settings->until;
    return until > 0 && t->state.step >= until && t->state.step < t->config->train.steps &&
           !lm_trainer_evaluation_due(t) && !lm_trainer_is_stopped(t);
}

int64_t lm_trainer_last_step(const lm_trainer *t) {
    int64_t until = t->settings->until, steps = t->config->train.steps;
    return until > 0 ? lm_min(until, steps) : steps;
}

void lm_trainer_measure_peak(lm_trainer *t) {
    const double seconds = 0.03, now = lm_clock_seconds();
    if ((t->settings->quiet && !t->page.on) || now - t->started < 1 ||
        now - t->peak_measured < 100 * seconds)
        return;
    t->peak_measured = now;
    lm_progress_peak(&t->progress,
                     lm_peak_flops(t->pool, lm_compute_peak_loop(&t->compute), seconds));
}

double lm_trainer_seconds(const lm_trainer *t) {
    return t->seconds_before + lm_clock_seconds() - t->started;
}

double lm_trainer_budget_missed(const lm_trainer *t) {
    const char *budget = t->config->train.budget;
    double tokens = (double)t->state.tokens;
    lm_length asked;
    if (!budget || !lm_length_parse(budget, &asked) || !lm_trainer_is_finished(t) ||
        lm_trainer_is_stopped(t))
        return NAN;
    double had = asked.unit == LM_LENGTH_SECONDS  ? lm_trainer_seconds(t)
                 : asked.unit == LM_LENGTH_TOKENS ? tokens
                                                  : tokens * t->setup.plan.model.flops_per_token;
    return had / asked.amount - 1;
}

lm_status lm_trainer_summarise(lm_trainer *t, const char *state, int exit_code, lm_error *err) {
    int64_t steps = t->state.step - t->first_step;
    lm_summary_memory memory[LM_SETUP_MEMORY_PARTS];
    lm_summary s = {.state = state,
                    .exit_code = exit_code,
                    .error = t->error,
                    .step = t->state.step,
                    .steps = t->config->train.steps,
                    .tokens = t->state.tokens,
                    .parameters = t->state.parameters,
                    .data = lm_trainer_data_figures(t),
                    .train_loss = t->state.train_loss,
                    .val_loss = t->state.val_loss,
                    .val_loss_raw = t->state.val_loss_raw,
                    .best_val_loss = t->state.best_val_loss,
                    .best_val_step = t->state.best_val_step,
                    .skips = t->state.skips,
                    .targets = &t->targets,
                    .stopped_early = lm_trainer_is_stopped(t),
                    .rewinds = t->state.rewinds,
                    .bytes_per_token = t->setup.bytes_per_token,
                    .seconds = lm_trainer_seconds(t),
                    .budget = t->config->train.budget,
                    .budget_missed = lm_trainer_budget_missed(t),
                    .tokens_per_s =
                        steps > 0 ? (double)(t->state.tokens - t->first_tokens) / t->stepping : NAN,
                    .peak_resident = (double)lm_limits_peak_resident(),
                    .checkpoint = t->saved,
                    .checkpoint_step = t->newest_step,
                    .started = t->began,
                    .plan = {.flops_per_token = t->setup.plan.model.flops_per_token,
                             .peak_flops = t->progress.peak_flops,
                             .memory = memory,
                             .n_memory = lm_setup_memory(&t->setup, memory)},
                    .profile = lm_profile_summary(&t->profile)};
    if (exit_code < 0) t->dir.synced = false;
    return lm_summary_write(&s, t->dir.summary, exit_code >= 0 && t->saved, err);
}
