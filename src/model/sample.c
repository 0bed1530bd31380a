#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "base/rng.h"
#include "model/generate.h"

/* A token and its weight exp((logit - largest) / temperature). The workspace holds them as
 * [vocab][2] doubles, which hold an id exactly. */
typedef struct candidate {
    double weight, id;
} candidate;

static bool is_before(candidate a, candidate b) {
    return a.weight > b.weight || (a.weight == b.weight && a.id < b.id);
}

static candidate get(const double *list, int64_t i) {
    return (candidate){list[2 * i], list[2 * i + 1]};
}
static void put(double *list, int64_t i, candidate c) {
    list[2 * i] = c.weight;
    list[2 * i + 1] = c.id;
}
static void swap(double *list, int64_t i, int64_t j) {
    candidate c = get(list, i);
    put(list, i, get(list, j));
    put(list, j, c);
}

/* What is drawn from. */
typedef struct distribution {
    const float *logits; /* [vocab] */
    int64_t vocab;
    const unsigned char *seen; /* [vocab] or NULL */
    double penalty;
} distribution;

static double logit(const distribution *d, int64_t i) {
    double x = (double)d->logits[i];
    if (!d->seen || !d->seen[i]) return x;
    return x > 0 ? x / d->penalty : x * d->penalty;
}

static int32_t likeliest(const distribution *d) {
    int64_t best = 0;
    double largest = logit(d, 0);
    for (int64_t i = 1; i < d->vocab; i++) {
        double x = logit(d, i);
        if (!(x > largest || (isnan(largest) && !isnan(x)))) continue;
        best = i;
        largest = x;
    }
    return (int32_t)best;
}

/* Fills the list; returns the sum of the weights, in the order of ids. */
static double weigh(const distribution *d, double largest, double temperature, double *list) {
    double sum = 0;
    for (int64_t i = 0; i < d->vocab; i++) {
        double x = (logit(d, i) - largest) / temperature;
        put(list, i, (candidate){x <= 0 ? x : -INFINITY, (double)i}); /* NaN weighs nothing */
    }
    lm_exp_each(d->vocab, list, 2);
    for (int64_t i = 0; i < d->vocab; i++) sum += list[2 * i];
    return sum;
}

/* A set of candidates, likeliest first. The list is sorted from its beginning only as far as
 * somebody looks (incremental quicksort, Paredes & Navarro 2006): first..end-1 of it are unsorted
 * and before all that follows; further on, what lies between two ends is before what lies behind
 * the next. Ends that are forgotten cost time, not order. */
enum { MOST_ENDS = 40 };
typedef struct draw {
    double *list;
    int64_t vocab, sorted;
    int64_t ends[MOST_ENDS], n_ends; /* falling */
    int64_t most;                    /* candidates that there may be */
    int64_t count;                   /* that are in the set */
    double mass;                     /* of the set */
} draw;

/* Which of begin..end-1 to partition by. Of many, one among the first sixteenth: what is drawn is
 * nearly always found there, and a test that nearly always fails is cheap. */
static int64_t choose_pivot(const double *list, int64_t begin, int64_t end) {
    enum { SAMPLES = 64, BEST = 4, MANY = 1024 };
    int64_t best[BEST], n = 0, step = (end - begin) / SAMPLES;
    if (end - begin < MANY) return begin + (end - begin) / 2;
    for (int64_t i = begin; i < begin + SAMPLES * step; i += step) {
        int64_t at = n < BEST ? n++ : BEST;
        for (; at > 0 && is_before(get(list, i), get(list, best[at - 1])); at--)
            if (at < BEST) best[at] = best[at - 1];
        if (at < BEST) best[at] = i;
    }
    return best[BEST - 1];
}

/* Puts what comes before the pivot in front of it; returns where the pivot is then. */
static int64_t partition(double *list, int64_t begin, int64_t end) {
    swap(list, choose_pivot(list, begin, end), end - 1);
    candidate pivot = get(list, end - 1);
    int64_t at = begin;
    for (int64_t i = begin; i < end - 1; i++)
        if (is_before(get(list, i), pivot)) swap(list, i, at++);
    swap(list, at, end - 1);
    return at;
}

static candidate candidate_at(draw *w, int64_t i) {
    for (; w->sorted <= i; w->sorted++) {
        int64_t end = w->n_ends > 0 ? w->ends[--w->n_ends] : w->vocab;
        while (end != w->sorted) { /* the candidate at an end is in its place */
            if (w->n_ends == MOST_ENDS)
                memmove(w->ends, w->ends + 1, sizeof *w->ends * (size_t)--w->n_ends);
            w->ends[w->n_ends++] = end;
            end = partition(w->list, w->sorted, end);
        }
    }
    return get(w->list, i);
}

/* The smallest set of the likeliest that weighs `wanted`. */
static void cut_to_mass(draw *w, double wanted) {
    w->count = 0;
    w->mass = 0;
    while (w->count < w->most && (w->count == 0 || w->mass < wanted))
        w->mass += candidate_at(w, w->count++).weight;
}

/* Those of the set that weigh `least` of what the likeliest does, whose weight is 1. */
static void cut_to_weight(draw *w, double least) {
    int64_t n = 0;
    double mass = 0;
    for (; n < w->count; n++) {
        candidate c = candidate_at(w, n);
        if (n > 0 && c.weight < least) break;
        mass += c.weight;
    }
    w->count = n;
    w->mass = mass;
}

int32_t lm_sample(const lm_sample_options *o, const float *logits, int64_t vocab,
                  const unsigned char *seen, uint32_t sample, uint64_t index, double *workspace) {
    const lm_rng rng = {.seed = o->seed, .purpose = LM_RNG_GENERATE, .step = sample};
    const distribution d = {.logits = logits,
                            .vocab = vocab,
                            .seen = o->repetition_penalty != 1 ? seen : NULL,
                            .penalty = o->repetition_penalty};
    LM_ASSERT(vocab > 0 && o->temperature >= 0 && o->repetition_penalty > 0);
    int32_t best = likeliest(&d);
    if (o->temperature == 0 || !isfinite(logit(&d, best))) return best;
    draw w = {.list = workspace, .vocab = vocab, .most = vocab, .count = vocab};
    w.mass = weigh(&d, logit(&d, best), o->temperature, workspace);
    if (o->top_k > 0 && o->top_k < vocab) {
        w.most = o->top_k;
        cut_to_mass(&w, INFINITY);
    }
    if (o->top_p < 1) cut_to_mass(&w, o->top_p * w.mass);
    if (o->min_p > 0) cut_to_weight(&w, o->min_p);

    /* Draw: the first whose cumulative weight exceeds u of the set's. */
    double u = lm_rng_uniform(&rng, index), cumulative = 0;
    for (int64_t i = 0; i < w.count; i++) {
        candidate c = candidate_at(&w, i);
        cumulative += c.weight;
        if (cumulative > u * w.mass) return (int32_t)c.id;
    }
    return best; /* rounding kept the sum below u */
}
