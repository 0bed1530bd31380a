#include "view/picture.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "report/line.h"

enum { MOST_COLUMNS = 400, MOST_CURVES = 26, AXIS = 10, LEAST_PLOT = 6, NAME_COLUMNS = 24 };

/* ---- lines that fit ---------------------------------------------------------------------------*/

/* Appends text of which `columns` characters are shown at most; returns how many are. */
static int put_shown(const char *text, int columns, lm_text *out) {
    int shown = 0;
    for (const char *at = text; *at;) {
        if (*at == '\033') { /* our own: from outside there are none left */
            size_t n = strcspn(at, "m") + 1;
            lm_text_append(out, at, n);
            at += n;
            continue;
        }
        size_t n = lm_text_utf8_length(at, strlen(at));
        if (n == 0) n = 1;
        if (shown < columns) lm_text_append(out, at, n);
        shown += shown < columns;
        at += n;
    }
    return shown;
}

/* A line of at most look->columns characters. */
static void put_line(const lm_look *look, const lm_text *line, lm_text *out) {
    put_shown(lm_text_cstr(line), look->columns, out);
    lm_text_append(out, "\n", 1);
    out->failed |= line->failed;
}

/* A name from outside, in so many columns, filled up or cut. */
static void put_name(const char *name, int columns, lm_text *out) {
    lm_text shown = {0};
    lm_text_say(&shown, "%s", name);
    int n = put_shown(lm_text_cstr(&shown), columns, out);
    for (; n < columns; n++) lm_text_append(out, " ", 1);
    out->failed |= shown.failed;
    lm_text_free(&shown);
}

static void put_bold(const lm_look *look, bool on, lm_text *out) {
    if (look->colour) lm_text_printf(out, on ? "\033[1m" : "\033[0m");
}

/* ---- what is said of a run --------------------------------------------------------------------*/

static double steps_of(const lm_view_run *r) {
    double steps = lm_view_number(&r->config, "train.steps");
    return isfinite(steps) ? steps : lm_view_number(&r->summary, "steps");
}

/* By the speed of the last steps; NaN: not known. */
static double seconds_left(const lm_view_run *r) {
    if (r->n_anchors < 2 || !(steps_of(r) > 0)) return NAN;
    const lm_view_anchor *from =
        &r->anchors[lm_max(0, r->n_anchors - 1 - lm_max(8, r->n_anchors / 10))];
    double steps = (double)(r->step - from->step), seconds = r->seconds - from->seconds;
    if (!(steps > 0 && seconds >= 0)) return NAN;
    return seconds / steps * fmax(0, steps_of(r) - (double)r->step);
}

static double last_of(const lm_view_run *r, const char *name) {
    const lm_series *s = lm_view_run_series(r, name);
    return s && s->count > 0 ? s->last : (double)NAN;
}

/* The mean of the last steps. */
static double loss_of(const lm_view_run *r) {
    const lm_series *s = lm_view_run_series(r, "loss");
    double sum = 0;
    int64_t n = 0;
    if (!s || s->count == 0) return NAN;
    for (int64_t i = s->count - 1; i >= 0 && i >= s->count - lm_max(1, s->count / 50); i--) {
        sum += s->buckets[i].sum;
        n += s->buckets[i].n;
    }
    return sum / (double)n;
}

static double rank_of(const lm_view_run *r) {
    const lm_series *val = lm_view_run_series(r, "val_loss");
    double x = val && val->count > 0 ? val->best : loss_of(r);
    return isfinite(x) ? x : INFINITY;
}

static void put_state(const lm_view_run *r, const lm_look *look, lm_text *out) {
    const char *state = lm_view_run_state(r);
    const bool bad = lm_view_run_ended_badly(r);
    if (look->colour && (bad || r->running)) lm_text_printf(out, bad ? "\033[31m" : "\033[32m");
    put_name(state, 11, out);
    if (look->colour && (bad || r->running)) lm_text_printf(out, "\033[0m");
}

