/* Figures over the steps of runs as charts: which charts a set of runs has, and each as SVG. The
 * page's script draws them anew when its reader asks for another axis; without a script, in print
 * and in a preview these stay.
 *
 *     lm_charts c = {0};
 *     lm_charts_make(&c, runs, n, err);
 *     for (int64_t i = 0; i < c.count; i++) lm_chart_svg(&c.items[i], &text);
 *     lm_charts_free(&c);
 *
 * Colours are classes of the page's style (k0 .. k7 of lines, f0 .. f7 of areas and text). */
#ifndef LM_VIEW_CHART_H
#define LM_VIEW_CHART_H

#include "view/run.h"

enum { LM_CHART_COLOURS = 8, LM_CHART_DASHES = 8 };

typedef struct lm_chart_line {
    int64_t run;
    const char *name; /* of the series in its run */
    const lm_series *series;
    const char *label; /* "" for the only line of a chart */
    int colour, dash;
    bool marks; /* its points are few, and each is shown */
} lm_chart_line;

typedef struct lm_chart {
    char id[24];
    const char *title, *unit;
    bool wide;
    bool smooth;          /* it has noise: the script draws a mean over it */
    bool zero;            /* the axis begins at 0 */
    bool percent;         /* the script says the share of the machine's peak too: throughput */
    lm_chart_line *lines; /* [count] */
    int64_t count;
    const lm_view_run *runs; /* whose steps that were not taken are marked */
    bool several;            /* they are more than one */
} lm_chart;

typedef struct lm_charts {
    lm_chart *items; /* [count] */
    int64_t count;
} lm_charts;

/* The charts that the runs have figures for; runs must outlive them. */
lm_status lm_charts_make(lm_charts *c, const lm_view_run *runs, int64_t n, lm_error *err);
void lm_charts_free(lm_charts *c); /* zero-initialised or twice is fine */

/* Appends an element svg. */
void lm_chart_svg(const lm_chart *chart, lm_text *out);
/* Does a run of the chart have steps that were not taken? */
bool lm_chart_has_events(const lm_chart *chart);
/* Appends the sample of their mark, an element svg; several: of runs of several colours. */
void lm_chart_event_swatch(bool several, lm_text *out);
/* Appends the sample of a line as it is drawn in a legend, an element svg. */
void lm_chart_swatch(int colour, int dash, lm_text *out);
/* Appends a number as the axes show it: four digits, or "12.3 M". */
void lm_chart_number(double x, lm_text *out);

#endif
