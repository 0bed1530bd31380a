#include "report/progress.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/message.h"
#include "base/numbers.h"
#include "report/line.h"
#include "report/metrics.h"

#define REDRAW_SECONDS    0.1
#define WAIT_MILLISECONDS 1000 /* for a reader of what must be heard */
#define BOLD              "\033[1m"
#define PLAIN             "\033[0m"
enum { LINE_BYTES = 512 }; /* longer than any line, so that printing one allocates nothing */

static bool wants_colour(void) {
    const char *no = getenv("NO_COLOR");
    return !(no && *no);
}

void lm_progress_start(lm_progress *p, FILE *stream, bool quiet, int64_t every, int64_t first_step,
                       int64_t steps, double flops_per_token) {
    bool terminal = lm_line_is_terminal(stream);
    *p = (lm_progress){.stream = stream,
                       .terminal = terminal,
                       .colour = terminal && wants_colour(),
                       .quiet = quiet,
                       .every = every,
                       .first_step = first_step,
                       .steps = steps,
                       .flops_per_token = flops_per_token,
                       .started = lm_clock_seconds(),
                       .val_loss = NAN};
    lm_text_reserve(&p->line, LINE_BYTES);
}

/* Is there a reader? When there was none, lines are dropped until there is one again, which then
 * hears how many: a pipe that nobody empties must not hold the run, nor the checkpoint that SIGTERM
 * asks for. What must be heard waits a second, but not a second time. */
static bool can_write(lm_progress *p, int milliseconds) {
    if (lm_file_can_write(fileno(p->stream), p->dropped > 0 ? 0 : milliseconds)) return true;
    p->dropped++;
    return false;
}

static void tell_of_dropped(lm_progress *p) {
    if (p->dropped == 0) return;
    fprintf(p->stream, "(%lld lines were dropped, since nobody read them)\n",
            (long long)p->dropped);
    p->dropped = 0;
}

/* What a line leaves out to fit a narrow terminal, the least important first. */
enum { ALL, CLOSE_TOGETHER, NO_FLOPS, NO_SPEED };

static void write_line(lm_text *line, const lm_progress *p, int leave_out, int64_t step,
                       double loss, double tokens_per_s) {
    char text[48];
    const char *gap = leave_out >= CLOSE_TOGETHER ? " " : "  ";
    const char *bold = p->colour ? BOLD : "", *plain = p->colour ? PLAIN : "";
    line->length = 0;
    lm_text_printf(line, "step %*lld/%lld",
                   snprintf(text, sizeof text, "%lld", (long long)p->steps), (long long)step,
                   (long long)p->steps);
    lm_text_printf(line, "%sloss %s%.4f%s", gap, bold, loss, plain);
    if (!isnan(p->val_loss)) lm_text_printf(line, "%sval %s%.4f%s", gap, bold, p->val_loss, plain);
    if (leave_out < NO_SPEED)
        lm_text_printf(line, "%s%s tok/s", gap, lm_text_count(text, sizeof text, tokens_per_s));
    double flops = tokens_per_s * p->flops_per_token;
    if (leave_out < NO_FLOPS)
        lm_text_printf(line, "%s%sFLOP/s", gap, lm_text_count(text, sizeof text, flops));
    if (leave_out < NO_SPEED && p->peak_flops > 0)
        lm_text_printf(line, " %.0f%%", 100 * flops / p->peak_flops);
    double elapsed = lm_clock_seconds() - p->started;
    double left = elapsed / (double)(step - p->first_step) * (double)(p->steps - step);
    lm_text_printf(line, "%sleft %s", gap, lm_line_duration(text, sizeof text, left));
}

/* Columns that a line takes; escape sequences take none. */
static size_t shown_width(const lm_text *line) {
    size_t shown = 0;
    for (size_t i = 0; i < line->length; i++) {
        if (line->data[i] == '\033') {
            while (i < line->length && line->data[i] != 'm') i++;
        } else {
            shown++;
        }
    }
    return shown;
}

