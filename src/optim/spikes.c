#include "optim/spikes.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

void lm_spikes_add(lm_spikes *s, double loss, double grad_norm) {
    LM_ASSERT(isfinite(loss) && isfinite(grad_norm));
    if (s->count == LM_SPIKES_MOST) {
        memmove(s->loss, s->loss + 1, (LM_SPIKES_MOST - 1) * sizeof *s->loss);
        memmove(s->grad_norm, s->grad_norm + 1, (LM_SPIKES_MOST - 1) * sizeof *s->grad_norm);
        s->count--;
    }
    s->loss[s->count] = loss;
    s->grad_norm[s->count++] = grad_norm;
}

static bool find(const double *values, int64_t n, double k, double x, lm_spike *spike) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += (values[i] - mean) * (values[i] - mean);
    double sigma = fmax(sqrt(squares / (double)(n - 1)), fabs(mean) / 1000);
    if (!(x > mean + k * sigma)) return false;
    spike->value = x;
    spike->mean = mean;
    spike->sigmas = (x - mean) / sigma;
    return true;
}

bool lm_spikes_find(const lm_spikes *s, double k, double loss, double grad_norm, lm_spike *spike) {
    if (s->count < LM_SPIKES_LEAST) return false;
    spike->what = "loss";
    if (find(s->loss, s->count, k, loss, spike)) return true;
    spike->what = "gradient norm";
    return find(s->grad_norm, s->count, k, grad_norm, spike);
}
