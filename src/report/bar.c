#include "report/bar.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/numbers.h"
#include "base/text.h"
#include "report/line.h"

#define FIRST_SECONDS  1.0
#define REDRAW_SECONDS 0.1
#define PLAIN_SECONDS  10.0
enum { BAR = 20 }; /* characters */

void lm_bar_start(lm_bar *b, FILE *stream, const char *what, uint64_t total) {
    *b = (lm_bar){.stream = stream,
                  .what = what,
                  .terminal = lm_line_is_terminal(stream),
                  .total = total,
                  .started = lm_clock_seconds()};
}

static void put_bar(double share, lm_text *line) {
    int full = (int)(share * BAR);
    lm_text_printf(line, "  [");
    for (int i = 0; i < BAR; i++) lm_text_printf(line, i < full ? "=" : i == full ? ">" : " ");
    lm_text_printf(line, "]");
}

static void write_line(const lm_bar *b, bool bar, uint64_t done, uint64_t passed, lm_text *line) {
    char text[32];
    double took = lm_clock_seconds() - b->started;
    double share = b->total > 0 ? (double)lm_u64_min(done, b->total) / (double)b->total : 0;
    line->length = 0;
    lm_text_printf(line, "%s", b->what);
    if (bar && b->total > 0) put_bar(share, line);
    if (b->total > 0)
        lm_text_printf(line, " %.0f%% of %s", 100 * share,
                       lm_text_bytes(text, sizeof text, (double)b->total));
    else
        lm_text_printf(line, "  %s", lm_text_bytes(text, sizeof text, (double)passed));
    lm_text_printf(line, "  %s/s", lm_text_bytes(text, sizeof text, (double)passed / took));
    if (share > 0)
        lm_text_printf(line, "  left %s",
                       lm_line_duration(text, sizeof text, took / share * (1 - share)));
}

void lm_bar_at(lm_bar *b, uint64_t done, uint64_t passed) {
    double now = lm_clock_seconds();
    lm_text line = {0};
    if (now - b->started < FIRST_SECONDS) return;
    double since = now - (b->printed > 0 ? b->printed : b->started);
    if (since < (b->terminal ? REDRAW_SECONDS : PLAIN_SECONDS)) return;
    if (!lm_file_can_write(fileno(b->stream), 0)) return;
    b->printed = now;
    write_line(b, b->terminal, done, passed, &line);
    if (b->terminal && line.length >= lm_line_columns(b->stream))
        write_line(b, false, done, passed, &line);
    if (b->terminal) {
        size_t width = lm_size_min(line.length, lm_line_columns(b->stream) - 1);
        fprintf(b->stream, LM_LINE_CLEAR "%.*s", (int)width, lm_text_cstr(&line));
    } else {
        lm_line_print_time(b->stream);
        fprintf(b->stream, "%s\n", lm_text_cstr(&line));
    }
    fflush(b->stream);
    b->drawn = b->terminal;
    lm_text_free(&line);
}

void lm_bar_finish(lm_bar *b) {
    if (b->drawn && lm_file_can_write(fileno(b->stream), 0)) {
        fputs(LM_LINE_CLEAR, b->stream);
        fflush(b->stream);
    }
    b->drawn = false;
}
