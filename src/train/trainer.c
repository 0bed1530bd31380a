#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "machine/limits.h"
#include "report/summary.h"

/* Neighbouring rows of one kind are one segment, the padding between them included: it is zero and
 * its gradient is, so that no optimizer moves it. */
static lm_status make_segments(lm_trainer *t, lm_error *err) {
    int64_t rows, total = lm_model_total(t->model);
    const lm_param *params = lm_model_rows(t->model, &rows);
    t->segments = calloc((size_t)rows, sizeof *t->segments);
    if (!t->segments) return lm_error_no_memory(err, NULL);
    for (int64_t i = 0; i < rows; i++) {
        int64_t end = i + 1 < rows ? params[i + 1].offset : total;
        lm_optimizer_segment *last = &t->segments[t->n_segments - 1];
        if (t->n_segments > 0 && last->decay == params[i].decay &&
            last->offset + last->count == params[i].offset) {
            last->count = end - last->offset;
        } else {
            t->segments[t->n_segments++] =
                (lm_optimizer_segment){params[i].offset, end - params[i].offset, params[i].decay};
        }
    }
    return LM_OK;
}

lm_status lm_trainer_create(lm_trainer *t, lm_error *err) {
    const lm_setup *s = &t->setup;
    const lm_config *c = t->config;
    lm_status status = lm_pool_create(&t->pool, s->threads, err);
    if (status != LM_OK) return status;
    t->compute = (lm_compute){
        .kernels = &s->kernels, .pool = t->pool, .precision = (lm_precision)c->train.precision};
    status = lm_model_create(&t->model, &c->model, c->train.micro_batch, true, &t->compute, err);
    if (status != LM_OK) return status;
    t->n_states = lm_optimizer_states(c->optimizer.kind);
    status = lm_arena_init(&t->states_arena, s->plan.optimizer, "the optimizer's state", err);
    if (status != LM_OK) return status;
    for (int i = 0; i < t->n_states; i++)
        t->states[i] = lm_arena_floats(&t->states_arena, lm_model_total(t->model));
    status = lm_arena_init(&t->batch_arena, lm_size_align(s->plan.batch), "the batch", err);
    if (status != LM_OK) return status;
    t->batch = lm_arena_take(&t->batch_arena, s->plan.batch);
    t->arrays = lm_saved_arrays(t->model, c->optimizer.kind, lm_model_weights(t->model), t->states,
                                t->n_states, &t->n_arrays);
    if (!t->arrays) return lm_error_no_memory(err, NULL);
    if ((status = make_segments(t, err)) != LM_OK) return status;
    if ((status = lm_audit_create(&t->audit, lm_model_total(t->model), err)) != LM_OK)
        return status;

    t->saved_step = -1;
    t->grad_norm = NAN;
    t->state = (lm_run_state){.train_loss = NAN,
                              .val_loss = NAN,
                              .best_val_loss = NAN,
                              .parameters = s->plan.model.parameters,
                              .train_digest = lm_corpus_digest(s->train),
                              .val_digest = s->val ? lm_corpus_digest(s->val) : 0};
    strcpy(t->state.tokenizer, s->tokenizer);
    return LM_OK;
}

void lm_trainer_free(lm_trainer *t) {
    lm_progress_finish(&t->progress);
    lm_metrics_close(&t->metrics);
    free(t->saved);
    lm_checkpoint_losses_free(&t->losses);
    free(t->arrays);
    free(t->segments);
    lm_audit_free(&t->audit);
    lm_arena_free(&t->batch_arena);
    lm_arena_free(&t->states_arena);
    lm_model_free(t->model);
    lm_compute_free(&t->compute);
    lm_pool_free(t->pool);
    lm_setup_close(&t->setup);
    lm_run_dir_close(&t->dir);
}

double lm_trainer_seconds(const lm_trainer *t) {
    return t->seconds_before + lm_clock_seconds() - t->started;
}

lm_status lm_trainer_summarise(lm_trainer *t, lm_status ended, int exit_code, lm_error *err) {
    static const char *const reasons[] = {
        [LM_OK] = "finished",
        [LM_ERR_RUNTIME] = "failed",
        [LM_ERR_USAGE] = "failed",
        [LM_ERR_DIVERGED] = "diverged",
        [LM_ERR_INTERRUPTED] = "interrupted",
    };
    int64_t steps = t->state.step - t->first_step;
    lm_summary s = {.reason = reasons[ended],
                    .exit_code = exit_code,
                    .step = t->state.step,
                    .steps = t->config->train.steps,
                    .tokens = t->state.tokens,
                    .parameters = t->state.parameters,
                    .train_loss = t->state.train_loss,
                    .val_loss = t->state.val_loss,
                    .best_val_loss = t->state.best_val_loss,
                    .best_val_step = t->state.best_val_step,
                    .bytes_per_token = t->setup.bytes_per_token,
                    .seconds = lm_trainer_seconds(t),
                    .tokens_per_s =
                        steps > 0 ? (double)(steps * t->setup.plan.step_tokens) / t->stepping : NAN,
                    .peak_resident = (double)lm_limits_peak_resident(),
                    .checkpoint = t->saved};
    return lm_summary_write(&s, t->dir.summary, err);
}
