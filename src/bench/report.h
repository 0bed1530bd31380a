/* Rows for people and for scripts: tables on the way, or one JSON object at the end. */
#ifndef LM_BENCH_REPORT_H
#define LM_BENCH_REPORT_H

#include "bench/rows.h"

/* A section begins: a heading and the columns, and an array in JSON. */
lm_status lm_bench_begin(lm_bench *b, lm_bench_section section, const char *about, lm_error *err);
void lm_bench_end(lm_bench *b);
/* Adds the row to the JSON object and prints it, unless the JSON is what is to be printed; frees
 * its texts. A row without times, since a signal came first, is left out. */
lm_status lm_bench_report(lm_bench *b, lm_bench_row *row, lm_error *err);
/* Prints what is for people, or with --json nothing, and frees it. */
lm_status lm_bench_print_table(const lm_bench *b, lm_text *t, lm_error *err);
/* "marks": "stolen, far" */
void lm_bench_put_marks(lm_json_writer *w, unsigned marks);
/* A row that cannot be measured here, and why. */
lm_status lm_bench_skip(lm_bench *b, const char *name, const char *why, lm_error *err);

#endif
