#include "report/history.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "report/metrics.h"

/* ---- reading ----------------------------------------------------------------------------------*/

static lm_status add(lm_history_line *l, int64_t step, double loss, const char *path,
                     lm_error *err) {
    if (l->count == l->capacity) {
        int64_t capacity = lm_max(256, 2 * l->capacity);
        lm_history_point *grown = realloc(l->points, (size_t)capacity * sizeof *grown);
        if (!grown) return lm_error_no_memory(err, path);
        l->points = grown;
        l->capacity = capacity;
    }
    l->points[l->count++] = (lm_history_point){step, loss};
    return LM_OK;
}

lm_status lm_history_read(lm_history *h, const char *path, lm_error *err) {
    lm_mapping map;
    lm_status status = lm_file_map(&map, path, err);
    if (status != LM_OK) return status;
    const char *line = (const char *)map.data, *all_end = line + map.size, *end;
    int64_t number = 0;
    for (; line < all_end && (end = memchr(line, '\n', (size_t)(all_end - line))); line = end + 1) {
        size_t length = (size_t)(end - line);
        double step, loss;
        number++;
        if (!lm_metrics_figure(line, length, "step", &step) || !(step >= 0 && step < 1e15)) {
            if (h->unreadable++ == 0) h->first_unreadable = number;
            continue;
        }
        bool evaluation = lm_metrics_figure(line, length, "val_loss", &loss);
        if (!evaluation && !lm_metrics_figure(line, length, "loss", &loss)) continue;
        if (!isfinite(loss)) continue;
        status = add(evaluation ? &h->val : &h->train, (int64_t)step, loss, path, err);
        if (status != LM_OK) break;
    }
    lm_file_unmap(&map);
    return status;
}

void lm_history_free(lm_history *h) {
    free(h->train.points);
    free(h->val.points);
    *h = (lm_history){0};
}

/* ---- drawing ----------------------------------------------------------------------------------*/

enum { MOST_COLUMNS = 200, MOST_ROWS = 60, LEVELS = 2 }; /* levels: places within a character */

typedef struct grid {
    int columns, rows;
    int64_t first, last; /* steps */
    double low, high;    /* losses */
    char cells[MOST_ROWS][MOST_COLUMNS];
} grid;

static int column_of(const grid *g, int64_t step) {
    if (g->last == g->first) return 0;
    double share = (double)(step - g->first) / (double)(g->last - g->first);
    return (int)lm_min(g->columns - 1, (int64_t)(share * g->columns));
}

/* Counted in levels from the top. */
static int level_of(const grid *g, double loss) {
    int levels = g->rows * LEVELS;
    if (!(g->high > g->low)) return levels - 1;
    return (int)lm_min(levels - 1, (int64_t)((g->high - loss) / (g->high - g->low) * levels));
}

/* The mean training loss of each column; NaN: no step. */
static void column_means(const grid *g, const lm_history_line *l, double means[MOST_COLUMNS]) {
    int64_t counts[MOST_COLUMNS] = {0};
    for (int c = 0; c < g->columns; c++) means[c] = 0;
    for (int64_t i = 0; i < l->count; i++) {
        int c = column_of(g, l->points[i].step);
        means[c] += l->points[i].loss;
        counts[c]++;
    }
    for (int c = 0; c < g->columns; c++) means[c] = counts[c] ? means[c] / (double)counts[c] : NAN;
}

static void widen(grid *g, double loss) {
    if (isnan(loss)) return;
    g->low = fmin(g->low, loss);
    g->high = fmax(g->high, loss);
}

static void find_steps(grid *g, const lm_history_line *l) {
    for (int64_t i = 0; i < l->count; i++) {
        g->first = lm_min(g->first, l->points[i].step);
        g->last = lm_max(g->last, l->points[i].step);
    }
}

static void print_grid(const grid *g, bool val, lm_text *out) {
    for (int r = 0; r < g->rows; r++) {
        int end = g->columns;
        while (end > 0 && g->cells[r][end - 1] == ' ') end--;
        if (r == 0 || r == g->rows - 1)
            lm_text_printf(out, "%8.4g |%.*s\n", r == 0 ? g->high : g->low, end, g->cells[r]);
        else
            lm_text_printf(out, "         |%.*s\n", end, g->cells[r]);
    }
    char last[32];
    int n = snprintf(last, sizeof last, "%" PRId64, g->last);
    lm_text_printf(out, "    step %-*" PRId64 "%s   . training loss%s\n", g->columns + 1 - n,
                   g->first, last, val ? "  o validation loss" : "");
}

void lm_history_print(const lm_history *h, int columns, int rows, lm_text *out) {
    if (h->train.count + h->val.count < 2) return;
    double means[MOST_COLUMNS];
    grid g = {.columns = (int)lm_min(lm_max(columns, 8), MOST_COLUMNS),
              .rows = (int)lm_min(lm_max(rows, 2), MOST_ROWS),
              .first = INT64_MAX,
              .low = INFINITY,
              .high = -INFINITY};
    find_steps(&g, &h->train);
    find_steps(&g, &h->val);
    column_means(&g, &h->train, means);
    for (int c = 0; c < g.columns; c++) widen(&g, means[c]);
    for (int64_t i = 0; i < h->val.count; i++) widen(&g, h->val.points[i].loss);
    memset(g.cells, ' ', sizeof g.cells);
    for (int c = 0; c < g.columns; c++) {
        if (isnan(means[c])) continue;
        int level = level_of(&g, means[c]);
        g.cells[level / LEVELS][c] = level % LEVELS ? '.' : '\'';
    }
    for (int64_t i = 0; i < h->val.count; i++) {
        lm_history_point p = h->val.points[i];
        g.cells[level_of(&g, p.loss) / LEVELS][column_of(&g, p.step)] = 'o';
    }
    print_grid(&g, h->val.count > 0, out);
}
