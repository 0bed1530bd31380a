/* Spikes: steps whose loss or gradient norm lies far above those of the steps before (the guard of
 * OLMo-core's SkipStepOptimizer).
 *
 *     lm_spike spike;
 *     if (lm_spikes_find(&s, 6, loss, grad_norm, &spike)) ... the step is not to be taken ...
 *     else lm_spikes_add(&s, loss, grad_norm);
 *
 * Of the last n <= 128 steps that were taken, and of either figure x:
 *
 *     mean = sum x_i / n     sigma = max(sqrt(sum (x_i - mean)^2 / (n - 1)), |mean| / 1000)
 *     a spike: x > mean + k sigma
 *
 * Nothing is a spike until 16 steps were taken: a mean and a sigma of fewer say little, and the
 * first steps of a run differ most. Until there are 128 the steps so far are what counts, so that a
 * gradient which explodes early is refused too. The least sigma keeps figures that hardly change
 * from being spikes by their rounding. Sums run from the oldest step to the newest in double: the
 * same bits whenever the steps before are the same. */
#ifndef LM_OPTIM_SPIKES_H
#define LM_OPTIM_SPIKES_H

#include <stdbool.h>
#include <stdint.h>

enum { LM_SPIKES_MOST = 128, LM_SPIKES_LEAST = 16 };

/* Of steps that were taken, from the oldest to the newest. Zero-initialise. */
typedef struct lm_spikes {
    int64_t count; /* at most LM_SPIKES_MOST */
    double loss[LM_SPIKES_MOST], grad_norm[LM_SPIKES_MOST];
} lm_spikes;

typedef struct lm_spike {
    const char *what;   /* "loss" or "gradient norm" */
    double value, mean; /* of it */
    double sigmas;      /* (value - mean) / sigma; infinite when sigma is 0 */
} lm_spike;

/* Adds a step, whose figures are finite (asserted); of more than LM_SPIKES_MOST the oldest goes. */
void lm_spikes_add(lm_spikes *s, double loss, double grad_norm);
/* Is the next step a spike by k sigmas? Then *spike says of what; the loss is looked at first. */
bool lm_spikes_find(const lm_spikes *s, double k, double loss, double grad_norm, lm_spike *spike);

#endif
