/* The gradient noise scale (McCandlish et al. 2018, "An Empirical Model of Large-Batch Training",
 * appendix A.1): how many tokens a batch may have until more of them hardly make a step better.
 *
 * The gradient of a batch of B tokens is that of all data, G, plus noise of covariance Sigma / B.
 * Its squared norm is |G|^2 + tr(Sigma) / B in the mean, so that norms at two sizes of batch give
 * both without bias. A step in S lanes has them: the lanes are S batches of B / S tokens. With g
 * the gradient of the step, the sum of its lanes' parts g_l (each its lane's mean / S):
 *
 *     |G|^2     = S / (S - 1) (|g|^2 - sum |g_l|^2)
 *     tr(Sigma) = B / (S - 1) (S sum |g_l|^2 - |g|^2)
 *
 * A step's estimates are rough, the first may even be negative: both are averaged over the steps,
 * x = 0.99 x + 0.01 (the step's), and B_simple = tr(Sigma) / |G|^2 is the quotient of the averages,
 * in tokens. Tokens of a window are not independent of each other: it is a scale, not a law. */
#ifndef LM_OPTIM_NOISE_H
#define LM_OPTIM_NOISE_H

#include "report/metrics.h"

typedef struct lm_noise {
    int64_t steps; /* that the averages are of */
    double signal; /* of |G|^2; biased towards 0, where it begins */
    double trace;  /* the same of tr(Sigma), for one token */
} lm_noise;

/* Takes a step in. lane_squares [lanes]: |g_l|^2, summed in order; square: |g|^2; tokens: B.
 * lanes >= 2. */
void lm_noise_add(lm_noise *n, const double *lane_squares, int64_t lanes, double square,
                  double tokens);

/* What the averages are, without the bias; *f NaN before the first step. */
void lm_noise_now(const lm_noise *n, lm_noise_figures *f);

#endif
