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

static int32_t likeliest(const float *logits, int64_t vocab) {
    int64_t best = 0;
    for (int64_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best] || (isnan(logits[best]) && !isnan(logits[i]))) best = i;
    return (int32_t)best;
}

/* Fills the heap; returns the sum of the weights, in the order of ids. */
static double weigh(const float *logits, int64_t vocab, double largest, double temperature,
                    double *heap) {
    double sum = 0;
    for (int64_t i = 0; i < vocab; i++) {
        double x = ((double)logits[i] - largest) / temperature;
        candidate c = {x <= 0 ? lm_exp(x) : 0, (double)i}; /* NaN weighs nothing */
        put(heap, i, c);
        sum += c.weight;
    }
    for (int64_t i = vocab / 2 - 1; i >= 0; i--) sift_down(heap, vocab, i, get(heap, i));
    return sum;
}

int32_t lm_sample(const lm_sample_options *o, const float *logits, int64_t vocab, uint64_t index,
                  double *workspace) {
    lm_rng rng = {.seed = o->seed, .purpose = LM_RNG_GENERATE};
    LM_ASSERT(vocab > 0 && o->temperature >= 0);
    int32_t best = likeliest(logits, vocab);
    if (o->temperature == 0 || !isfinite(logits[best])) return best;
    double mass = weigh(logits, vocab, (double)logits[best], o->temperature, workspace);

    /* Cut: candidates leave the heap likeliest first and line up at the end of the workspace. */
    int64_t taken = 0, most = o->top_k > 0 ? lm_min(o->top_k, vocab) : vocab;
    double sum = 0;
    if (most < vocab) {
        while (taken < most) sum += pop(workspace, vocab - taken++).weight;
        mass = sum;
    }
    double u = lm_rng_uniform(&rng, index);
    double wanted = o->top_p < 1 ? o->top_p * mass : mass; /* of the smallest set */
    int64_t in_set = 0;
    double set = 0;
    if (o->top_p < 1) {
        while (in_set < most && (in_set == 0 || set < wanted)) {
            if (in_set == taken) pop(workspace, vocab - taken++);
            set += get(workspace, vocab - 1 - in_set++).weight;
        }
    } else {
        in_set = most;
        set = mass;
    }

    /* Draw: the first whose cumulative weight exceeds u of the set's. */
    double cumulative = 0;
    for (int64_t i = 0; i < in_set; i++) {
        if (i == taken) pop(workspace, vocab - taken++);
        candidate c = get(workspace, vocab - 1 - i);
        cumulative += c.weight;
        if (cumulative > u * set) return (int32_t)c.id;
    }
    return best; /* rounding kept the sum below u */
}
