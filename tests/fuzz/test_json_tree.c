/* The same few thousand mutations of two texts every time: `make fuzz T=json_tree` goes on from
 * it. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/json_tree.c"
#include "tests/support/draws.h"

enum { ROUNDS = 20000, ROOM = 256 };

static lm_draws draws = {.seed = 31};

static const char *const pieces[] = {"{",   "}",       "[",    "]",       "\"", ",",
                                     ":",   "\\u00",   "1e9",  "-",       " ",  "\n",
                                     "tru", "{\"a\":", "null", "\"\":0,", "\\"};

/* Puts a piece somewhere, takes some bytes out, or flips a bit. */
static size_t mutate(char *text, size_t size) {
    size_t at = lm_draw(&draws, size + 1), n = 1 + lm_draw(&draws, 4);
    const char *piece = pieces[lm_draw(&draws, sizeof pieces / sizeof *pieces)];
    switch (lm_draw(&draws, 3)) {
    case 0:
        if (n > size - at) n = size - at;
        memmove(text + at, text + at + n, size - at - n);
        return size - n;
    case 1:
        if (at < size) text[at] = (char)(text[at] ^ 1 << lm_draw(&draws, 8));
        return size;
    default:
        n = strlen(piece);
        if (size + n > ROOM) return size;
        memmove(text + at + n, text + at, size - at);
        memcpy(text + at, piece, n);
        return size + n;
    }
}

static void test_mutations(void **state) {
    (void)state;
    static const char *const seeds[] = {
        "{\"run\": {\"dir\": \"r\\u00e9\\n\"}, \"a\": [1, -2.5e-3, true, null, {}], \"a\": \"\"}",
        "[[[], {\"k\": false}], \"\xC3\xA9\", 0]",
    };
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
        for (int i = 0; i < ROUNDS; i++) {
            char text[ROOM];
            size_t size = strlen(seeds[s]);
            memcpy(text, seeds[s], size);
            for (size_t times = lm_draw(&draws, 5); times > 0; times--) size = mutate(text, size);
            LLVMFuzzerTestOneInput((const uint8_t *)text, size);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
