/* Splits of text by regular expressions that have no scanner of ours (scan.h), by PCRE2 and its
 * just-in-time compiler where the build has it.
 *
 *     lm_pattern *p;
 *     lm_pattern_create(&p, patterns, n, err);         // of a tokenizer
 *     lm_pattern_scan *s;
 *     lm_pattern_scan_create(&s, p, err);              // per thread
 *     lm_pattern_scan_begin(s, text, size);
 *     while (at < size) {
 *         n = lm_pattern_scan_next(s, at, ends, MOST); // at..ends[0]..ends[1]...; 0: gave up
 *         at = ends[n - 1];
 *     }
 *     lm_pattern_scan_free(s);
 *     lm_pattern_free(p);
 *
 * Patterns are written as for Hugging Face's library, whose engine is Oniguruma: what both engines
 * read alike is taken, the rest is refused by name. A match is a piece, and so is what lies between
 * two; each further pattern splits the pieces of those before it, as texts of their own ("Isolated"
 * in tokenizer.json). Bytes that are not UTF-8 end a text and are pieces of their own. */
#ifndef LM_TOKENIZER_PATTERN_H
#define LM_TOKENIZER_PATTERN_H

#include <stddef.h>

#include "base/error.h"

enum { LM_PATTERN_MOST = 8 }; /* patterns of one split */
/* Steps of one match, PCRE2's own limit: a pattern that needs more on some text gives up on it. */
#define LM_PATTERN_STEPS 10000000

/* "PCRE2 10.42" or "without PCRE2": for --version. */
const char *lm_pattern_library(void);

typedef struct lm_pattern lm_pattern;
/* LM_ERR_USAGE, with what to install, when this build cannot; with the place when a pattern is
 * wrong or has something that the engines read differently. */
lm_status lm_pattern_create(lm_pattern **p, const char *const *patterns, int n, lm_error *err);
void lm_pattern_free(lm_pattern *p); /* NULL is fine */

typedef struct lm_pattern_scan lm_pattern_scan;
/* p must outlive it. */
lm_status lm_pattern_scan_create(lm_pattern_scan **s, const lm_pattern *p, lm_error *err);
void lm_pattern_scan_free(lm_pattern_scan *s); /* NULL is fine */
/* The text that is split next, from its beginning; it must stay. */
void lm_pattern_scan_begin(lm_pattern_scan *s, const unsigned char *text, size_t size);
/* The ends of the next pieces, at most `most` >= 1, of which the first begins at `at`, where the
 * call before ended. 0: a match took more than LM_PATTERN_STEPS or the memory it may have. */
size_t lm_pattern_scan_next(lm_pattern_scan *s, size_t at, size_t *ends, size_t most);

#endif
