#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "base/numbers.h"

/* The number of windows to evaluate; the i-th of them is window_at of it. */
static int64_t windows_to_evaluate(const lm_sampler *s, int64_t max_tokens) {
    if (max_tokens <= 0) return s->windows;
    return lm_min(s->windows, lm_divide_up(max_tokens, s->how.context_length));
}

/* i * windows / n, without overflow */
static int64_t window_at(const lm_sampler *s, int64_t i, int64_t n) {
    return i * (s->windows / n) + i * (s->windows % n) / n;
}

lm_status lm_evaluate(const lm_evaluation *e, int (*stop)(void), double *loss, int64_t *evaluated,
                      lm_error *err) {
    const int64_t time = e->sampler->how.context_length;
    const int64_t n = windows_to_evaluate(e->sampler, e->max_tokens);
    double sum = 0;
    *loss = NAN;
    *evaluated = 0;
    for (int64_t i = 0; i < n;) {
        int64_t batch = lm_min(n - i, e->batch);
        if (stop && stop()) return LM_OK;
        for (int64_t b = 0; b < batch; b++) {
            lm_status status = lm_sampler_window_in_order(
                e->sampler, window_at(e->sampler, i + b, n), e->tokens + b * (time + 1), err);
            if (status != LM_OK) return status;
        }
        lm_model_loss(e->model, e->tokens, batch, time);
        for (int64_t b = 0; b < batch; b++) sum += lm_model_window_loss(e->model, b);
        if (e->each) e->each(e->to, e->tokens, lm_model_losses(e->model), batch, time);
        i += batch;
    }
    *evaluated = n * time;
    *loss = sum / (double)(n * time);
    return LM_OK;
}

lm_status lm_evaluation_bytes(const lm_sampler *s, int64_t max_tokens, const lm_tokenizer *t,
                              double *bytes_per_token, lm_error *err) {
    const int64_t time = s->how.context_length, n = windows_to_evaluate(s, max_tokens);
    int32_t *ids = malloc((size_t)(time + 1) * sizeof *ids);
    int64_t bytes = 0;
    lm_status status = ids ? LM_OK : lm_error_no_memory(err, NULL);
    for (int64_t i = 0; i < n && status == LM_OK; i++) {
        status = lm_sampler_window_in_order(s, window_at(s, i, n), ids, err);
        for (int64_t k = 1; k <= time && status == LM_OK; k++)
            bytes += lm_tokenizer_text_bytes(t, ids[k]);
    }
    *bytes_per_token = (double)bytes / (double)(n * time);
    free(ids);
    return status;
}
