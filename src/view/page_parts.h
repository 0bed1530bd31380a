/* The parts of a page, each appended to it. Inside the room. */
#ifndef LM_VIEW_PAGE_PARTS_H
#define LM_VIEW_PAGE_PARTS_H

#include "view/chart.h"
#include "view/page.h"

/* The style and the script, whole, and their names in a Content-Security-Policy. */
void lm_page_style(lm_text *out);
void lm_page_script(lm_text *out);

/* Is it of something that goes on? Then it is loaded anew now and then. */
bool lm_page_goes_on(const lm_page *p);

/* The head of the page: what this is, in which state, and its figures. */
void lm_page_head(const lm_page *p, lm_text *out);
/* The runs as a table, where there are several. */
void lm_page_runs(const lm_page *p, lm_text *out);
/* The controls of the charts; the charts with their tables. */
void lm_page_controls(lm_text *out);
void lm_page_charts(const lm_page *p, const lm_charts *charts, lm_text *out);
/* Statistics by layer, of the first run that logged them; the run's index, or -1. */
int64_t lm_page_layers(const lm_page *p, lm_text *out);
/* Time by phase and the memory plan, of one run. */
void lm_page_bars(const lm_page *p, lm_text *out);
/* The losses of eval.targets, and what each took. */
void lm_page_targets(const lm_page *p, lm_text *out);
/* Steps that were not taken. */
void lm_page_events(const lm_page *p, lm_text *out);
void lm_page_samples(const lm_page *p, lm_text *out);
void lm_page_configs(const lm_page *p, lm_text *out);
/* Of a sweep with more trials than this, the charts show the best ones: a page stays small. */
enum { LM_PAGE_MOST_TRIALS = 5000 };
void lm_page_sweep(const lm_page *p, lm_text *out);
/* The object of JSON that the script reads. */
void lm_page_data(const lm_page *p, const lm_charts *charts, int64_t layers, lm_text *out);

/* A cell of a table with a number, empty for NaN: `digits` of "%.*f". */
void lm_page_number_cell(double x, int digits, lm_text *out);
/* "12.3 s", "4:05" */
const char *lm_page_took(char *out, size_t size, double seconds);
/* A label with the state of a run. */
void lm_page_state(const char *state, lm_text *out);

#endif
