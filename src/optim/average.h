/* An average of the weights over the steps (Polyak & Juditsky 1992), with weights that fall
 * exponentially into the past:
 *
 *     a = w_t                       at the first step that is averaged
 *     a = a + (1 - beta) (w_t - a)  at those after it
 *
 * beta is given for each step, so that a schedule may drive it, or follows from a half-life of H
 * tokens: beta = 2^(-n/H) for a step of n tokens, whatever the batch.
 *
 * What is evaluated may be a blend of the weights and their average, w + share (a - w). A tail, in
 * which averaging begins late in the run, with a share of 0.6, is what the speedruns of
 * KellerJordan/modded-nanogpt read out.
 *
 * Of tables with lazy updates (lazy.h) a step reaches few rows, and the average moves towards the
 * others too. So that it need not pass over them, what is kept of each element is its gap d, which
 * changes only when its weight does, and of the run one number E:
 *
 *     a = w_t + E d
 *     d = 0, E = 1                  at the first step that is averaged
 *     d = d + (w_(t-1) - w_t) / E;  then E = beta E      at those after it
 *
 * which is the same average: a_t - w_t = beta (a_(t-1) - w_t), and with a_(t-1) = w_(t-1) + E d
 * that is beta E (d + (w_(t-1) - w_t) / E). Roundings: 1 / E, the change and the sum to a relative
 * 2^-24 each, and what an earlier step has rounded falls by beta in each step after it, as in the
 * form above. When E falls below LM_AVERAGE_GAP_LEAST, so that sums of squares of d stay finite,
 * all gaps are multiplied by it and it is 1 again: one pass in hundreds of steps. d is a state of
 * the optimizer (kind.h), E stands in meta.json.
 *
 * The average is fp32 and is never an input of training. Each function gives the same bits for any
 * number of threads and any instruction set; they allocate nothing, and are to be called outside of
 * pool tasks. */
#ifndef LM_OPTIM_AVERAGE_H
#define LM_OPTIM_AVERAGE_H

#include "base/arena.h"
#include "ops/compute.h"

typedef struct lm_average {
    int64_t count; /* elements of the flat arrays */
    float *values; /* [count]; NULL: no average is kept */
    lm_arena arena;
} lm_average;

/* 1 - beta of a step of so many tokens, for a half-life in tokens. */
double lm_average_rest(double half_life, double tokens);

/* What an average of so many elements occupies. */
uint64_t lm_average_bytes(int64_t count);
lm_status lm_average_create(lm_average *a, int64_t count, lm_error *err);
void lm_average_free(lm_average *a); /* zero-initialised or twice is fine */

/* a = weights [count]. */
void lm_average_begin(lm_average *a, const lm_compute *compute, const float *weights);
/* a += rest (weights - a), by one fused multiply-add: rest = 1 - beta. */
void lm_average_add(lm_average *a, const lm_compute *compute, double rest, const float *weights);

#define LM_AVERAGE_GAP       "ema_gap" /* the state's name */
#define LM_AVERAGE_GAP_LEAST 1e-12

/* y += share gap [count]: of weights, with a share of E, their average. */
void lm_average_blend_gap(const lm_kernels *kernels, lm_pool *pool, int64_t count, double share,
                          const float *gap, float *y);

/* y += share (x - y) [count], as above; with share 1, y = x to the bit. x is read only. */
void lm_average_blend(const lm_kernels *kernels, lm_pool *pool, int64_t count, double share,
                      const float *x, float *y);
/* y = x [count] */
void lm_average_copy(lm_pool *pool, int64_t count, const float *x, float *y);

#endif
