#include "view/chart.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "view/escape.h"

/* In units of the picture: pixels when it is as wide as it says. */
enum { WIDTH = 540, WIDE = 1080, HEIGHT = 230, HIGH = 340 };
enum { LEFT = 52, TOP = 12, BOTTOM = 40, LABEL_HEIGHT = 15, LONGEST_LABEL = 14 };
enum { MOST_EVENTS = 40 }; /* beyond, their lines would hide the figures */
enum { MOST_POINTS = 600, MOST_LABELS = 8, MOST_MARKS = 80 };

/* As the script has them. */
static const char *const dashes[LM_CHART_DASHES] = {"",    "7 4",  "2 4", "10 4 2 4",
                                                    "4 3", "12 3", "1 4", "8 3 1 3 1 3"};

typedef struct frame {
    double x0, x1, y0, y1; /* of the data */
    double right, bottom;  /* of the picture */
} frame;

static double to_x(const frame *f, double x) {
    return LEFT + (x - f->x0) / (f->x1 - f->x0) * (f->right - LEFT);
}

static double to_y(const frame *f, double y) {
    return f->bottom - (y - f->y0) / (f->y1 - f->y0) * (f->bottom - TOP);
}

/* Everything fits, and a single value stands in the middle. */
static bool find_frame(frame *f, const lm_chart *c) {
    *f = (frame){INFINITY, -INFINITY, INFINITY, -INFINITY, 0, 0};
    for (int64_t i = 0; i < c->count; i++) {
        const lm_series *s = c->lines[i].series;
        for (int64_t k = 0; k < s->count; k++) {
            f->x0 = fmin(f->x0, (double)s->buckets[k].first);
            f->x1 = fmax(f->x1, (double)s->buckets[k].last);
            f->y0 = fmin(f->y0, s->buckets[k].min);
            f->y1 = fmax(f->y1, s->buckets[k].max);
        }
    }
    if (!(f->x1 >= f->x0)) return false;
    if (f->x1 == f->x0) {
        f->x0 -= 0.5;
        f->x1 += 0.5;
    }
    double pad = (f->y1 - f->y0) * 0.06;
    if (!(pad > 0)) pad = f->y1 != 0 ? fabs(f->y1) * 0.1 : 1;
    f->y0 = c->zero || (f->y0 >= 0 && f->y0 < pad) ? 0 : f->y0 - pad;
    f->y1 += pad;
    if (!(f->y1 > f->y0)) f->y1 = f->y0 + 1;
    f->right = (c->wide ? WIDE : WIDTH) - (c->wide ? 128 : 84);
    f->bottom = (c->wide ? HIGH : HEIGHT) - BOTTOM;
    return isfinite(f->y1 - f->y0);
}

/* The step between ticks: 1, 2 or 5 times a power of ten, `most` of which cover the range. */
static double tick_step(double range, int most) {
    double raw = range / most, power = pow(10, floor(log10(raw)));
    for (int i = 0; i < 3; i++) {
        double step = (double[]){1, 2, 5}[i] * power;
        if (step >= raw * 0.999) return step;
    }
    return 10 * power;
}

void lm_chart_number(double x, lm_text *out) {
    char text[48];
    double size = fabs(x);
    if (x == 0 || !isfinite(x))
        lm_text_printf(out, "%g", x);
    else if (size >= 1e4)
        lm_text_printf(out, "%s", lm_text_count(text, sizeof text, x));
    else if (size < 1e-3)
        lm_text_printf(out, "%.3g", x);
    else
        lm_text_printf(out, size >= 1000 ? "%.0f" : "%.4g", x);
}

static void put_tick(double x, double y, const char *anchor, double value, lm_text *out) {
    lm_text_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    lm_chart_number(value, out);
    lm_text_printf(out, "</text>");
}

static void put_axes(const frame *f, lm_text *out) {
    double step = tick_step(f->y1 - f->y0, (int)((f->bottom - TOP) / 52));
    for (double i = ceil(f->y0 / step - 1e-9); i * step <= f->y1 + step * 1e-9; i++) {
        double y = to_y(f, i * step);
        lm_text_printf(out,
                       "<line class=\"gridline\" x1=\"%d\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                       LEFT, f->right, y, y);
        put_tick(LEFT - 8, y + 4, "end", i * step, out);
    }
    lm_text_printf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%.0f\" y1=\"%.0f\" y2=\"%.0f\"/>",
                   LEFT, f->right, f->bottom, f->bottom);
    step = fmax(1, tick_step(f->x1 - f->x0, (int)(f->right / 110)));
    for (double i = ceil(f->x0 / step - 1e-9); i * step <= f->x1 + step * 1e-9; i++)
        put_tick(to_x(f, i * step), f->bottom + 18, "middle", i * step, out);
    lm_text_printf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">step</text>", f->right,
                   f->bottom + 35);
}

static void put_point(const frame *f, bool first, int64_t step, double y, lm_text *out) {
    lm_text_printf(out, "%s%.1f %.1f", first ? "M" : "L", to_x(f, (double)step), to_y(f, y));
}

