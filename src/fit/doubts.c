#include "fit/doubts.h"

#include <math.h>
#include <stdio.h>

#define LEAST_CHANGE   0.01 /* of the loss, by size or by tokens */
#define LEAST_E        0.02 /* of the loss */
#define LEAST_EXPONENT 0.05
#define MOST_EXPONENT  1.0
#define MOST_SPREAD    3.0  /* of an exponent's 90% */
#define MOST_BEYOND    10.0 /* times the largest run: laws are made to reach beyond their points */
#define MOST_RATIO     3.0  /* the same of tokens per parameter */

/* ---- the law ----------------------------------------------------------------------------------*/

/* The largest of the shares of the loss by which a term of the law changes between the points. */
static double change_of(const lm_scaling_evidence *e, double factor, double exponent, bool size) {
    double least = INFINITY, most = -INFINITY, loss = INFINITY;
    for (int64_t i = 0; i < e->n; i++) {
        const lm_scaling_point *p = &e->points[i];
        double term = factor * pow(size ? p->parameters : p->tokens, -exponent);
        least = fmin(least, term);
        most = fmax(most, term);
        loss = fmin(loss, p->loss);
    }
    return (most - least) / loss;
}

/* The largest share that E has of a loss. */
static double share_of_e(const lm_scaling_evidence *e) {
    double share = 0;
    for (int64_t i = 0; i < e->n; i++) share = fmax(share, e->law->e / e->points[i].loss);
    return share;
}

static void doubt_exponent(const char *name, double x, const double ends[2], lm_text *out) {
    if (x < LEAST_EXPONENT || x > MOST_EXPONENT)
        lm_text_say(out, "%s is %.3g: laws of language models have %g to %g\n", name, x,
                    LEAST_EXPONENT, MOST_EXPONENT);
    if (ends[0] <= 0 || ends[1] > MOST_SPREAD * ends[0]) /* NaN: neither */
        lm_text_say(out, "bootstrap fits have %s from %.3g to %.3g: the runs do not settle it\n",
                    name, ends[0], ends[1]);
}

void lm_scaling_doubt_law(const lm_scaling_evidence *e, lm_text *out) {
    const lm_scaling_law *l = e->law;
    const int figures = e->repeats ? 7 : 5;
    if (e->n < 2 * figures)
        lm_text_say(out, "%lld points are few for a law of %d figures, which fits almost any\n",
                    (long long)e->n, figures);
    if (!(change_of(e, l->a, l->alpha, true) >= LEAST_CHANGE))
        lm_text_say(out,
                    "size changes the loss of these runs by less than %g%%: A and alpha are not"
                    " settled\n",
                    100 * LEAST_CHANGE);
    if (!(change_of(e, l->b, l->beta, false) >= LEAST_CHANGE))
        lm_text_say(out,
                    "tokens change the loss of these runs by less than %g%%: B and beta are not"
                    " settled\n",
                    100 * LEAST_CHANGE);
    if (!(share_of_e(e) >= LEAST_E))
        lm_text_say(out,
                    "E is less than %g%% of each loss: these runs are too small or too short to"
                    " show where losses end\n",
                    100 * LEAST_E);
    doubt_exponent("alpha", l->alpha, e->alpha_90, out);
    doubt_exponent("beta", l->beta, e->beta_90, out);
}

/* ---- a budget ---------------------------------------------------------------------------------*/

typedef struct range {
    double least, most;
} range;

static void take(range *r, double x) {
    r->least = fmin(r->least, x);
    r->most = fmax(r->most, x);
}

/* "14.1 G", "0.0031" */
static const char *show(char out[32], double x) {
    if (x >= 1000) return lm_text_count(out, 32, x);
    snprintf(out, 32, "%.3g", x);
    return out;
}

/* Appends "14.1 G parameters (runs: 1.2 k to 50 k)" to a list when x is more than `factor` beyond
 * the range. */
static void put_beyond(const char *what, double x, range r, double factor, lm_text *list) {
    char found[32], least[32], most[32];
    if (x <= factor * r.most && x >= r.least / factor) return;
    lm_text_say(list, "%s%s %s (runs: %s to %s)", list->length > 0 ? ", " : "", show(found, x),
                what, show(least, r.least), show(most, r.most));
}

void lm_scaling_doubt_best(const lm_scaling_evidence *e, double parameters, double tokens,
                           const double parameters_90[2], lm_text *out) {
    range sizes = {INFINITY, 0}, lengths = sizes, ratios = sizes;
    lm_text beyond = {0};
    char least[32], most[32];
    if (isnan(parameters)) {
        lm_text_say(out, "alpha is %.3g and beta %.3g: a law with a best size has both above 0\n",
                    e->law->alpha, e->law->beta);
        return;
    }
    for (int64_t i = 0; i < e->n; i++) {
        const lm_scaling_point *p = &e->points[i];
        take(&sizes, p->parameters);
        take(&lengths, p->tokens);
        take(&ratios, p->tokens / p->parameters);
    }
    put_beyond("parameters", parameters, sizes, MOST_BEYOND, &beyond);
    put_beyond("tokens", tokens, lengths, MOST_BEYOND, &beyond);
    put_beyond("tokens per parameter", tokens / parameters, ratios, MOST_RATIO, &beyond);
    if (beyond.length > 0) lm_text_say(out, "far outside of the runs: %s\n", lm_text_cstr(&beyond));
    if (parameters_90[0] <= 0 || parameters_90[1] > MOST_BEYOND * parameters_90[0])
        lm_text_say(out,
                    "bootstrap fits have best sizes from %s to %s: the runs do not settle it\n",
                    show(least, parameters_90[0]), show(most, parameters_90[1]));
    out->failed |= beyond.failed;
    lm_text_free(&beyond);
}
