/* The losses of a run, read back from its metrics.jsonl, and a small curve of them for a terminal.
 *
 *     lm_history h = {0};
 *     lm_history_read(&h, "runs/book/metrics.jsonl", err);
 *     lm_history_print(&h, 64, 8, &text);
 *     lm_history_free(&h);
 *
 *     2.57 |.
 *          |o:..
 *          |   o::..o....
 *     1.64 |           ''':o:.:.o::o
 *          step 0                1000   . training loss  o validation loss */
#ifndef LM_REPORT_HISTORY_H
#define LM_REPORT_HISTORY_H

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

typedef struct lm_history_point {
    int64_t step;
    double loss; /* finite */
} lm_history_point;

typedef struct lm_history_line {
    lm_history_point *points; /* [count], in the order of the file */
    int64_t count, capacity;
} lm_history_line;

typedef struct lm_history {
    lm_history_line train, val;
    int64_t unreadable, first_unreadable; /* lines that hold no step; which is the first, from 1 */
} lm_history;

/* Lines that are not whole, hold no step or no finite loss are passed over. LM_ERR_RUNTIME when the
 * file cannot be read; free h in any case. */
lm_status lm_history_read(lm_history *h, const char *path, lm_error *err);
void lm_history_free(lm_history *h); /* zero-initialised or twice is fine */

/* Appends the curve, columns by rows characters beside its labels; nothing when there are fewer
 * than two points. A column of the training loss is the mean of its steps. */
void lm_history_print(const lm_history *h, int columns, int rows, lm_text *out);

#endif
