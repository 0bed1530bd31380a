#include "data/mixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

#define PERIOD ((int64_t)LM_MIXTURE_PERIOD)

bool lm_mixture_shares(const double *weights, int64_t n, int64_t *shares) {
    double sum = 0;
    int64_t left = PERIOD;
    bool all = true;
    for (int64_t i = 0; i < n; i++) sum += weights[i];
    for (int64_t i = 0; i < n; i++) {
        shares[i] = (int64_t)floor(weights[i] / sum * (double)PERIOD);
        left -= shares[i];
    }
    /* What is left goes to the largest remainders, the first of equal ones. */
    for (; left > 0; left--) {
        int64_t best = 0;
        double most = -INFINITY;
        for (int64_t i = 0; i < n; i++) {
            double remainder = weights[i] / sum * (double)PERIOD - (double)shares[i];
            if (remainder > most) {
                most = remainder;
                best = i;
            }
        }
        shares[best]++;
    }
    for (int64_t i = 0; i < n; i++) all &= shares[i] > 0;
    return all;
}

/* ---- the table --------------------------------------------------------------------------------*/

/* The next sample of a source: the places that it may take are [from, before). */
typedef struct turn {
    int64_t done, from, before;
} turn;

static turn turn_of(int64_t done, int64_t share) {
    return (turn){done, done * PERIOD / share, lm_divide_up((done + 1) * PERIOD, share)};
}

/* The source that place `at` goes to. */
static int64_t choose(const turn *turns, int64_t count, int64_t at) {
    int64_t best = -1;
    for (int64_t i = 0; i < count; i++)
        if (turns[i].from <= at && (best < 0 || turns[i].before < turns[best].before)) best = i;
    LM_ASSERT(best >= 0 && at < turns[best].before);
    return best;
}

static lm_status fill(lm_mixture *m, lm_error *err) {
    turn *turns = calloc((size_t)m->count, sizeof *turns);
    if (!turns) return lm_error_no_memory(err, NULL);
    for (int64_t i = 0; i < m->count; i++) turns[i] = turn_of(0, m->shares[i]);
    for (int64_t at = 0; at < PERIOD; at++) {
        int64_t i = choose(turns, m->count, at), done = turns[i].done;
        m->sources[at] = (uint8_t)i;
        m->ranks[at] = (uint16_t)done;
        m->places[m->starts[i] + done] = (uint16_t)at;
        turns[i] = turn_of(done + 1, m->shares[i]);
    }
    free(turns);
    return LM_OK;
}

lm_status lm_mixture_init(lm_mixture *m, const int64_t *shares, int64_t n, lm_error *err) {
    int64_t sum = 0;
    LM_ASSERT(n >= 1 && n <= UINT8_MAX + 1);
    *m = (lm_mixture){.count = n};
    m->shares = calloc((size_t)n, sizeof *m->shares);
    m->starts = calloc((size_t)n, sizeof *m->starts);
    lm_status status = m->shares && m->starts ? LM_OK : lm_error_no_memory(err, NULL);
    if (status != LM_OK) goto out;
    for (int64_t i = 0; i < n; i++) {
        LM_ASSERT(shares[i] >= 1);
        m->shares[i] = shares[i];
        m->starts[i] = sum;
        sum += shares[i];
    }
    LM_ASSERT(sum == PERIOD);
    if (n == 1) return LM_OK;
    m->sources = malloc((size_t)PERIOD * sizeof *m->sources);
    m->ranks = malloc((size_t)PERIOD * sizeof *m->ranks);
    m->places = malloc((size_t)PERIOD * sizeof *m->places);
    status = m->sources && m->ranks && m->places ? fill(m, err) : lm_error_no_memory(err, NULL);
out:
    if (status != LM_OK) lm_mixture_free(m);
    return status;
}

void lm_mixture_free(lm_mixture *m) {
    free(m->shares);
    free(m->starts);
    free(m->sources);
    free(m->ranks);
    free(m->places);
    memset(m, 0, sizeof *m);
}

/* ---- asking -----------------------------------------------------------------------------------*/

void lm_mixture_find(const lm_mixture *m, int64_t sample, int64_t *source, int64_t *index) {
    int64_t period = sample / PERIOD, place = sample % PERIOD;
    *source = m->sources ? m->sources[place] : 0;
    *index = m->sources ? period * m->shares[*source] + m->ranks[place] : sample;
}

int64_t lm_mixture_count(const lm_mixture *m, int64_t samples, int64_t source) {
    LM_ASSERT(source >= 0 && source < m->count);
    if (!m->sources) return samples;
    const uint16_t *places = m->places + m->starts[source];
    int64_t place = samples % PERIOD, low = 0, high = m->shares[source];
    while (low < high) { /* the first of its samples that is not before the place */
        int64_t middle = low + (high - low) / 2;
        if (places[middle] < place) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return samples / PERIOD * m->shares[source] + low;
}
