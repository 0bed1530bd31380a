/* What speaks against a fitted scaling law, and against what it says of a budget: sentences for
 * people, a line each. A fit always has values; whether points of few, small or short runs show
 * them is another matter. */
#ifndef LM_FIT_DOUBTS_H
#define LM_FIT_DOUBTS_H

#include "base/text.h"
#include "fit/scaling.h"

typedef struct lm_scaling_evidence {
    const lm_scaling_point *points; /* [n] */
    int64_t n;
    const lm_scaling_law *law;      /* fitted to them */
    bool repeats;                   /* with r_D and r_N */
    double alpha_90[2], beta_90[2]; /* the middle 90% of bootstrap fits; NaN: not known */
} lm_scaling_evidence;

/* Appends a line for each of these: fewer than twice as many points as figures; size or tokens, by
 * the law, change the loss of the runs by less than 1%; E is below 2% of each loss; an exponent
 * beyond 0.05 to 1, between which published ones lie, or one whose 90% reach 0 or over a factor of
 * 3. */
void lm_scaling_doubt_law(const lm_scaling_evidence *e, lm_text *out);

/* Appends lines for the best parameters and tokens of a budget, when there are none (NaN); when
 * parameters or tokens lie beyond 10 times the runs' range, or tokens per parameter beyond 3 times;
 * when parameters_90, the middle 90% of bootstrap fits or NaN, cover more than a factor of 10. */
void lm_scaling_doubt_best(const lm_scaling_evidence *e, double parameters, double tokens,
                           const double parameters_90[2], lm_text *out);

#endif
