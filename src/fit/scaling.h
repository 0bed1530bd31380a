/* Scaling laws: the loss of a model of N parameters after D tokens,
 *
 *     L(N, D) = E + A / N^alpha + B / D^beta                     (Hoffmann et al. 2022)
 *
 * and, when the tokens repeat U unique ones (Muennighoff et al. 2023), the same of the effective
 *
 *     D' = U + U r_D (1 - exp(-R_D / r_D)),        R_D = max(D / U - 1, 0)
 *     N' = U_N + U_N r_N (1 - exp(-R_N / r_N)),    R_N = max(N / U_N - 1, 0)
 *     U_N = min(N, (U G)^(beta / alpha) G),        G = (alpha A / (beta B))^(1 / (alpha + beta))
 *
 * Fitted as Hoffmann et al. do: least Huber loss of ln L, by BFGS from a grid of starts. */
#ifndef LM_FIT_SCALING_H
#define LM_FIT_SCALING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct lm_scaling_point {
    double parameters, tokens, loss; /* above 0 */
    double unique;                   /* tokens of the training data; at least `tokens` repeats
                                        nothing; 0: not known, taken for that */
} lm_scaling_point;

typedef struct lm_scaling_law {
    double e, a, b, alpha, beta;
    double repeat_d, repeat_n; /* r_D, r_N; INFINITY: a repeated token is worth a new one */
    double objective;          /* mean over points of the Huber loss of ln L */
} lm_scaling_law;

/* L of so many parameters and tokens, of which `unique` are different (0: all). */
double lm_scaling_loss(const lm_scaling_law *law, double parameters, double tokens, double unique);

/* Fits the law to n points; r_D and r_N are fitted too when `repeats`. LM_ERR_USAGE: fewer than
 * five points (seven), or all of one size or of one length, or a figure that is not above 0. */
lm_status lm_scaling_fit(const lm_scaling_point *points, int64_t n, bool repeats,
                         lm_scaling_law *law, lm_error *err);
/* The same from a fit of similar points, as bootstrap does: no grid of starts. Points were checked
 * by lm_scaling_fit. */
void lm_scaling_refit(const lm_scaling_point *points, int64_t n, bool repeats,
                      const lm_scaling_law *start, lm_scaling_law *law);

/* The best parameters and tokens for so many FLOPs = 6 N D, none of them repeated:
 * N = G (C/6)^(beta / (alpha+beta)), D = (C/6) / N. NaN: an exponent is not above 0, so that no
 * size is the best. */
void lm_scaling_best(const lm_scaling_law *law, double flops, double *parameters, double *tokens);
/* The same where only `unique` tokens are different: by search. 0: lm_scaling_best. */
void lm_scaling_best_of(const lm_scaling_law *law, double flops, double unique, double *parameters,
                        double *tokens);

#endif
