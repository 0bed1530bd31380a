/* The same few thousand mutations of three expressions every time: `make fuzz T=expression` goes on
 * from it. */
#include "tests/support/test.h"

#include "tests/fuzz/expression.c"
#include "tests/support/draws.h"

enum { ROUNDS = 8000, ROOM = 200 };

static lm_draws draws = {.seed = 41};

static const char *const pieces[] = {"(", ")",    "'",    "if(", "and ", "not ",  "^", "-",
                                     "<", "==",   "1e9",  ",",   "a.b",  "0",     "%", "/0",
                                     "!", "min(", "true", "||",  "\"",   "sqrt(", ".", " "};

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
        "0.02 / sqrt(model.d_model / 64)",
        "if(optimizer.name == 'adamw' and not (x >= 2), min(1, 2, y) ^ -2, log2(8) % 3)",
        "a or b && c != \"d\" || !true",
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
