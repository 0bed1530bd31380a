#include "train/page.h"

#include <math.h>

#include "base/clock.h"
#include "train/trainer.h"
#include "view/page.h"

enum { TIMES_ITS_COST = 500 };

void lm_page_writer_begin(lm_page_writer *w, bool on, double every) {
    *w = (lm_page_writer){.on = on, .every = every, .due = every};
}

bool lm_page_writer_due(const lm_page_writer *w, double seconds) {
    return w->on && seconds >= w->due;
}

lm_status lm_page_writer_write(lm_page_writer *w, const char *directory, const char *path,
                               bool running, double session_began, lm_error *err) {
    double started = lm_clock_seconds();
    lm_text text = {0};
    lm_status status = w->view.path ? LM_OK : lm_view_run_open(&w->view, directory, err);
    if (status == LM_OK) status = lm_view_run_read(&w->view, err);
    if (status == LM_OK) {
        w->view.running = running;
        lm_page page = {.runs = &w->view, .n_runs = 1, .written = lm_clock_unix_seconds()};
        status = lm_page_print(&page, &text, err);
    }
    if (status == LM_OK) status = lm_page_replace(path, &text, err);
    lm_text_free(&text);
    double now = lm_clock_seconds();
    w->due = now - session_began + fmax(w->every, TIMES_ITS_COST * (now - started));
    w->written |= status == LM_OK;
    return status;
}

void lm_page_writer_free(lm_page_writer *w) {
    lm_view_run_free(&w->view);
}

void lm_trainer_write_page(lm_trainer *t, bool running) {
    lm_error err;
    if (t->progress.peak_flops == 0) lm_trainer_measure_peak(t);
    lm_status status =
        lm_page_writer_write(&t->page, t->dir.path, t->dir.report, running, t->started, &err);
    if (status == LM_OK || t->page.told) return;
    lm_progress_warn(&t->progress, "warning: no report: %-s", err.message);
    t->page.told = true;
}