static void put_percent(const lm_view_run *r, lm_text *out) {
    double steps = steps_of(r);
    if (steps > 0)
        lm_text_printf(out, "%3.0f%%", floor(100 * fmin(1, (double)r->step / steps)));
    else
        lm_text_printf(out, "    ");
}

static void put_guards(const lm_view_run *r, lm_text *line) {
    const int64_t skips = lm_view_run_count(r, "skips"), rewinds = lm_view_run_count(r, "rewinds");
    if (skips > 0) lm_text_printf(line, "  %" PRId64 " skipped", skips);
    if (rewinds > 0) lm_text_printf(line, "  went back %" PRId64 "x", rewinds);
}

static void put_one(const lm_view_run *r, const lm_look *look, lm_text *out) {
    char a[48], b[48];
    lm_text line = {0};
    const lm_series *val = lm_view_run_series(r, "val_loss");
    double steps = steps_of(r), speed = last_of(r, "tokens_per_s");
    double peak = lm_view_number(&r->summary, "plan.peak_flops");
    double flops = lm_view_number(&r->summary, "plan.flops_per_token");
    put_bold(look, true, &line);
    put_name(r->name, (int)lm_min((int64_t)strlen(r->name), look->columns / 2), &line);
    put_bold(look, false, &line);
    lm_text_printf(&line, "  ");
    put_state(r, look, &line);
    put_percent(r, &line);
    lm_text_printf(&line, "  step %" PRId64, r->step);
    if (steps > 0) lm_text_printf(&line, " of %.0f", steps);
    lm_text_printf(&line, "  %s", lm_line_duration(a, sizeof a, r->seconds));
    if (r->running)
        lm_text_printf(&line, ", %s left", lm_line_duration(b, sizeof b, seconds_left(r)));
    put_line(look, &line, out);
    line.length = 0;
    put_bold(look, true, &line);
    if (isnan(loss_of(r)))
        lm_text_printf(&line, "no loss yet");
    else
        lm_text_printf(&line, "loss %.4f", loss_of(r));
    if (val && val->count > 0) lm_text_printf(&line, "  val %.4f", val->last);
    put_bold(look, false, &line);
    if (val && val->count > 0)
        lm_text_printf(&line, "  best %.4f at %" PRId64, val->best, val->best_at);
    if (speed > 0) lm_text_printf(&line, "  %s tok/s", lm_text_count(a, sizeof a, speed));
    if (speed > 0 && peak > 0 && flops > 0)
        lm_text_printf(&line, ", %.0f%% of peak", 100 * speed * flops / peak);
    put_guards(r, &line);
    put_line(look, &line, out);
    lm_text_free(&line);
}

/* ---- curves -----------------------------------------------------------------------------------*/

typedef struct plot {
    lm_braille b;
    double x0, x1, y0, y1; /* of the data */
} plot;

/* The mean of a part; its place is its middle. */
static double part_mean(const lm_bucket *b) {
    return b->sum / (double)b->n;
}

static int64_t parts_of(const lm_series *s, int columns) {
    return lm_min(s->count, columns);
}

static void widen(plot *p, const lm_series *s, int columns) {
    int64_t parts = s ? parts_of(s, columns) : 0;
    for (int64_t i = 0; i < parts; i++) {
        lm_bucket b = lm_series_part(s, i, parts);
        double y = part_mean(&b);
        if (!isfinite(y)) continue;
        p->x0 = fmin(p->x0, (double)b.first);
        p->x1 = fmax(p->x1, (double)b.last);
        p->y0 = fmin(p->y0, y);
        p->y1 = fmax(p->y1, y);
    }
}

static int dot_x(const plot *p, double x) {
    return p->x1 > p->x0 ? (int)((x - p->x0) / (p->x1 - p->x0) * (2 * p->b.columns - 1)) : 0;
}

/* A little outside of the picture at most. */
static int dot_y(const plot *p, double y) {
    int last = 4 * p->b.rows - 1;
    if (!(p->y1 > p->y0)) return last / 2;
    return (int)fmax(-2, fmin(last + 2, (p->y1 - y) / (p->y1 - p->y0) * last + 0.5));
}

