#include "train/evaluate.h"

#include <math.h>

#include "base/numbers.h"

lm_status lm_evaluate(const lm_evaluation *e, int (*stop)(void), double *loss, int64_t *evaluated,
                      lm_error *err) {
    const int64_t time = e->sampler->context_length, windows = e->sampler->windows;
    int64_t n = windows;
    if (e->max_tokens > 0) n = lm_min(n, lm_divide_up(e->max_tokens, time));
    double sum = 0;
    *loss = NAN;
    *evaluated = 0;
    for (int64_t i = 0; i < n;) {
        int64_t batch = lm_min(n - i, e->batch);
        if (stop && stop()) return LM_OK;
        for (int64_t b = 0; b < batch; b++) {
            /* (i + b) * windows / n, without overflow */
            int64_t window = (i + b) * (windows / n) + (i + b) * (windows % n) / n;
            lm_status status =
                lm_sampler_window_in_order(e->sampler, window, e->tokens + b * (time + 1), err);
            if (status != LM_OK) return status;
        }
        sum += lm_model_loss(e->model, e->tokens, batch, time);
        i += batch;
    }
    *evaluated = n * time;
    *loss = sum / (double)(n * time);
    return LM_OK;
}
