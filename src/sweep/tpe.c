#include "sweep/tpe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/elementary.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "sweep/plan.h"

enum { CANDIDATES = 24, MOST_TRIES = 200, MOST_GOOD = 25 };
#define GOOD_SHARE 0.15 /* gamma of the paper */

/* ---- Gaussians --------------------------------------------------------------------------------*/

/* The standard normal distribution function, by its own series, so that proposals have the same
 * bits with every libm: Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...). For |x| beyond 6 it is
 * 0 or 1 to 1e-9. */
static double normal_below(double x) {
    if (x < -6) return 0;
    if (x > 6) return 1;
    double term = x, sum = x;
    for (int k = 3; k < 200 && fabs(term) > 1e-17 * fabs(sum); k += 2) {
        term *= x * x / k;
        sum += term;
    }
    return 0.5 + 0.3989422804014327 * lm_exp(-0.5 * x * x) * sum;
}

/* Of the sorted coordinates: the larger distance to a neighbour or to an end, cut to what n
 * observations can tell apart. */
static double width(const double *at, int64_t n, int64_t i) {
    double below = at[i] - (i > 0 ? at[i - 1] : 0), above = (i + 1 < n ? at[i + 1] : 1) - at[i];
    return fmin(fmax(fmax(below, above), 1.0 / (double)lm_min(100, n + 2)), 1);
}

static double frequency(const double *at, int64_t n, int64_t count, double u) {
    int64_t value = (int64_t)(u * (double)count), same = 0;
    for (int64_t i = 0; i < n; i++) same += (int64_t)(at[i] * (double)count) == value;
    return (1 + (double)count * (double)same) / (double)(n + 1);
}

double lm_tpe_density(const double *at, int64_t n, int64_t count, double u) {
    if (count > 0) return frequency(at, n, count, u);
    double sum = 1; /* the prior */
    for (int64_t i = 0; i < n; i++) {
        double sigma = width(at, n, i), z = (u - at[i]) / sigma;
        double inside = normal_below((1 - at[i]) / sigma) - normal_below(-at[i] / sigma);
        sum += 0.3989422804014327 * lm_exp(-0.5 * z * z) / (sigma * inside);
    }
    return sum / (double)(n + 1);
}

/* ---- one coordinate ---------------------------------------------------------------------------*/

/* A draw from l. Each candidate has MOST_TRIES random numbers of its own. */
static double draw(const lm_tpe_sample *p, const lm_rng *rng, uint64_t index) {
    int64_t from = (int64_t)(lm_rng_uniform(rng, index++) * (double)(p->n_good + 1));
    if (from < p->n_good && p->count > 0) return p->good[from];
    if (from < p->n_good) {
        double sigma = width(p->good, p->n_good, from);
        for (int i = 0; i < MOST_TRIES - 2; i++) {
            double u = p->good[from] + sigma * lm_rng_normal(rng, index++);
            if (u >= 0 && u < 1) return u;
        }
    }
    return lm_rng_uniform(rng, index);
}

double lm_tpe_propose(const lm_tpe_sample *p, uint64_t seed, uint32_t dimension, uint64_t point) {
    lm_rng rng = {.seed = seed, .purpose = LM_RNG_DRAW, .step = 1000 + dimension};
    double best = 0, best_ratio = -1;
    for (uint64_t i = 0; i < CANDIDATES; i++) {
        double u = draw(p, &rng, (point * CANDIDATES + i) * MOST_TRIES);
        double ratio = lm_tpe_density(p->good, p->n_good, p->count, u) /
                       lm_tpe_density(p->bad, p->n_bad, p->count, u);
        if (ratio <= best_ratio) continue;
        best = u;
        best_ratio = ratio;
    }
    return best;
}

/* ---- what was observed ------------------------------------------------------------------------*/

typedef struct observed {
    int64_t point;
    int rung;
    double loss;
} observed;

