#include "fit/scaling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 7, LAW = 5, STARTS = 24 };
static const double HUBER = 1e-3; /* Hoffmann et al. */

/* ---- the law ----------------------------------------------------------------------------------*/

/* All of it in logarithms: a = ln A, b = ln B, e = ln E, then alpha, beta, ln r_D, ln r_N. */
static double saturate(double base, double all, double r) {
    double repeats = fmax(all / base - 1, 0);
    return isinf(r) ? base * (1 + repeats) : base + base * r * -expm1(-repeats / r);
}

static double log_loss(const double x[MOST], int n_x, const lm_scaling_point *p) {
    double n = p->parameters, d = p->tokens, alpha = x[3], beta = x[4];
    if (n_x == MOST && p->unique > 0 && p->unique < d) {
        double g = (log(alpha) + x[0] - log(beta) - x[1]) / (alpha + beta);
        double optimal = exp((log(p->unique) + g) * beta / alpha + g);
        d = saturate(p->unique, d, exp(x[5]));
        n = saturate(fmin(n, optimal), n, exp(x[6]));
    }
    double of_n = x[0] - alpha * log(n), of_d = x[1] - beta * log(d), of_e = x[2];
    double most = fmax(of_e, fmax(of_n, of_d));
    return most + log(exp(of_n - most) + exp(of_d - most) + exp(of_e - most));
}

static double huber(double residual) {
    double size = fabs(residual);
    return size <= HUBER ? residual * residual / 2 : HUBER * (size - HUBER / 2);
}

typedef struct problem {
    const lm_scaling_point *points;
    int64_t n;
    int n_x;
} problem;

static double objective(const problem *p, const double x[MOST]) {
    double sum = 0;
    if (p->n_x == MOST && !(x[3] > 1e-4 && x[4] > 1e-4 && fabs(x[5]) < 12 && fabs(x[6]) < 12))
        return INFINITY;
    for (int64_t i = 0; i < p->n; i++)
        sum += huber(log_loss(x, p->n_x, &p->points[i]) - log(p->points[i].loss));
    return isnan(sum) ? INFINITY : sum;
}

static void gradient(const problem *p, const double x[MOST], double g[MOST]) {
    double y[MOST];
    memcpy(y, x, sizeof y);
    for (int i = 0; i < p->n_x; i++) {
        double step = 1e-6 * fmax(fabs(x[i]), 0.1);
        y[i] = x[i] + step;
        double above = objective(p, y);
        y[i] = x[i] - step;
        double below = objective(p, y);
        y[i] = x[i];
        g[i] = isfinite(above - below) ? (above - below) / (2 * step) : 0;
    }
}

/* ---- BFGS -------------------------------------------------------------------------------------*/

static double dot(const double *a, const double *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void set_identity(double h[MOST][MOST], double scale) {
    for (int i = 0; i < MOST; i++)
        for (int k = 0; k < MOST; k++) h[i][k] = i == k ? scale : 0;
}

/* The inverse of the second derivatives, after a step s that changed the gradient by y. */
static void update(double h[MOST][MOST], const double *s, const double *y, int n) {
    double hy[MOST], sy = dot(s, y, n);
    if (!(sy > 1e-300)) return;
    for (int i = 0; i < n; i++) hy[i] = dot(h[i], y, n);
    double scale = (1 + dot(y, hy, n) / sy) / sy;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            h[i][k] += scale * s[i] * s[k] - (hy[i] * s[k] + s[i] * hy[k]) / sy;
}

/* From x down to a local minimum; returns its value. */
static double descend(const problem *p, double x[MOST]) {
    double h[MOST][MOST], g[MOST], f = objective(p, x);
    int n = p->n_x, fresh = 1;
    gradient(p, x, g);
    set_identity(h, 1);
    for (int round = 0; round < 1000; round++) {
        double d[MOST], next[MOST] = {0}, g2[MOST], s[MOST], y[MOST], t = 1, f2 = INFINITY;
        for (int i = 0; i < n; i++) d[i] = -dot(h[i], g, n);
        double slope = dot(d, g, n);
        if (!(slope < 0)) {
            if (fresh) break;
            set_identity(h, 1);
            fresh = 1;
            continue;
        }
        double longest = 0;
        for (int i = 0; i < n; i++) longest = fmax(longest, fabs(d[i]));
        t = fmin(1, 2 / longest); /* logarithms and exponents: a step of 2 is far */
        for (; t > 1e-14; t /= 2) {
            for (int i = 0; i < n; i++) next[i] = x[i] + t * d[i];
            f2 = objective(p, next);
            if (f2 <= f + 1e-4 * t * slope) break;
        }
        if (!(f2 < f)) {
            if (fresh) break;
            set_identity(h, 1);
            fresh = 1;
            continue;
        }
        gradient(p, next, g2);
        for (int i = 0; i < n; i++) {
            s[i] = next[i] - x[i];
            y[i] = g2[i] - g[i];
        }
        update(h, s, y, n);
        fresh = 0;
        memcpy(x, next, sizeof(double) * (size_t)n);
        memcpy(g, g2, sizeof g);
        f = f2;
    }
    return f;
}

/* ---- fits -------------------------------------------------------------------------------------*/

static lm_scaling_law law_of(const problem *p, const double x[MOST], double f) {
    return (lm_scaling_law){.a = exp(x[0]),
                            .b = exp(x[1]),
                            .e = exp(x[2]),
                            .alpha = x[3],
                            .beta = x[4],
                            .repeat_d = p->n_x == MOST ? exp(x[5]) : INFINITY,
                            .repeat_n = p->n_x == MOST ? exp(x[6]) : INFINITY,
                            .objective = f / (double)p->n};
}

/* The best starts of the grid, best first; f: their objectives, +infinity at first. */
static void keep_start(double starts[STARTS][MOST], double f[STARTS], const double x[MOST],
                       double value) {
    int at = STARTS - 1;
    if (!(value < f[at])) return;
    for (; at > 0 && value < f[at - 1]; at--) {
        memcpy(starts[at], starts[at - 1], sizeof starts[at]);
        f[at] = f[at - 1];
    }
    memcpy(starts[at], x, sizeof starts[at]);
    f[at] = value;
}

/* Hoffmann's grid; an exponent of 0 is no start where both forms are to differ. */
static void find_starts(const problem *p, double starts[STARTS][MOST], double f[STARTS]) {
    static const double exponents[] = {0.1, 0.25, 0.5, 1, 1.5, 2};
    for (int s = 0; s < STARTS; s++) f[s] = INFINITY;
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 6; k++)
            for (int a = 0; a <= 25; a += 5)
                for (int b = 0; b <= 25; b += 5)
                    for (double e = -1; e <= 1; e += 0.5) {
                        double x[MOST] = {a, b, e, exponents[i], exponents[k], log(15), log(5)};
                        keep_start(starts, f, x, objective(p, x));
                    }
}

