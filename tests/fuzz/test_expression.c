/* The same few thousand mutations of three expressions every time: `make fuzz T=expression` goes on
 * from it. */
#include "tests/support/test.h"

#include "tests/fuzz/expression.c"
#include "tests/support/mutations.h"

static const char *const pieces[] = {"(", ")",    "'",    "if(", "and ", "not ",  "^", "-",
                                     "<", "==",   "1e9",  ",",   "a.b",  "0",     "%", "/0",
                                     "!", "min(", "true", "||",  "\"",   "sqrt(", ".", " "};

static void test_mutations(void **state) {
    (void)state;
    static const char *const seeds[] = {
        "0.02 / sqrt(model.d_model / 64)",
        "if(optimizer.name == 'adamw' and not (x >= 2), min(1, 2, y) ^ -2, log2(8) % 3)",
        "a or b && c != \"d\" || !true",
    };
    lm_mutations m = {.draws = {.seed = 41},
                      .rounds = 8000,
                      .most = 4,
                      .room = 200,
                      .pieces = pieces,
                      .n_pieces = sizeof pieces / sizeof *pieces,
                      .target = LLVMFuzzerTestOneInput};
    lm_mutations_run_texts(&m, seeds, sizeof seeds / sizeof *seeds);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
