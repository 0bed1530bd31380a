#include "view/powers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "view/escape.h"

/* Every file begins with it. */
static const char head[] = "<!-- by lmtrain -->\n";

enum {
    WIDTH = 640, /* of a panel */
    HEIGHT = 400,
    LEFT = 70,
    RIGHT = 190, /* room for labels */
    TOP = 40,
    BOTTOM = 45,
    LABEL = 15, /* from one label to the next */
    COLOURS = 8
};

static const char *const colours[COLOURS] = {"#2563eb", "#dc2626", "#16a34a", "#d97706",
                                             "#9333ea", "#0891b2", "#db2777", "#4b5563"};

/* Where a panel's values lie. */
typedef struct frame {
    double left, right, top, bottom; /* in the picture */
    double x0, x1, y0, y1;           /* logarithms */
} frame;

static double place_x(const frame *f, double x) {
    return f->left + (f->right - f->left) * (log(x) - f->x0) / (f->x1 - f->x0);
}
static double place_y(const frame *f, double y) {
    return f->bottom - (f->bottom - f->top) * (log(y) - f->y0) / (f->y1 - f->y0);
}

static frame find_frame(const lm_power_panel *p, int64_t number) {
    const double shift = (double)(number * WIDTH);
    frame f = {.left = shift + LEFT,
               .right = shift + WIDTH - RIGHT,
               .top = TOP,
               .bottom = HEIGHT - BOTTOM,
               .x0 = log(p->x[0]),
               .x1 = log(p->x[p->n - 1]),
               .y0 = INFINITY,
               .y1 = -INFINITY};
    for (int64_t k = 0; k < p->count; k++)
        for (int64_t i = 0; i < p->n; i++) {
            double y = p->lines[k].y[i];
            if (!(y > 0) || !isfinite(y)) continue;
            f.y0 = fmin(f.y0, log(y));
            f.y1 = fmax(f.y1, log(y));
        }
    if (!(f.y0 <= f.y1)) f.y0 = f.y1 = 0; /* nothing to draw */
    f.y0 = log(10) * floor(f.y0 / log(10));
    f.y1 = log(10) * fmax(ceil(f.y1 / log(10)), f.y0 / log(10) + 1); /* whole powers of ten */
    return f;
}

static void put_line(double x0, double y0, double x1, double y1, const char *colour, lm_text *out) {
    lm_text_printf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
                   x0, y0, x1, y1, colour);
}

static void put_axes(const frame *f, const lm_power_panel *p, lm_text *out) {
    lm_text_printf(out, "<text x=\"%.1f\" y=\"20\" font-weight=\"bold\">", f->left);
    lm_html_text(out, p->title);
    lm_text_printf(out, "</text>\n");
    for (double y = f->y0; y < f->y1 + 1e-9; y += log(10)) {
        double at = place_y(f, exp(y));
        put_line(f->left, at, f->right, at, "#ddd", out);
        lm_text_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n",
                       f->left - 6, at + 4, exp(y));
    }
    for (int64_t i = 0; i < p->n; i++) {
        double at = place_x(f, p->x[i]);
        put_line(at, f->top, at, f->bottom, "#ddd", out);
        lm_text_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.6g</text>\n", at,
                       f->bottom + 16, p->x[i]);
    }
    lm_text_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                   (f->left + f->right) / 2, f->bottom + 34);
    lm_html_text(out, p->unit);
    lm_text_printf(out, "</text>\n");
}

static void put_path(const frame *f, const lm_power_panel *p, int64_t k, lm_text *out) {
    const lm_power_line *l = &p->lines[k];
    const char *colour = colours[k % COLOURS];
    char step = 'M';
    lm_text_printf(out, "<path fill=\"none\" stroke-width=\"2\" stroke=\"%s\" d=\"", colour);
    for (int64_t i = 0; i < p->n; i++) {
        if (!(l->y[i] > 0) || !isfinite(l->y[i])) continue;
        lm_text_printf(out, "%c%.1f %.1f", step, place_x(f, p->x[i]), place_y(f, l->y[i]));
        step = 'L';
    }
    lm_text_printf(out, "\"/>\n");
    double at = f->top + (double)(k * LABEL);
    put_line(f->right + 12, at, f->right + 28, at, colour, out);
    lm_text_printf(out, "<text x=\"%.1f\" y=\"%.1f\">", f->right + 33, at + 4);
    lm_html_text(out, l->label);
    if (isfinite(l->slope)) lm_text_printf(out, " %+.2f", l->slope);
    lm_text_printf(out, "</text>\n");
}

void lm_powers_svg(const lm_power_panel *panels, int64_t n, lm_text *out) {
    lm_text_printf(out, "%s", head);
    lm_text_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %lld %d\""
                   " font-family=\"sans-serif\" font-size=\"12\">\n"
                   "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                   (long long)(n * WIDTH), HEIGHT);
    for (int64_t i = 0; i < n; i++) {
        frame f = find_frame(&panels[i], i);
        put_axes(&f, &panels[i], out);
        for (int64_t k = 0; k < panels[i].count; k++) put_path(&f, &panels[i], k, out);
    }
    lm_text_printf(out, "</svg>\n");
}

lm_status lm_powers_check(const char *path, lm_error *err) {
    char begin[sizeof head - 1];
    size_t n = 0;
    if (!lm_file_exists(path)) return LM_OK;
    FILE *file = lm_file_is_regular(path) ? fopen(path, "re") : NULL;
    if (file) {
        n = fread(begin, 1, sizeof begin, file);
        fclose(file);
    }
    if (n == sizeof begin && memcmp(begin, head, n) == 0) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: lmtrain did not write this file: it is not replaced by a picture",
                        path);
}
