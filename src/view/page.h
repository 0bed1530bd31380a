/* The report: one HTML file for a run, for several, or for a sweep. It needs nothing beside itself:
 * style, script and data are inside, and its Content-Security-Policy allows just these two by their
 * digests and forbids every connection. Without a script it shows the same charts, still.
 *
 *     lm_page page = {.runs = runs, .n_runs = 2, .written = now};
 *     lm_page_print(&page, &text, err);
 *     lm_page_replace("report.html", &text, err);
 *
 * Its size is bounded: a chart has as many points as a screen, of which none is an outlier lost
 * (view/series.h). */
#ifndef LM_VIEW_PAGE_H
#define LM_VIEW_PAGE_H

#include "view/run.h"
#include "view/sweep.h"

typedef struct lm_page {
    const lm_view_run *runs; /* [n_runs] */
    int64_t n_runs;
    const lm_view_sweep *sweep; /* NULL: none; then there are runs, else there need not be */
    bool goes_on;               /* of a sweep: workers run, and the page is read again */
    double written;             /* Unix time */
} lm_page;

/* Appends the page. */
lm_status lm_page_print(const lm_page *p, lm_text *out, lm_error *err);

/* Replaces the file: by a temporary file and rename, so that a reader sees one page or the other,
 * but without waiting for the disk: a page lost to a power cut is written anew. */
lm_status lm_page_replace(const char *path, const lm_text *page, lm_error *err);

/* Appends the page of the sweep in a directory, with curves of its best trials. */
lm_status lm_page_sweep_print(const char *directory, bool goes_on, lm_text *out, lm_error *err);
/* The same into file. */
lm_status lm_page_sweep_write(const char *directory, const char *file, bool goes_on, lm_error *err);

#endif
