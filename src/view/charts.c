/* Which charts runs have. */
#include <stdlib.h>
#include <string.h>

#include "view/chart.h"

static bool begins(const char *name, const char *with) {
    return strncmp(name, with, strlen(with)) == 0;
}

static lm_chart *add_chart(lm_charts *c, const char *id, const char *title, const char *unit) {
    lm_chart *grown = realloc(c->items, (size_t)(c->count + 1) * sizeof *grown);
    if (!grown) return NULL;
    c->items = grown;
    lm_chart *chart = &c->items[c->count++];
    *chart = (lm_chart){.title = title, .unit = unit};
    strncpy(chart->id, id, sizeof chart->id - 1);
    return chart;
}

static bool add_line(lm_chart *chart, const lm_chart_line *line) {
    lm_chart_line *grown = realloc(chart->lines, (size_t)(chart->count + 1) * sizeof *grown);
    if (!grown) return false;
    chart->lines = grown;
    chart->lines[chart->count++] = *line;
    return true;
}

/* A line of its own for each run that has the series. */
static bool add_runs(lm_chart *chart, const lm_view_run *runs, int64_t n, const char *name,
                     bool marks) {
    for (int64_t i = 0; i < n; i++) {
        const lm_series *s = lm_view_run_series(&runs[i], name);
        lm_chart_line line = {.run = i,
                              .name = name,
                              .series = s,
                              .label = n > 1 ? runs[i].name : "",
                              .colour = (int)(i % LM_CHART_COLOURS),
                              .dash = (int)((i + i / LM_CHART_COLOURS) % LM_CHART_DASHES),
                              .marks = marks};
        if (s && s->count > 0 && !add_line(chart, &line)) return false;
    }
    return true;
}

/* A line for each series of the run that begins so, named by the rest. */
static bool add_parts(lm_chart *chart, const lm_view_run *r, const char *prefix, bool marks) {
    for (int64_t i = 0; i < r->n_series; i++) {
        const lm_view_series *s = &r->series[i];
        if (!begins(s->name, prefix) || s->series.count == 0) continue;
        int k = (int)chart->count;
        lm_chart_line line = {.name = s->name,
                              .series = &s->series,
                              .label = s->name + strlen(prefix),
                              .colour = k % LM_CHART_COLOURS,
                              .dash = (k + k / LM_CHART_COLOURS) % LM_CHART_DASHES,
                              .marks = marks};
        if (!add_line(chart, &line)) return false;
    }
    return true;
}

static const struct {
    const char *series, *title, *unit;
    bool smooth, percent;
} kinds[] = {
    {"lr", "Learning rate", "", false, false},
    {"grad_norm", "Gradient norm", "before clipping", true, false},
    {"noise_scale", "Gradient noise scale", "tokens", false, false},
    {"tokens_per_s", "Throughput", "tokens per second", true, true},
};

static bool add_losses(lm_charts *c, const lm_view_run *runs, int64_t n) {
    lm_chart *chart = add_chart(c, "loss", n > 1 ? "Training loss" : "Loss", "nats per token");
    if (!chart || !add_runs(chart, runs, n, "loss", false)) return false;
    chart->wide = chart->smooth = true;
    if (n > 1) {
        if (!(chart = add_chart(c, "val", "Validation loss", "nats per token"))) return false;
        chart->wide = true;
        return add_runs(chart, runs, n, "val_loss", true);
    }
    if (chart->count > 0) chart->lines[0].label = "train";
    const lm_series *val = lm_view_run_series(runs, "val_loss");
    lm_chart_line line = {
        .name = "val_loss", .series = val, .label = "val", .colour = 1, .dash = 1, .marks = true};
    bool fine = !val || val->count == 0 || add_line(chart, &line);
    /* Where val_loss is that of an average of the weights. */
    const lm_series *raw = lm_view_run_series(runs, "val_loss_raw");
    line = (lm_chart_line){.name = "val_loss_raw",
                           .series = raw,
                           .label = "val, raw weights",
                           .colour = 2,
                           .dash = 2,
                           .marks = true};
    fine = fine && (!raw || raw->count == 0 || add_line(chart, &line));
    /* Of several validation sets, the first is val_loss. */
    int64_t sets = 0;
    for (int64_t i = 0; i < runs->n_series; i++) sets += begins(runs->series[i].name, "val_loss.");
    if (!fine || sets == 0) return fine;
    if (!(chart = add_chart(c, "sets", "Validation sets", "nats per token"))) return false;
    return add_parts(chart, runs, "val_loss.", true);
}

/* A chart without a line goes. */
static void drop_empty(lm_charts *c) {
    int64_t kept = 0;
    for (int64_t i = 0; i < c->count; i++)
        if (c->items[i].count > 0) c->items[kept++] = c->items[i];
    c->count = kept;
}

static bool make(lm_charts *c, const lm_view_run *runs, int64_t n) {
    lm_chart *chart;
    if (!add_losses(c, runs, n)) return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!(chart = add_chart(c, kinds[i].series, kinds[i].title, kinds[i].unit))) return false;
        chart->zero = true;
        chart->smooth = kinds[i].smooth;
        chart->percent = kinds[i].percent;
        if (!add_runs(chart, runs, n, kinds[i].series, false)) return false;
    }
    if (n == 1) {
        if (!(chart = add_chart(c, "phases", "Time by phase", "seconds per step"))) return false;
        chart->zero = chart->smooth = true;
        if (!add_parts(chart, runs, "phases.", false)) return false;
        if (!(chart = add_chart(c, "epochs", "Epochs", "by source"))) return false;
        chart->zero = true;
        if (!add_parts(chart, runs, "epochs.", false)) return false;
    }
    drop_empty(c);
    for (int64_t i = 0; i < c->count; i++) {
        c->items[i].runs = runs;
        c->items[i].several = n > 1;
    }
    return true;
}

lm_status lm_charts_make(lm_charts *c, const lm_view_run *runs, int64_t n, lm_error *err) {
    *c = (lm_charts){0};
    if (n == 0 || make(c, runs, n)) return LM_OK;
    lm_charts_free(c);
    return lm_error_no_memory(err, "charts");
}

void lm_charts_free(lm_charts *c) {
    for (int64_t i = 0; i < c->count; i++) free(c->items[i].lines);
    free(c->items);
    *c = (lm_charts){0};
}
