/* What each key does to the loss: rank correlation and marginal means. */
#include <math.h>
#include <stdlib.h>

#include "sweep/leaderboard.h"

enum { BINS = 4 }; /* of a range: quarters of the settings */

typedef struct point {
    lm_value value;
    double loss; /* +infinity: it diverged */
    double rank_of_value, rank_of_loss;
} point;

/* A process that failed says nothing of its setting's values. */
static bool has_failed(const lm_sweep *s, const lm_journals *j, int64_t setting) {
    bool failed = false;
    for (int64_t k = 0; k < s->options.n_seeds; k++)
        failed |=
            lm_journals_result(j, setting * s->options.n_seeds + k, 0)->state == LM_TASK_FAILED;
    return failed;
}

/* Settings that give dimension i, with a result at the end of rung 0. */
static int64_t collect(const lm_sweep *s, const lm_journals *j, int i, point *out) {
    int64_t n = 0;
    for (int64_t setting = s->first_point; setting < s->first_point + s->n_drawn; setting++) {
        lm_value v = lm_sweep_values(s, setting)[i];
        double loss = lm_plan_mean(s, j, setting, 0);
        if (v.kind == LM_VALUE_NONE || isnan(loss) || has_failed(s, j, setting)) continue;
        out[n++] = (point){.value = v, .loss = loss};
    }
    return n;
}

static int by_loss(const void *a, const void *b) {
    double x = ((const point *)a)->loss, y = ((const point *)b)->loss;
    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b) {
    double x = ((const point *)a)->value.number, y = ((const point *)b)->value.number;
    return (x > y) - (x < y);
}

/* Mean ranks of equal ones; p is sorted by what is ranked. */
static void rank(point *p, int64_t n, bool loss) {
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n; end++)
            if (loss ? p[end].loss != p[i].loss : p[end].value.number != p[i].value.number) break;
        for (int64_t k = i; k < end; k++)
            *(loss ? &p[k].rank_of_loss : &p[k].rank_of_value) = 0.5 * (double)(i + end - 1);
    }
}

/* Pearson's correlation of the ranks; NaN: one of them does not vary. */
static double correlate(const point *p, int64_t n) {
    double middle = 0.5 * (double)(n - 1), xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = p[i].rank_of_value - middle, y = p[i].rank_of_loss - middle;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}

/* The root of the share of the variance of the losses' ranks that lies between values; NaN: there
 * is one value, or one rank. */
static double correlation_ratio(const point *p, int64_t n) {
    double middle = 0.5 * (double)(n - 1), all = 0, between = 0;
    int64_t values = 0;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0, count = 0;
        bool first = true;
        for (int64_t k = 0; k < n; k++) {
            if (!lm_value_same(&p[i].value, &p[k].value)) continue;
            first &= k >= i;
            sum += p[k].rank_of_loss - middle;
            count++;
        }
        all += (p[i].rank_of_loss - middle) * (p[i].rank_of_loss - middle);
        if (first) between += sum * sum / count;
        values += first;
    }
    return all > 0 && values > 1 ? sqrt(between / all) : (double)NAN;
}

typedef struct effect {
    bool numbers;
    double correlation, importance; /* NaN: not known */
} effect;

/* Sorts p by value when those are numbers. */
static effect measure(point *p, int64_t n) {
    effect e = {.numbers = true, .correlation = NAN, .importance = NAN};
    for (int64_t i = 0; i < n; i++) e.numbers &= p[i].value.kind == LM_VALUE_NUMBER;
    qsort(p, (size_t)n, sizeof *p, by_loss);
    rank(p, n, true);
    if (e.numbers) {
        qsort(p, (size_t)n, sizeof *p, by_value);
        rank(p, n, false);
        e.correlation = correlate(p, n);
        e.importance = fabs(e.correlation);
    } else {
        e.importance = correlation_ratio(p, n);
    }
    return e;
}

/* ---- marginal means ---------------------------------------------------------------------------*/

static void write_mean(const point *p, int64_t n, lm_json_writer *w) {
    double sum = 0;
    int64_t diverged = 0;
    for (int64_t i = 0; i < n; i++) {
        diverged += isinf(p[i].loss) != 0;
        if (!isinf(p[i].loss)) sum += p[i].loss;
    }
    lm_json_integer(w, "settings", n);
    if (diverged > 0) lm_json_integer(w, "diverged", diverged);
    lm_json_number(w, "mean", n > diverged ? sum / (double)(n - diverged) : (double)NAN);
}

static void write_ranges(const point *p, int64_t n, lm_json_writer *w) {
    for (int64_t b = 0; b < BINS; b++) {
        int64_t from = n * b / BINS, to = n * (b + 1) / BINS;
        if (to == from) continue;
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_number(w, "low", p[from].value.number);
        lm_json_number(w, "high", p[to - 1].value.number);
        write_mean(p + from, to - from, w);
        lm_json_end(w);
    }
}

/* Each value once, in the order of `p`. */
static void write_values(const point *p, int64_t n, point *room, lm_json_writer *w) {
    for (int64_t i = 0; i < n; i++) {
        int64_t same = 0;
        bool first = true;
        for (int64_t k = 0; k < n; k++) {
            if (!lm_value_same(&p[i].value, &p[k].value)) continue;
            first &= k >= i;
            room[same++] = p[k];
        }
        if (!first) continue;
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_value_write(&p[i].value, w, "value");
        write_mean(room, same, w);
        lm_json_end(w);
    }
}

void lm_importance_write(const lm_sweep *s, const lm_journals *j, lm_text *out) {
    lm_json_writer w = {.out = out};
    point *p = calloc(2 * (size_t)s->n_drawn + 1, sizeof *p);
    out->failed |= !p;
    lm_json_array(&w, NULL, LM_JSON_LINES);
    for (int i = 0; p && i < s->space.n_dimensions; i++) {
        const lm_dimension *d = &s->space.dimensions[i];
        int64_t n = collect(s, j, i, p);
        effect e = measure(p, n);
        bool range = d->kind == LM_DIMENSION_UNIFORM || d->kind == LM_DIMENSION_LOG_UNIFORM ||
                     (d->kind == LM_DIMENSION_EXPRESSION && e.numbers) ||
                     lm_dimension_count(d) > 16;
        lm_json_object(&w, NULL, LM_JSON_LINES);
        lm_json_string(&w, "key", d->path);
        lm_json_integer(&w, "settings", n);
        lm_json_number(&w, "rank_correlation", e.correlation);
        lm_json_number(&w, "importance", e.importance);
        lm_json_array(&w, "marginals", LM_JSON_LINES);
        if (range && e.numbers)
            write_ranges(p, n, &w);
        else
            write_values(p, n, p + s->n_drawn, &w);
        lm_json_end(&w);
        lm_json_end(&w);
    }
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
    free(p);
}

void lm_importance_print(const lm_sweep *s, const lm_journals *j, lm_text *out) {
    point *p = calloc((size_t)s->n_drawn + 1, sizeof *p);
    for (int i = 0; p && i < s->space.n_dimensions; i++) {
        int64_t n = collect(s, j, i, p);
        effect e = measure(p, n);
        if (!isfinite(e.importance)) continue;
        lm_text_printf(out, "%-28s importance %.2f", s->space.dimensions[i].path, e.importance);
        if (e.numbers && fabs(e.correlation) >= 0.005) /* of 0.00 it is neither */
            lm_text_printf(out, ", the loss %s with it", e.correlation > 0 ? "rises" : "falls");
        lm_text_append(out, "\n", 1);
    }
    free(p);
}
