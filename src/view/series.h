/* A figure over the steps of a run, in bounded memory, without losing an outlier: values that are
 * next to each other share a bucket, of which the least and the greatest value are kept with their
 * steps, and the sum. When there are LM_SERIES_MOST buckets, pairs of them become one.
 *
 *     lm_series s = {0};
 *     for (...) lm_series_add(&s, step, loss);     // false: no memory
 *     for (int64_t i = 0; i < s.count; i++) ... s.buckets[i].min, s.buckets[i].max ...
 *     lm_series_free(&s);
 */
#ifndef LM_VIEW_SERIES_H
#define LM_VIEW_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { LM_SERIES_MOST = 2048 }; /* more points than a screen has columns */

typedef struct lm_bucket {
    int64_t first, last;    /* steps of its first and last value */
    int64_t min_at, max_at; /* steps of the least and the greatest */
    double min, max, sum;
    int64_t n; /* values */
} lm_bucket;

typedef struct lm_series {
    lm_bucket *buckets; /* [count], by rising steps */
    int64_t count, capacity;
    int64_t per;        /* values that a new bucket takes; 0: none were added yet */
    double last;        /* the value added last */
    double best;        /* the least of all */
    int64_t best_at;    /* its step */
    int64_t not_finite; /* values that were passed over */
} lm_series;

/* Steps must not fall. A value that is not finite is counted and else passed over. */
bool lm_series_add(lm_series *s, int64_t step, double value);
/* Part i of `parts` <= s->count about equal ones, its buckets joined into one. */
lm_bucket lm_series_part(const lm_series *s, int64_t i, int64_t parts);
/* The mean of the values nearest to the step; NaN: there is none. */
double lm_series_at(const lm_series *s, int64_t step);
void lm_series_free(lm_series *s); /* zero-initialised or twice is fine */

#endif