static void draw(plot *p, const lm_series *s, int colour) {
    int64_t parts = s ? parts_of(s, p->b.columns) : 0;
    int x = 0, y = 0;
    for (int64_t i = 0, n = 0; i < parts; i++) {
        lm_bucket b = lm_series_part(s, i, parts);
        double mean = part_mean(&b);
        if (!isfinite(mean)) continue;
        int to_x = dot_x(p, (double)b.first / 2 + (double)b.last / 2), to_y = dot_y(p, mean);
        lm_braille_line(&p->b, colour, n ? x : to_x, n ? y : to_y, to_x, to_y);
        x = to_x;
        y = to_y;
        n++;
    }
}

static void put_axis(const plot *p, const lm_look *look, lm_text *out) {
    const char *bar = look->ascii ? "|" : "│", *tick = look->ascii ? "+" : "┤";
    for (int row = 0; row < p->b.rows; row++) {
        double share = p->b.rows > 1 ? (double)row / (p->b.rows - 1) : 0;
        bool marked = row == 0 || row == p->b.rows - 1 || (p->b.rows > 8 && row == p->b.rows / 2);
        if (marked)
            lm_text_printf(out, "%*.4g %s", AXIS - 2, p->y1 + share * (p->y0 - p->y1), tick);
        else
            lm_text_printf(out, "%*s %s", AXIS - 2, "", bar);
        lm_braille_row(&p->b, row, look, out);
        lm_text_append(out, "\n", 1);
    }
}

/* A loss that diverges leaves the picture: it must not press the others flat. */
static double highest_start(const lm_view_run *const *runs, int n) {
    double most = -INFINITY;
    for (int i = 0; i < n; i++) {
        const lm_series *s = lm_view_run_series(runs[i], "loss");
        if (!s) s = lm_view_run_series(runs[i], "val_loss");
        if (s && s->count > 0) most = fmax(most, 1.25 * fabs(part_mean(&s->buckets[0])));
    }
    return isfinite(most) ? most : INFINITY;
}

/* Losses of runs [n] that are shown, in `rows` rows of characters and one for the steps. */
static void put_plot(const lm_view_run *const *runs, int n, const lm_look *look, int rows,
                     lm_text *out) {
    char first[32], last[32];
    plot p = {.x0 = INFINITY, .x1 = -INFINITY, .y0 = INFINITY, .y1 = -INFINITY};
    int columns = (int)lm_min(lm_max(look->columns - AXIS - 1, 1), MOST_COLUMNS);
    for (int i = 0; i < n; i++) {
        widen(&p, lm_view_run_series(runs[i], n > 1 ? "val_loss" : "loss"), columns);
        widen(&p, lm_view_run_series(runs[i], n > 1 ? "loss" : "val_loss"), columns);
    }
    p.y1 = fmin(p.y1, highest_start(runs, n));
    if (!(p.x1 >= p.x0) || !lm_braille_begin(&p.b, columns, rows)) {
        lm_braille_free(&p.b);
        return;
    }
    for (int i = n - 1; i >= 0; i--) {
        draw(&p, lm_view_run_series(runs[i], "loss"), i);
        if (n == 1) draw(&p, lm_view_run_series(runs[i], "val_loss"), 1);
    }
    put_axis(&p, look, out);
    lm_text line = {0};
    snprintf(first, sizeof first, "%.0f", p.x0);
    int end = snprintf(last, sizeof last, "%.0f", p.x1);
    lm_text_printf(&line, "%*s%-*s%s", AXIS, "", (int)lm_max(1, columns - end), first, last);
    put_line(look, &line, out);
    if (n == 1) {
        line.length = 0;
        lm_text_printf(&line, "%*s", AXIS, "");
        lm_braille_colour(0, look, &line);
        lm_text_printf(&line, "training loss");
        if (lm_view_run_series(runs[0], "val_loss")) {
            lm_braille_colour(1, look, &line);
            lm_text_printf(&line, "   validation loss");
        }
        lm_braille_colour(-1, look, &line);
        put_line(look, &line, out);
    }
    lm_text_free(&line);
    lm_braille_free(&p.b);
}

