#include <math.h>

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

static candidate get(const double *heap, int64_t i) {
    return (candidate){heap[2 * i], heap[2 * i + 1]};
}
static void put(double *heap, int64_t i, candidate c) {
    heap[2 * i] = c.weight;
    heap[2 * i + 1] = c.id;
}

/* Puts c where it belongs at or below i of a heap of n, the likeliest on top. */
static void sift_down(double *heap, int64_t n, int64_t i, candidate c) {
    for (;;) {
        int64_t child = 2 * i + 1;
        if (child >= n) break;
        if (child + 1 < n && is_before(get(heap, child + 1), get(heap, child))) child++;
        if (!is_before(get(heap, child), c)) break;
        put(heap, i, get(heap, child));
        i = child;
    }
    put(heap, i, c);
}

/* Takes the likeliest of n and puts it at n-1, behind the heap that is left. */
static candidate pop(double *heap, int64_t n) {
    candidate top = get(heap, 0), last = get(heap, n - 1);
    if (n > 1) sift_down(heap, n - 1, 0, last);
    put(heap, n - 1, top);
    return top;
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

/* Fills the heap; returns the sum of the weights, in the order of ids. */
static double weigh(const distribution *d, double largest, double temperature, double *heap) {
    double sum = 0;
    int64_t vocab = d->vocab;
    for (int64_t i = 0; i < vocab; i++) {
        double x = (logit(d, i) - largest) / temperature;
        candidate c = {x <= 0 ? lm_exp(x) : 0, (double)i}; /* NaN weighs nothing */
        put(heap, i, c);
        sum += c.weight;
    }
    for (int64_t i = vocab / 2 - 1; i >= 0; i--) sift_down(heap, vocab, i, get(heap, i));
    return sum;
}

/* A set of candidates, likeliest first, which leave the heap one by one and line up at the end of
 * the workspace. */
typedef struct draw {
    double *heap;
    int64_t vocab, taken;
    int64_t most;  /* candidates that there may be */
    int64_t count; /* that are in the set */
    double mass;   /* of the set */
} draw;

static candidate candidate_at(draw *w, int64_t i) {
    while (w->taken <= i) pop(w->heap, w->vocab - w->taken++);
    return get(w->heap, w->vocab - 1 - i);
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
    draw w = {.heap = workspace, .vocab = vocab, .most = vocab, .count = vocab};
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
