/* The same mutations of a seed every time, for tests that run a fuzz target for a moment.
 *
 *     static lm_mutations m = {.draws = {.seed = 21}, .rounds = 4000, .most = 4, .room = 600,
 *                              .pieces = pieces, .n_pieces = sizeof pieces / sizeof *pieces,
 *                              .target = LLVMFuzzerTestOneInput};
 *     lm_mutations_run_texts(&m, seeds, sizeof seeds / sizeof *seeds);
 *
 * Texts lose bytes and get pieces; files (no pieces) lose bytes, have them twice, and get numbers
 * where sizes and types are. */
#ifndef LM_TESTS_SUPPORT_MUTATIONS_H
#define LM_TESTS_SUPPORT_MUTATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/support/draws.h"

typedef struct lm_mutations {
    lm_draws draws;
    int rounds;                /* inputs for each seed */
    size_t most;               /* mutations of an input: 1 to most */
    size_t room;               /* bytes that an input has at most, and a seed too */
    const char *const *pieces; /* of texts; NULL: files */
    size_t n_pieces;
    size_t head; /* of files: most mutations are in so many first bytes */
    int (*target)(const uint8_t *data, size_t size);
} lm_mutations;

void lm_mutations_run(lm_mutations *m, const void *seed, size_t size);
/* Each of n seeds in turn. */
void lm_mutations_run_texts(lm_mutations *m, const char *const *seeds, size_t n);
/* The seed is a file of at most room bytes. */
void lm_mutations_run_file(lm_mutations *m, const char *path);

#endif
