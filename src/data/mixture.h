/* Which source of a mixture a sample comes from: a pure function of the sample's index, so that a
 * checkpoint stores a counter, not a loader.
 *
 *     int64_t shares[2];
 *     lm_mixture_shares((double[]){0.7, 0.3}, 2, shares);   // 45875 and 19661 of 65536
 *     lm_mixture_init(&m, shares, 2, err);
 *     lm_mixture_find(&m, sample, &source, &index);          // its index among those of the source
 *
 * Weights are rounded to 1/65,536. A table says for each sample of a period of 65,536 which source
 * it comes from. At every step the samples of each source are within one of its share:
 *
 *     | count_i(n) - n share_i / 65536 | < 1     for every source i and number n of samples
 *
 * The table is made as fair schedules are (Baruah, Cohen, Plaxton & Varvel, Algorithmica 1996):
 * sample j = 0, 1, ... of source i may come from place floor(j P / share_i) on, must have come
 * before place ceil((j+1) P / share_i), and each place goes to the source whose next sample must
 * come first. Such a schedule always exists, since the shares sum to P. */
#ifndef LM_DATA_MIXTURE_H
#define LM_DATA_MIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { LM_MIXTURE_PERIOD = 65536 };

typedef struct lm_mixture {
    int64_t count;   /* sources */
    int64_t *shares; /* [count]: samples of a period */
    /* NULL when there is one source: */
    uint8_t *sources; /* [PERIOD]: of each sample */
    uint16_t *ranks;  /* [PERIOD]: how many samples of the same source are before it */
    uint16_t *places; /* [PERIOD]: the samples by source; those of source i begin at starts[i] */
    int64_t *starts;  /* [count] */
} lm_mixture;

/* Shares of a period, which sum to LM_MIXTURE_PERIOD: weights [n] are positive and finite; those
 * with the largest remainders are rounded up. false: a share is 0, shares [n] are written all the
 * same. n >= 1. */
bool lm_mixture_shares(const double *weights, int64_t n, int64_t *shares);

/* n from 1 to 256; shares [n] from 1 on, which sum to LM_MIXTURE_PERIOD (asserted). */
lm_status lm_mixture_init(lm_mixture *m, const int64_t *shares, int64_t n, lm_error *err);
void lm_mixture_free(lm_mixture *m); /* zero-initialised or twice is fine */

/* The source of a sample, and its index among the samples of that source. O(1). */
void lm_mixture_find(const lm_mixture *m, int64_t sample, int64_t *source, int64_t *index);
/* How many of the first `samples` samples come from a source. O(log of the period). */
int64_t lm_mixture_count(const lm_mixture *m, int64_t samples, int64_t source);

#endif
