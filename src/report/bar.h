/* Progress of work that goes through bytes, for people:
 *
 *     lm_bar b;
 *     lm_bar_start(&b, stderr, "tokenize", total);
 *     lm_bar_at(&b, done, passed);  ...            // as often as you like
 *     lm_bar_finish(&b);
 *
 *     tokenize  [=========>           ] 42% of 3.10 GiB  95.2 MiB/s  left 0:19
 *
 * On a terminal one line that is drawn again and goes when the work ends. Elsewhere a line of its
 * own every ten seconds, without the bar and behind the time of day. Nothing is printed in the
 * first second, and nothing into a pipe that nobody reads. */
#ifndef LM_REPORT_BAR_H
#define LM_REPORT_BAR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct lm_bar {
    FILE *stream;
    const char *what;
    bool terminal, drawn;
    uint64_t total;          /* bytes of the whole work; 0: not known */
    double started, printed; /* lm_clock_seconds() */
} lm_bar;

void lm_bar_start(lm_bar *b, FILE *stream, const char *what, uint64_t total);
/* done: of the total; passed: bytes whose speed is of interest, those of text. */
void lm_bar_at(lm_bar *b, uint64_t done, uint64_t passed);
void lm_bar_finish(lm_bar *b); /* zero-initialised or twice is fine */

#endif