/* The least and the greatest value of each bucket, in the order of their steps. */
static void put_path(const frame *f, const lm_chart_line *l, lm_text *out) {
    int64_t parts = lm_min(l->series->count, MOST_POINTS);
    lm_text_printf(out, "<path class=\"line k%d%s\"", l->colour, l->marks ? "" : " alone");
    if (*dashes[l->dash]) lm_text_printf(out, " stroke-dasharray=\"%s\"", dashes[l->dash]);
    lm_text_printf(out, " d=\"");
    for (int64_t i = 0; i < parts; i++) {
        lm_bucket b = lm_series_part(l->series, i, parts);
        bool falls = b.max_at < b.min_at;
        put_point(f, i == 0, falls ? b.max_at : b.min_at, falls ? b.max : b.min, out);
        if (b.max_at != b.min_at)
            put_point(f, false, falls ? b.min_at : b.max_at, falls ? b.min : b.max, out);
    }
    lm_text_printf(out, "\"/>");
    if (!(l->marks || l->series->count == 1) || l->series->count > MOST_MARKS) return;
    for (int64_t i = 0; i < l->series->count; i++)
        lm_text_printf(out, "<circle class=\"dot f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"/>",
                       l->colour, to_x(f, (double)l->series->buckets[i].min_at),
                       to_y(f, l->series->buckets[i].min));
}

/* ---- steps that were not taken ----------------------------------------------------------------*/

/* Does line i come first of those of its run? */
static bool begins_run(const lm_chart *c, int64_t i) {
    for (int64_t k = 0; k < i; k++)
        if (c->lines[k].run == c->lines[i].run) return false;
    return true;
}

bool lm_chart_has_events(const lm_chart *c) {
    for (int64_t i = 0; i < c->count; i++)
        if (c->runs && c->runs[c->lines[i].run].n_events > 0) return true;
    return false;
}

/* Of one run red, or amber where it went back; of several, of the run's colour. */
static void put_event_class(const lm_chart *c, int64_t line, const lm_view_event *e, char kind,
                            lm_text *out) {
    if (c->several)
        lm_text_printf(out, " class=\"event %c%d\"", kind, c->lines[line].colour);
    else
        lm_text_printf(out, " class=\"event%s\"", e->back >= 0 ? " back" : "");
}

/* A triangle at the top; among few, a line below it. */
static void put_events(const frame *f, const lm_chart *c, lm_text *out) {
    for (int64_t i = 0; i < c->count; i++) {
        if (!c->runs || !begins_run(c, i)) continue;
        const lm_view_run *r = &c->runs[c->lines[i].run];
        for (int64_t k = 0; k < r->n_events; k++) {
            double step = (double)r->events[k].step, x = to_x(f, step);
            if (step < f->x0 || step > f->x1) continue;
            lm_text_printf(out, "<path d=\"M%.1f %dl8 0l-4 7z\"", x - 4, TOP - 7);
            put_event_class(c, i, &r->events[k], 'f', out);
            lm_text_printf(out, "/>");
            if (r->n_events > MOST_EVENTS) continue;
            lm_text_printf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.0f\"", x, x, TOP,
                           f->bottom);
            put_event_class(c, i, &r->events[k], 'k', out);
            lm_text_printf(out, "/>");
        }
    }
}

void lm_chart_event_swatch(bool several, lm_text *out) {
    lm_text_printf(out,
                   "<svg class=\"swatch\" viewBox=\"0 0 22 8\" aria-hidden=\"true\">"
                   "<path class=\"event%s\" d=\"M7 1l8 0l-4 7z\"/></svg>",
                   several ? " any" : "");
}

/* ---- the whole --------------------------------------------------------------------------------*/

/* At the ends of the lines, pushed apart so that each can be read. */
static void put_labels(const frame *f, const lm_chart *c, lm_text *out) {
    double at[MOST_LABELS], limit = f->bottom;
    int order[MOST_LABELS], n = (int)c->count;
    for (int i = 0; i < n; i++) {
        double y = to_y(f, c->lines[i].series->last);
        int k = i;
        for (; k > 0 && at[order[k - 1]] > y; k--) order[k] = order[k - 1];
        order[k] = i;
        at[i] = y;
    }
    for (int i = 1; i < n; i++) at[order[i]] = fmax(at[order[i]], at[order[i - 1]] + LABEL_HEIGHT);
    for (int i = n - 1; i >= 0; i--, limit -= LABEL_HEIGHT)
        at[order[i]] = fmin(at[order[i]], limit);
    for (int i = 0; i < n; i++) {
        const lm_chart_line *l = &c->lines[i];
        size_t most = c->wide ? LONGEST_LABEL : LONGEST_LABEL / 2, shown = strlen(l->label);
        while (shown > most || ((unsigned char)l->label[shown] & 0xC0) == 0x80) shown--;
        lm_text_printf(out, "<text class=\"label f%d\" x=\"%.0f\" y=\"%.1f\">", l->colour,
                       f->right + 9, at[i] + 4);
        lm_html_part(out, l->label, shown);
        if (shown > 0) lm_text_printf(out, " ");
        lm_chart_number(l->series->last, out);
        lm_text_printf(out, "</text>");
    }
}

void lm_chart_svg(const lm_chart *c, lm_text *out) {
    frame f;
    lm_text_printf(out, "<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
                   c->wide ? WIDE : WIDTH, c->wide ? HIGH : HEIGHT);
    lm_html_text(out, c->title);
    lm_text_printf(out, " over the steps\">");
    if (find_frame(&f, c)) {
        put_axes(&f, out);
        put_events(&f, c, out);
        for (int64_t i = 0; i < c->count; i++) put_path(&f, &c->lines[i], out);
        if (c->count <= MOST_LABELS) put_labels(&f, c, out);
    }
    lm_text_printf(out, "</svg>");
}

void lm_chart_swatch(int colour, int dash, lm_text *out) {
    lm_text_printf(out,
                   "<svg class=\"swatch\" viewBox=\"0 0 22 8\" aria-hidden=\"true\">"
                   "<line class=\"line k%d\" x1=\"1\" x2=\"21\" y1=\"4\" y2=\"4\""
                   " stroke-dasharray=\"%s\"/></svg>",
                   colour, dashes[dash]);
}
