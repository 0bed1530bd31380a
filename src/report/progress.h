/* Progress for people: on a terminal one line that is redrawn; elsewhere a plain line now and then,
 * which begins with the time of day, as notes do there ("15:04:05 step ...").
 *
 *     step   420/2000  loss 1.8342  val 1.7610  152 k tok/s  180 GFLOP/s 80%  left 0:41
 *
 * Everything goes to one stream (stderr), so that stdout stays free. Colour only on a terminal and
 * without NO_COLOR. When quiet, only lm_progress_warn prints. Lines that nobody reads out of a full
 * pipe are dropped, and counted. */
#ifndef LM_REPORT_PROGRESS_H
#define LM_REPORT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"
#include "report/metrics.h"

typedef struct lm_progress {
    FILE *stream;
    bool terminal, colour, quiet;
    int64_t dropped;         /* lines since somebody last read the stream; 0: it is read */
    bool drawn;              /* a line stands on the terminal, unfinished */
    int64_t every;           /* steps between plain lines */
    int64_t first_step;      /* done before this session */
    int64_t steps;           /* of the whole run */
    double flops_per_token;  /* by the usual convention */
    double peak_flops;       /* of this machine, the highest measured; 0: not known */
    double started, redrawn; /* lm_clock_seconds() */
    double val_loss;         /* latest; NaN before the first evaluation */
    lm_text line;            /* reused, so that a step allocates nothing */
} lm_progress;

void lm_progress_start(lm_progress *p, FILE *stream, bool quiet, int64_t every, int64_t first_step,
                       int64_t steps, double flops_per_token);
/* A new measurement of the machine's peak. The highest one counts, since a busy machine only makes
 * the peak look lower. */
void lm_progress_peak(lm_progress *p, double peak_flops);
/* After each step. loss is in nats per token. */
void lm_progress_step(lm_progress *p, int64_t step, double loss, double tokens_per_s);
/* After each evaluation; data (NULL: none) may have several sets. */
void lm_progress_eval(lm_progress *p, int64_t step, double val_loss, double bytes_per_token,
                      const lm_data_figures *data);
/* Print a line of its own, which stays; lm_progress_warn does so even when quiet. */
void lm_progress_note(lm_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void lm_progress_warn(lm_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Ends an unfinished line and frees what p holds. Zero-initialised or twice is fine. */
void lm_progress_finish(lm_progress *p);

#endif