static int by_rank(const void *a, const void *b) {
    const observed *x = a, *y = b;
    if (isinf(x->loss) != isinf(y->loss)) return isinf(x->loss) ? 1 : -1;
    if (x->rung != y->rung) return x->rung > y->rung ? -1 : 1;
    if (x->loss != y->loss) return x->loss < y->loss ? -1 : 1;
    return (x->point > y->point) - (x->point < y->point);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The coordinates that points ranked [from, to) gave dimension i; how many. */
static int64_t collect(const lm_sweep *s, const observed *ranked, int64_t from, int64_t to, int i,
                       double *out) {
    const lm_dimension *d = &s->space.dimensions[i];
    int64_t n = 0;
    for (int64_t r = from; r < to; r++) {
        int64_t p = ranked[r].point;
        if (s->values[p * s->space.n_dimensions + i].kind == LM_VALUE_NONE) continue;
        out[n++] = s->units[p * s->space.n_drawn + d->drawn];
    }
    qsort(out, (size_t)n, sizeof *out, by_size);
    return n;
}

/* A setting from the ranked ones; constraints that it breaks make it try again with other numbers.
 * */
static lm_status propose(lm_sweep *s, const observed *ranked, int64_t n, int64_t point,
                         double *room, lm_error *err) {
    int64_t good = lm_min(lm_max((int64_t)ceil(GOOD_SHARE * (double)n), 1), MOST_GOOD);
    double *units = s->units + point * s->space.n_drawn;
    lm_value *values = s->values + point * s->space.n_dimensions;
    lm_settled settled = LM_SETTLED_BROKEN;
    int which;
    for (uint64_t attempt = 0; attempt < 1000 && settled == LM_SETTLED_BROKEN; attempt++) {
        for (int i = 0; i < s->space.n_dimensions; i++) {
            const lm_dimension *d = &s->space.dimensions[i];
            if (d->drawn < 0) continue;
            lm_tpe_sample p = {.good = room, .bad = room + n};
            p.n_good = collect(s, ranked, 0, good, i, room);
            p.n_bad = collect(s, ranked, good, n, i, room + n);
            p.count = d->kind == LM_DIMENSION_LIST ? d->n_choices : 0;
            units[d->drawn] = lm_tpe_propose(&p, (uint64_t)s->options.seed, (uint32_t)i,
                                             (uint64_t)point * 1000 + attempt);
        }
        lm_sweep_place(s, units, values);
        settled = lm_space_settle(&s->space, values, &which, err);
    }
    if (settled == LM_SETTLED_ERROR) return LM_ERR_USAGE;
    if (settled == LM_SETTLED_BROKEN) return lm_sweep_draw(s, point + 1, err);
    s->n_drawn = point + 1;
    return lm_sweep_check_setting(s, s->first_point + point, err);
}

lm_status lm_tpe_draw(lm_sweep *s, const lm_journals *j, int64_t generation, lm_error *err) {
    int64_t first, end, n = 0;
    lm_plan_bracket(s, generation, &first, &end);
    int64_t before = first - s->first_point;
    observed *ranked = calloc((size_t)before + 1, sizeof *ranked);
    double *room = calloc(2 * (size_t)before + 1, sizeof *room);
    lm_status status = ranked && room ? LM_OK : lm_error_no_memory(err, s->file);
    for (int64_t p = 0; p < before && status == LM_OK; p++) {
        int rung = lm_plan_reached(s, j, s->first_point + p);
        double loss = rung < 0 ? INFINITY : lm_plan_mean(s, j, s->first_point + p, rung);
        ranked[n++] = (observed){p, rung, loss};
    }
    if (status == LM_OK) qsort(ranked, (size_t)n, sizeof *ranked, by_rank);
    while (status == LM_OK && s->n_drawn < end - s->first_point)
        status = propose(s, ranked, n, s->n_drawn, room, err);
    free(ranked);
    free(room);
    return status;
}
