/* Arenas: one allocation, handed out in 64-byte aligned pieces.
 *
 *     size_t bytes;
 *     if (!lm_size_mul(rows, cols * sizeof(float), &bytes)) return lm_error_set(...too large...);
 *     lm_arena arena = {0};
 *     if (lm_arena_init(&arena, bytes, "activations", err) != LM_OK) goto out;
 *     float *x = lm_arena_floats(&arena, rows * cols);        // zeroed
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
    size_t used;         /* bytes */
} lm_arena;

/* Obtain capacity bytes, zeroed (fresh pages, so that untouched parts cost no memory; large arenas
 * ask for huge pages). `what` names the arena in the error. */
lm_status lm_arena_init(lm_arena *arena, size_t capacity, const char *what, lm_error *err);
void *lm_arena_take(lm_arena *arena, size_t bytes);
float *lm_arena_floats(lm_arena *arena, int64_t count);
void lm_arena_free(lm_arena *arena);

#endif
