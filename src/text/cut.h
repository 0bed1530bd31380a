/* Where the text of a document is divided: a pure function of its bytes, found as they pass by.
 *
 * With `from` <= `to`, offsets in the document, the cut is before the first line that begins at or
 * after `from` and before `to`; else before the first character (UTF-8) that begins at or after
 * `to`. */
#ifndef LM_TEXT_CUT_H
#define LM_TEXT_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lm_cut {
    uint64_t from, to, at; /* at: bytes that passed by */
    bool after_line;       /* the last of them ends a line */
    bool made;             /* the cut is here */
} lm_cut;

#define LM_CUT_NEVER UINT64_MAX /* for from and to */

/* The beginning of a document. */
lm_cut lm_cut_between(uint64_t from, uint64_t to);
/* Of the next `size` bytes, how many are before the cut. They have passed by then; cut->made says
 * that the cut is behind them. Not after it was made (asserted). */
size_t lm_cut_before(lm_cut *cut, const char *data, size_t size);

#endif
