/* The same few thousand mutations of three lists of windows every time: `make fuzz T=skips` goes on
 * from it. */
#include "tests/support/test.h"

#include "tests/fuzz/skips.c"
#include "tests/support/mutations.h"

static const char *const pieces[] = {",", "-", " ",  "0", "9", "1000000000000000", "999999999999",
                                     "x", ".", ",-", "5", "\t"};

static void test_mutations(void **state) {
    (void)state;
    static const char *const seeds[] = {"96-111,4000", "7", " 20 - 29 , 7,30-31 ,  25-26,0"};
    lm_mutations m = {.draws = {.seed = 43},
                      .rounds = 4000,
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
