/* Arenas: one allocation, handed out in 64-byte aligned pieces. What takes the pieces also says how
 * large the arena must be, as it takes them from a measuring arena first, which has no memory:
 *
 *     static void take_pieces(thing *t, lm_arena *arena) {
 *         t->x = lm_arena_floats(arena, t->channels);
 *         t->cache = lm_arena_array(arena, t->rows, t->channels, sizeof *t->cache);
 *     }
 *
 *     lm_arena measure = lm_arena_measuring();
 *     take_pieces(&t, &measure);                              // every piece is NULL
 *     lm_arena arena = {0};
 *     if (lm_arena_init(&arena, measure.used, "things", err) != LM_OK) goto out;
 *     take_pieces(&t, &arena);                                // zeroed
 *     ...
 *     lm_arena_free(&arena);                                  // zero-initialised or twice is fine
 *
 * An arena is sized by the plan before the first step; running out of it is our own mistake
 * (LM_ASSERT), failing to get it from the system is an error that names what and how much. */
#ifndef LM_BASE_ARENA_H
#define LM_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/numbers.h"

#define LM_ALIGNMENT 64 /* a cache line, and the widest vector register */

/* bytes rounded up to a multiple of LM_ALIGNMENT: what a piece of an arena occupies. */
size_t lm_size_align(size_t bytes);

typedef struct lm_arena {
    unsigned char *base; /* LM_ALIGNMENT-aligned, zeroed when obtained */
    size_t capacity;     /* bytes */
    size_t used;         /* bytes; SIZE_MAX: more than a size_t counts (measuring only) */
    bool measuring;      /* there is no memory: `used` counts, pieces are NULL */
} lm_arena;

/* Obtains capacity bytes, zeroed (fresh pages, so that untouched parts cost no memory; large arenas
 * ask for huge pages). `what` names the arena in the error. SIZE_MAX, the mark of an overflow, is
 * refused like any size that the system cannot give. */
lm_status lm_arena_init(lm_arena *arena, size_t capacity, const char *what, lm_error *err);
/* An arena that only counts: pass it to the code that takes the pieces, then read `used`. */
lm_arena lm_arena_measuring(void);
/* An arena that hands out memory of the caller's: pieces are not zeroed, and lm_arena_free is not
 * for it. base is LM_ALIGNMENT-aligned. */
lm_arena lm_arena_over(void *base, size_t capacity);
void lm_arena_free(lm_arena *arena);

/* The next piece, LM_ALIGNMENT-aligned: so many bytes, floats, or rows * columns elements. Counts
 * are not negative. */
void *lm_arena_take(lm_arena *arena, size_t bytes);
float *lm_arena_floats(lm_arena *arena, int64_t count);
void *lm_arena_array(lm_arena *arena, int64_t rows, int64_t columns, size_t element_bytes);

#endif
