#include "view/series.h"

#include <math.h>
#include <stdlib.h>

#include "base/numbers.h"

static void join(lm_bucket *a, const lm_bucket *b) {
    if (b->min < a->min) {
        a->min = b->min;
        a->min_at = b->min_at;
    }
    if (b->max > a->max) {
        a->max = b->max;
        a->max_at = b->max_at;
    }
    a->last = b->last;
    a->sum += b->sum;
    a->n += b->n;
}

static void join_pairs(lm_series *s) {
    int64_t to = 0;
    for (int64_t i = 0; i < s->count; i += 2) {
        lm_bucket b = s->buckets[i];
        if (i + 1 < s->count) join(&b, &s->buckets[i + 1]);
        s->buckets[to++] = b;
    }
    s->count = to;
    s->per *= 2;
}

static bool grow(lm_series *s) {
    int64_t capacity = lm_min(lm_max(64, 2 * s->capacity), LM_SERIES_MOST);
    lm_bucket *grown = realloc(s->buckets, (size_t)capacity * sizeof *grown);
    if (!grown) return false;
    s->buckets = grown;
    s->capacity = capacity;
    return true;
}

bool lm_series_add(lm_series *s, int64_t step, double value) {
    if (!isfinite(value)) {
        s->not_finite++;
        return true;
    }
    if (s->per == 0) {
        s->per = 1;
        s->best = INFINITY;
    }
    const lm_bucket one = {step, step, step, step, value, value, value, 1};
    s->last = value;
    if (value < s->best) {
        s->best = value;
        s->best_at = step;
    }
    if (s->count > 0 && s->buckets[s->count - 1].n < s->per) {
        join(&s->buckets[s->count - 1], &one);
        return true;
    }
    if (s->count == LM_SERIES_MOST) join_pairs(s);
    if (s->count == s->capacity && !grow(s)) return false;
    s->buckets[s->count++] = one;
    return true;
}

lm_bucket lm_series_part(const lm_series *s, int64_t i, int64_t parts) {
    int64_t begin = i * s->count / parts, end = (i + 1) * s->count / parts;
    lm_bucket b = s->buckets[begin];
    while (++begin < end) join(&b, &s->buckets[begin]);
    return b;
}

static double mean(const lm_bucket *b) {
    return b->sum / (double)b->n;
}

double lm_series_at(const lm_series *s, int64_t step) {
    int64_t low = 0, high = s->count - 1;
    if (s->count == 0) return NAN;
    while (low < high) { /* the first bucket that ends at the step or after it */
        int64_t middle = low + (high - low) / 2;
        if (s->buckets[middle].last < step)
            low = middle + 1;
        else
            high = middle;
    }
    const lm_bucket *b = &s->buckets[low];
    if (low > 0 && b->first > step && step - b[-1].last < b->first - step) b--;
    return mean(b);
}

void lm_series_free(lm_series *s) {
    free(s->buckets);
    *s = (lm_series){0};
}
