/* The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio, Kegl: "Algorithms for
 * hyper-parameter optimization", NIPS 2011).
 *
 * The settings of all earlier generations are ranked: those that got to a higher rung first, then
 * by their mean loss there; those that diverged or failed last. The best 15% are the good ones. For
 * each key, two densities are mixtures of a uniform prior and a Gaussian around each setting's
 * coordinate, cut to [0, 1), as wide as the larger distance to a neighbour: l of the good settings,
 * g of the others. Of 24 candidates drawn from l, the one with the largest l / g is taken. Keys of
 * lists have frequencies in place of densities. A setting that does not give a key says nothing
 * about it.
 *
 * Within a generation, settings differ by their random numbers alone, which are functions of
 * (sweep.seed, setting, key): whoever proposes them, with however many workers, proposes the same.
 * */
#ifndef LM_SWEEP_TPE_H
#define LM_SWEEP_TPE_H

#include "sweep/journal.h"

/* Draws the settings of a generation >= 1, whose earlier ones have all results. */
lm_status lm_tpe_draw(lm_sweep *s, const lm_journals *j, int64_t generation, lm_error *err);

/* One dimension: what of it the settings gave. */
typedef struct lm_tpe_sample {
    const double *good, *bad; /* coordinates in [0, 1), sorted */
    int64_t n_good, n_bad;
    int64_t count; /* values of a list, 0 of a range or of numbers in order */
} lm_tpe_sample;
/* l and g of a coordinate. */
double lm_tpe_density(const double *at, int64_t n, int64_t count, double u);
/* The best of 24 candidates by the random numbers of `rng`. */
double lm_tpe_propose(const lm_tpe_sample *sample, uint64_t seed, uint32_t dimension,
                      uint64_t point);

#endif