static lm_status check(const lm_scaling_point *points, int64_t n, bool repeats, lm_error *err) {
    bool sizes = false, lengths = false;
    int least = repeats ? MOST : LAW;
    for (int64_t i = 0; i < n; i++) {
        const lm_scaling_point *p = &points[i];
        if (!(p->parameters > 0 && p->tokens > 0 && p->loss > 0) ||
            !isfinite(p->parameters + p->tokens + p->loss) || !(p->unique >= 0))
            return lm_error_set(err, LM_ERR_USAGE,
                                "point %lld: expected parameters, tokens and loss above 0, found"
                                " %g, %g, %g",
                                (long long)i + 1, p->parameters, p->tokens, p->loss);
        sizes = sizes || p->parameters != points[0].parameters;
        lengths = lengths || p->tokens != points[0].tokens;
    }
    if (n < least)
        return lm_error_set(err, LM_ERR_USAGE,
                            "expected at least %d finished runs or points, found %lld", least,
                            (long long)n);
    if (sizes && lengths) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE, "expected runs of different %s, found one alone",
                        sizes ? "numbers of tokens" : "sizes");
}

lm_status lm_scaling_fit(const lm_scaling_point *points, int64_t n, bool repeats,
                         lm_scaling_law *law, lm_error *err) {
    problem p = {points, n, repeats ? MOST : LAW};
    double starts[STARTS][MOST], f[STARTS], best = INFINITY;
    lm_status status = check(points, n, repeats, err);
    if (status != LM_OK) return status;
    find_starts(&p, starts, f);
    for (int s = 0; s < STARTS && isfinite(f[s]); s++) {
        double value = descend(&p, starts[s]);
        if (!(value < best)) continue;
        best = value;
        *law = law_of(&p, starts[s], value);
    }
    if (isfinite(best)) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME, "no start of the fit has a finite objective");
}

void lm_scaling_refit(const lm_scaling_point *points, int64_t n, bool repeats,
                      const lm_scaling_law *start, lm_scaling_law *law) {
    problem p = {points, n, repeats ? MOST : LAW};
    double x[MOST] = {log(start->a), log(start->b), log(start->e), start->alpha, start->beta};
    if (repeats) {
        x[5] = log(start->repeat_d);
        x[6] = log(start->repeat_n);
    }
    double f = descend(&p, x);
    *law = law_of(&p, x, f);
}

/* ---- what follows from a law ------------------------------------------------------------------*/

double lm_scaling_loss(const lm_scaling_law *l, double parameters, double tokens, double unique) {
    const double x[MOST] = {log(l->a), log(l->b),        log(l->e),       l->alpha,
                            l->beta,   log(l->repeat_d), log(l->repeat_n)};
    const lm_scaling_point p = {parameters, tokens, 1, unique};
    return exp(log_loss(x, isinf(l->repeat_d) ? LAW : MOST, &p));
}

void lm_scaling_best(const lm_scaling_law *l, double flops, double *parameters, double *tokens) {
    double sum = l->alpha + l->beta, work = flops / 6;
    double g = pow(l->alpha * l->a / (l->beta * l->b), 1 / sum);
    *parameters = l->alpha > 0 && l->beta > 0 ? g * pow(work, l->beta / sum) : (double)NAN;
    *tokens = work / *parameters;
}

void lm_scaling_best_of(const lm_scaling_law *l, double flops, double unique, double *parameters,
                        double *tokens) {
    lm_scaling_best(l, flops, parameters, tokens);
    if (unique <= 0 || !(*tokens > unique) || isinf(l->repeat_d)) return;
    double best = INFINITY, centre = log(*parameters);
    for (int i = -4000; i <= 4000; i++) { /* of e^-8 to e^8 times the size, by 0.2% */
        double n = exp(centre + 0.002 * i), d = flops / 6 / n;
        double loss = lm_scaling_loss(l, n, d, unique);
        if (!(loss < best)) continue;
        best = loss;
        *parameters = n;
        *tokens = d;
    }
}
