/* report.html of the run that is being trained: when it is written, and what was read for it. */
#ifndef LM_TRAIN_PAGE_H
#define LM_TRAIN_PAGE_H

#include "base/error.h"
#include "view/run.h"

typedef struct lm_page_writer {
    bool on;          /* log.report */
    double every;     /* log.report_seconds */
    double due;       /* seconds of this session after which the next page comes */
    bool written;     /* in this session */
    bool told;        /* the user heard that it cannot be written */
    lm_view_run view; /* the run directory as far as it was read; path NULL: not opened yet */
} lm_page_writer;

void lm_page_writer_begin(lm_page_writer *w, bool on, double every);
/* Is it time, `seconds` after the session began? */
bool lm_page_writer_due(const lm_page_writer *w, double seconds);
/* Writes path from what the run directory says now. Sets when the next one is due: writing pages
 * takes at most a five-hundredth of the time. */
lm_status lm_page_writer_write(lm_page_writer *w, const char *directory, const char *path,
                               bool running, double session_began, lm_error *err);
void lm_page_writer_free(lm_page_writer *w); /* zero-initialised or twice is fine */

#endif