/* Cuts a line that is too wide still, so that it does not wrap, and ends bold type. */
static void cut(lm_text *line, size_t width, bool colour) {
    size_t shown = 0;
    for (size_t i = 0; i < line->length; i++) {
        if (line->data[i] == '\033') {
            while (i < line->length && line->data[i] != 'm') i++;
        } else if (++shown >= width) {
            line->length = i;
            lm_text_append(line, PLAIN, colour ? strlen(PLAIN) : 0);
            return;
        }
    }
}

void lm_progress_peak(lm_progress *p, double peak_flops) {
    if (peak_flops > p->peak_flops) p->peak_flops = peak_flops;
}

static void print_time(const lm_progress *p) {
    if (!p->terminal) lm_line_print_time(p->stream);
}

void lm_progress_step(lm_progress *p, int64_t step, double loss, double tokens_per_s) {
    if (p->quiet) return;
    double now = lm_clock_seconds();
    bool last = step == p->steps;
    if (p->terminal ? !last && now - p->redrawn < REDRAW_SECONDS : !last && step % p->every != 0)
        return;
    p->redrawn = now;
    size_t width = p->terminal ? lm_line_columns(p->stream) : SIZE_MAX;
    for (int leave_out = ALL; leave_out <= NO_SPEED; leave_out++) {
        write_line(&p->line, p, leave_out, step, loss, tokens_per_s);
        if (shown_width(&p->line) < width) break;
    }
    cut(&p->line, width, p->colour);
    if (!can_write(p, 0)) return;
    tell_of_dropped(p);
    print_time(p);
    fprintf(p->stream, p->terminal ? LM_LINE_CLEAR "%s" : "%s\n", lm_text_cstr(&p->line));
    fflush(p->stream);
    p->drawn = p->terminal;
}

/* "; prose 2.1034, code 1.8877" into p->line. */
static void list_sets(lm_progress *p, const lm_data_figures *data) {
    p->line.length = 0;
    lm_text_append(&p->line, "", 0);
    for (int64_t i = 0; data && i < data->n_sets; i++)
        lm_text_say(&p->line, "%s%s %.4f", i ? ", " : "; ", data->sets[i].name, data->sets[i].loss);
}

void lm_progress_eval(lm_progress *p, int64_t step, double val_loss, double bytes_per_token,
                      const lm_data_figures *data) {
    p->val_loss = val_loss;
    char bits[48] = "";
    double perplexity = lm_perplexity(val_loss);
    if (bytes_per_token > 0)
        snprintf(bits, sizeof bits, ", %.4f bits/byte",
                 lm_bits_per_byte(val_loss, bytes_per_token));
    list_sets(p, data);
    /* Early on it can have dozens of digits. */
    lm_progress_note(p,
                     perplexity < 1e6
                         ? "step %lld  validation loss %.4f nats/token, perplexity %.3f%s%-s"
                         : "step %lld  validation loss %.4f nats/token, perplexity %.3g%s%-s",
                     (long long)step, val_loss, perplexity, bits, lm_text_cstr(&p->line));
}

static void put_on_stream(void *progress, const char *bytes, size_t n) {
    lm_progress *p = progress;
    for (size_t done = 0; done < n;) {
        size_t part = lm_size_min(n - done, PIPE_BUF);
        if (!can_write(p, WAIT_MILLISECONDS)) return;
        fwrite(bytes + done, 1, part, p->stream);
        done += part;
    }
}

static void print_note(lm_progress *p, const char *format, va_list arguments) {
    if (!can_write(p, WAIT_MILLISECONDS)) return;
    tell_of_dropped(p);
    if (p->drawn) fputs(LM_LINE_CLEAR, p->stream);
    p->drawn = false;
    print_time(p);
    lm_message_format(put_on_stream, p, format, arguments);
    if (p->dropped == 0) fputc('\n', p->stream);
    fflush(p->stream);
}

void lm_progress_note(lm_progress *p, const char *format, ...) {
    if (p->quiet) return;
    va_list arguments;
    va_start(arguments, format);
    print_note(p, format, arguments);
    va_end(arguments);
}

void lm_progress_warn(lm_progress *p, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_note(p, format, arguments);
    va_end(arguments);
}

void lm_progress_finish(lm_progress *p) {
    if (p->drawn && can_write(p, 0)) {
        fputc('\n', p->stream);
        fflush(p->stream);
    }
    p->drawn = false;
    lm_text_free(&p->line);
}
