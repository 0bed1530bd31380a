/* How far activations of a model move in its first steps, at several widths or depths: the
 * coordinate check of Yang et al. 2022 (appendix D.1). */
#ifndef LM_CLI_COORDINATES_H
#define LM_CLI_COORDINATES_H

#include "cli/probe.h"
#include "model/activations.h"

enum { LM_COORDINATES_MOST = 16 }; /* models of a check */

typedef struct lm_coordinates_how {
    const char *config;
    const lm_option_texts *set;
    const lm_machine_options *machine;
    int64_t steps, seeds;
    bool wider_heads; /* over widths; else there are more of them */
} lm_coordinates_how;

typedef struct lm_coordinates {
    bool deep;                               /* values are of n_layers, else of d_model */
    int64_t other;                           /* d_model or n_layers of all of them */
    int64_t n;                               /* models */
    int64_t values[LM_COORDINATES_MOST];     /* [n] */
    int64_t kinds;                           /* activations that are compared */
    char (*names)[LM_MODEL_ACTIVATION_NAME]; /* [kinds] */
    int64_t steps;
    /* [kinds, steps + 1, n]: the mean of |x| before the first step, then the mean of |x - x_0|,
     * where x_0 is what x was before the first step; both over the same tokens and all seeds */
    double *means;
} lm_coordinates;

static inline double *lm_coordinates_at(const lm_coordinates *c, int64_t kind, int64_t step) {
    return c->means + (kind * (c->steps + 1) + step) * c->n;
}

/* The widths or depths to compare, from a text of numbers separated by commas or, when that is
 * NULL, from the config: 1, 2, 4 and 8 times the base. *c is overwritten. LM_ERR_USAGE: fewer than
 * two, not rising, or heads that a width does not allow. */
lm_status lm_coordinates_plan(lm_coordinates *c, const lm_coordinates_how *how, bool deep,
                              const char *values, lm_error *err);
/* Does the config's parametrization promise that rates carry over to other depths? */
lm_status lm_coordinates_promise_depth(const lm_coordinates_how *how, bool *promises,
                                       lm_error *err);
/* Trains the models one after another. LM_ERR_DIVERGED: a loss is not finite. */
lm_status lm_coordinates_measure(lm_coordinates *c, const lm_coordinates_how *how, lm_error *err);
void lm_coordinates_free(lm_coordinates *c); /* zero-initialised or twice is fine */

/* The slope of an activation's change after the last step, over widths or depths; NaN: it did not
 * change at all. */
double lm_coordinates_slope(const lm_coordinates *c, int64_t kind);

#endif
