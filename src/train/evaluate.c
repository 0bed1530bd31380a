#include "train/evaluate.h"

#include <math.h>

#include "base/numbers.h"

double lm_evaluate(const lm_evaluation *e, int (*stop)(void), int64_t *evaluated) {
    const int64_t time = e->sampler->context_length, windows = e->sampler->windows;
    int64_t n = windows;
    if (e->max_tokens > 0) n = lm_min(n, lm_divide_up(e->max_tokens, time));
    double sum = 0;
    for (int64_t i = 0; i < n;) {
        int64_t batch = lm_min(n - i, e->batch);
        if (stop && stop()) return NAN;
        for (int64_t b = 0; b < batch; b++) {
            /* (i + b) * windows / n, without overflow */
            int64_t window = (i + b) * (windows / n) + (i + b) * (windows % n) / n;
            lm_sampler_window_in_order(e->sampler, window, e->tokens + b * (time + 1));
        }
        sum += lm_model_loss(e->model, e->tokens, batch, time);
        i += batch;
    }
    if (evaluated) *evaluated = n * time;
    return sum / (double)(n * time);
}
