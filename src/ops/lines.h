/* Lines of a matrix that something reaches: rows of a table that the tokens of a step look up.
 *
 *     lm_line_set_take(&s, arena, lines);             // empty
 *     lm_line_set_add(&s, line);                      // any order, any number of times
 *     lm_lines l = lm_line_set_list(&s);              // those added, in rising order
 *     lm_line_set_clear(&s);                          // in the time of those added
 */
#ifndef LM_OPS_LINES_H
#define LM_OPS_LINES_H

#include "base/arena.h"

/* A list of lines in rising order. */
typedef struct lm_lines {
    const int32_t *at; /* [count]; NULL: all lines of the matrix */
    int64_t count;
} lm_lines;

/* A bit per line, and a bit per word of these bits, so that the list is made without passing over
 * all lines. */
typedef struct lm_line_set {
    int64_t lines, words, blocks;
    uint64_t *bits;   /* [words]: line i is bit i % 64 of word i / 64 */
    uint64_t *filled; /* [blocks]: the words that are not 0, likewise */
    int32_t *list;    /* [lines] */
    int64_t count;    /* of the list */
} lm_line_set;

/* Of a matrix of so many lines, < 2^31; zeroed memory, from an arena that measures too. */
void lm_line_set_take(lm_line_set *s, lm_arena *arena, int64_t lines);
static inline void lm_line_set_add(lm_line_set *s, int64_t line) {
    s->bits[line / 64] |= UINT64_C(1) << line % 64;
    s->filled[line / 4096] |= UINT64_C(1) << line / 64 % 64;
}
/* Valid until the set changes. */
lm_lines lm_line_set_list(lm_line_set *s);
void lm_line_set_clear(lm_line_set *s);

/* Line i of those listed. */
static inline int64_t lm_lines_at(const lm_lines *l, int64_t i) {
    return l->at ? l->at[i] : i;
}

#endif
