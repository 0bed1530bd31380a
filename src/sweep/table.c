/* What people see of a sweep while it runs. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/numbers.h"
#include "machine/stop.h"
#include "report/line.h"
#include "sweep/leaderboard.h"
#include "sweep/worker.h"

enum { BEST_ROWS = 8 };
#define REDRAW_SECONDS 0.25

/* A base that ran through has results at the ends of rungs too, which were no tasks. */
static int64_t count_done(const lm_worker *w) {
    const lm_sweep *s = w->sweep;
    int64_t n = w->journals.n_done;
    for (int64_t trial = 0; trial < s->first_point * s->options.n_seeds; trial++)
        for (int rung = 0; rung < s->rungs - 1; rung++)
            n -= lm_journals_result(&w->journals, trial, rung)->state != LM_TASK_OPEN;
    return n;
}

static void put_counts(const lm_worker *w, lm_text *out) {
    char spent[32];
    double seconds = lm_clock_seconds() - w->started;
    lm_text_printf(out, "%lld of %lld tasks", (long long)count_done(w),
                   (long long)lm_plan_total(w->sweep));
    if (w->sweep->rungs > 1)
        lm_text_printf(out, ", rung %d of %d", w->list.rung + 1, w->sweep->rungs);
    lm_text_printf(out, ", %s", lm_line_duration(spent, sizeof spent, seconds));
}

void lm_worker_tell(lm_worker *w, const lm_task *task, const lm_result *r) {
    lm_text line = {0};
    if (w->quiet || w->live) return;
    lm_text_printf(&line, "trial %lld", (long long)task->trial);
    if (w->sweep->rungs > 1) lm_text_printf(&line, "  rung %d", task->rung + 1);
    if (r->state == LM_TASK_DONE)
        lm_text_printf(&line, "  step %lld  loss %.4f", (long long)r->steps, r->loss);
    else
        lm_text_printf(&line, "  %s", r->state == LM_TASK_DIVERGED ? "diverged" : "failed");
    lm_text_printf(&line, "  %.2f s  ", r->seconds);
    lm_sweep_describe(w->sweep, task->trial / w->sweep->options.n_seeds, &line);
    fprintf(stderr, "%s\n", lm_text_cstr(&line));
    lm_text_free(&line);
}

/* Appends the text, at most so many lines, each cut to the width of the terminal: the cursor cannot
 * go back to what has left it. How many lines. */
static int put_cut(const char *text, int rows, int columns, lm_text *out) {
    int lines = 0;
    for (; *text && lines < rows; lines++) {
        size_t n = strcspn(text, "\n"), shown = 0;
        int column = 0;
        while (shown < n && column < columns - 1) {
            size_t length = lm_text_utf8_length(text + shown, n - shown);
            shown += length > 0 ? length : 1;
            column++;
        }
        lm_text_append(out, text, shown);
        lm_text_printf(out, "\x1b[K\n");
        text += n + (text[n] == '\n');
    }
    return lines;
}

static void put_running(const lm_worker *w, lm_text *out) {
    for (int i = 0; i < w->parallel; i++) {
        const lm_slot *slot = &w->slots[i];
        if (!slot->taken) continue;
        lm_text_printf(out, "running  trial %lld  %.0f s  ", (long long)slot->task.trial,
                       slot->pid > 0 ? lm_clock_seconds() - slot->began : 0);
        lm_sweep_describe(w->sweep, slot->task.trial / w->sweep->options.n_seeds, out);
        lm_text_append(out, "\n", 1);
    }
}

void lm_worker_show(lm_worker *w, bool last) {
    double now = lm_clock_seconds();
    struct winsize size;
    lm_text text = {0}, out = {0};
    if (!w->live || !w->slots || (!last && now - w->showed < REDRAW_SECONDS)) return;
    w->showed = now;
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
    const int columns = known && size.ws_col > 20 ? size.ws_col : 80;
    const int rows = known && size.ws_row > 4 ? size.ws_row - 1 : 23;
    put_counts(w, &text);
    lm_text_append(&text, "\n", 1);
    if (!last) lm_leaderboard_print(w->sweep, &w->journals, BEST_ROWS, &text);
    put_running(w, &text);
    lm_text_printf(&out, "\x1b[?2026h");      /* the terminal shows it whole */
    if (lm_stop_pending() != 0) w->shown = 0; /* what that said stays above */
    if (w->shown > 0) lm_text_printf(&out, "\x1b[%dA\r", w->shown);
    w->shown = put_cut(lm_text_cstr(&text), rows, columns, &out);
    lm_text_printf(&out, "\x1b[J\x1b[?2026l");
    fwrite(lm_text_cstr(&out), 1, out.length, stderr);
    fflush(stderr);
    lm_text_free(&text);
    lm_text_free(&out);
}
