/* Schedule-free learning (Defazio et al. 2024): in place of a rate that falls, the weights x that
 * are evaluated are an average of all weights z that plain steps lead to; gradients are taken at y
 * between both, which is what a model has while it trains (schedule_free.c).
 *
 *     x <- (1 - c) x + c z,   y = (1 - beta1) z + beta1 x
 *
 * x is also an average of the y alone, whatever c is in each step:
 *
 *     x <- x + c / (1 - beta1 + c beta1) (y - x)
 *
 * so that lm_average (average.h) keeps it, by the rest of lm_free_rest. */
#ifndef LM_OPTIM_SCHEDULE_FREE_H
#define LM_OPTIM_SCHEDULE_FREE_H

/* The rates so far; zero before the first step. */
typedef struct lm_free_rates {
    double peak; /* the highest */
    double sum;  /* of the squares of the highest up to each step */
} lm_free_rates;

/* c of a step with this learning rate, its share in the sum; 1 for the first. */
double lm_free_share(lm_free_rates *rates, double lr);
/* 1 - beta of the average that is x. */
double lm_free_rest(double share, double beta1);

#endif