/* ---- several runs -----------------------------------------------------------------------------*/

/* Validation losses stand before those of training alone, and losses before a divergence last. */
static int place_of(const lm_view_run *r) {
    const lm_series *val = lm_view_run_series(r, "val_loss");
    int evaluated = val && val->count > 0 && isfinite(val->best);
    return (r->running ? 0 : lm_view_run_ended_badly(r) ? 4 : 2) + !evaluated;
}

static int compare_runs(const void *a, const void *b) {
    const lm_view_run *x = *(const lm_view_run *const *)a, *y = *(const lm_view_run *const *)b;
    if (place_of(x) != place_of(y)) return place_of(x) - place_of(y);
    double p = rank_of(x), q = rank_of(y);
    return p < q ? -1 : p > q ? 1 : x < y ? -1 : x > y;
}

static void put_figure(double x, lm_text *out) {
    if (isfinite(x))
        lm_text_printf(out, fabs(x) < 1000 ? "%9.4f" : "%9.3g", x);
    else
        lm_text_printf(out, "%9s", "");
}

static void put_row(const lm_view_run *r, int i, const lm_look *look, lm_text *out) {
    char a[48];
    lm_text line = {0};
    const lm_series *val = lm_view_run_series(r, "val_loss");
    lm_braille_colour(i, look, &line);
    lm_text_printf(&line, "%s ", look->ascii ? "#" : "━━");
    lm_braille_colour(-1, look, &line);
    put_name(r->name, (int)lm_min(NAME_COLUMNS, lm_max(8, look->columns / 4)), &line);
    lm_text_printf(&line, " ");
    put_state(r, look, &line);
    put_percent(r, &line);
    put_figure(loss_of(r), &line);
    put_figure(val && val->count > 0 ? val->last : (double)NAN, &line);
    put_figure(val && val->count > 0 ? val->best : (double)NAN, &line);
    if (r->running)
        lm_text_printf(&line, "  %7s left", lm_line_duration(a, sizeof a, seconds_left(r)));
    put_line(look, &line, out);
    lm_text_free(&line);
}

static void put_head(const lm_look *look, lm_text *out) {
    lm_text line = {0};
    int name = (int)lm_min(NAME_COLUMNS, lm_max(8, look->columns / 4));
    lm_text_printf(&line, "%s%-*s %-11s done%9s%9s%9s", look->ascii ? "  " : "   ", name, "run",
                   "state", "loss", "val", "best");
    put_line(look, &line, out);
    lm_text_free(&line);
}

static void put_several(const lm_view_run **sorted, int64_t n, const lm_look *look, lm_text *out) {
    int64_t rows = lm_min(n, lm_max(1, lm_min(MOST_CURVES, look->rows / 2 - 2)));
    put_head(look, out);
    for (int64_t i = 0; i < rows; i++) put_row(sorted[i], (int)i, look, out);
    if (rows < n) lm_text_printf(out, "and %" PRId64 " more\n", n - rows);
    int left = look->rows - (int)rows - 4;
    if (left >= LEAST_PLOT)
        put_plot(sorted, (int)lm_min(rows, LM_BRAILLE_COLOURS), look, left, out);
}

void lm_picture_print(const lm_view_run *runs, int64_t n, const lm_look *look, lm_text *out) {
    const lm_view_run **sorted = calloc((size_t)n + 1, sizeof *sorted);
    out->failed |= !sorted;
    for (int64_t i = 0; sorted && i < n; i++) sorted[i] = &runs[i];
    if (sorted && n == 1) {
        put_one(runs, look, out);
        if (look->rows >= 5 + LEAST_PLOT) put_plot(sorted, 1, look, look->rows - 5, out);
    } else if (sorted && n > 1) {
        qsort(sorted, (size_t)n, sizeof *sorted, compare_runs);
        put_several(sorted, n, look, out);
    }
    free(sorted);
}
