/* Windows that a run passes over (data.skip), by their numbers: those in which the run takes its
 * windows, from 0 on, through all epochs and all sources of a mixture.
 *
 *     lm_skips s;
 *     if (!lm_skips_parse(&s, "96-111,4000", &problem)) ... problem: what is wrong with it ...
 *     lm_skips_at(&s, 90, 7);         // 112: windows 90..95 are taken before it
 *     lm_skips_free(&s);
 *
 * A number stands for one occurrence of a window: other epochs have the same text under other
 * numbers. In a mixture the source of a window that is passed over has one window fewer. */
#ifndef LM_DATA_SKIPS_H
#define LM_DATA_SKIPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define LM_SKIPS_MOST_WINDOW INT64_C(1000000000000000) /* 10^15: the highest number */
enum { LM_SKIPS_MOST = 100000 };                       /* ranges */

typedef struct lm_skip {
    int64_t first, last; /* windows, both passed over */
} lm_skip;

typedef struct lm_skips {
    lm_skip *items; /* [count], in rising order; neither overlap nor touch */
    int64_t count;  /* 0: all windows are taken */
} lm_skips;

/* The ranges of a text, "FIRST-LAST" or "WINDOW" each, in any order, separated by commas; spaces
 * may stand around them. An empty text has none. false: it is not such a text, and *problem
 * receives what was expected and found, or memory ran out, and problem->failed. lm_skips_free frees
 * what *s owns, after a failure too. */
bool lm_skips_parse(lm_skips *s, const char *text, lm_text *problem);
void lm_skips_free(lm_skips *s); /* zero-initialised or twice is fine */

/* The number of the i-th window (i >= 0) that is taken, from window `from` on. */
int64_t lm_skips_at(const lm_skips *s, int64_t from, int64_t i);
/* How many of the windows first .. first+n-1 are passed over. */
int64_t lm_skips_count(const lm_skips *s, int64_t first, int64_t n);

#endif
