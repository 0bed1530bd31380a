/* The figures of runs as a table (RFC 4180): a line for each step with figures, columns run, step,
 * tokens, seconds, then every figure of metrics.jsonl by its name ("loss", "phases.gemm"), in the
 * order in which they first come. A field that a step lacks, or that is not finite, is empty.
 * Samples are left out. Nothing is rounded or thinned. */
#ifndef LM_VIEW_CSV_H
#define LM_VIEW_CSV_H

#include "base/error.h"
#include "base/text.h"

/* Appends a text as one field. Control characters are escapes, as in messages, and a spreadsheet
 * does not take it for a formula: one that begins like that gets `guard` in front. */
void lm_csv_text(lm_text *out, const char *text, const char *guard);

/* Takes the next part of the table. */
typedef lm_status lm_csv_sink(void *to, const lm_text *part, lm_error *err);

/* runs [n]: run directories. Their files are read twice. Memory is that of the longest line. */
lm_status lm_csv_write(const char *const *runs, int64_t n, lm_csv_sink *sink, void *to,
                       lm_error *err);

#endif
