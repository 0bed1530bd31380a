/* The same few thousand mutations of two texts every time: `make fuzz T=json_tree` goes on from
 * it. */
#include "tests/support/test.h"

#include "tests/fuzz/json_tree.c"
#include "tests/support/mutations.h"

static const char *const pieces[] = {"{",   "}",       "[",    "]",       "\"", ",",
                                     ":",   "\\u00",   "1e9",  "-",       " ",  "\n",
                                     "tru", "{\"a\":", "null", "\"\":0,", "\\"};

static void test_mutations(void **state) {
    (void)state;
    static const char *const seeds[] = {
        "{\"run\": {\"dir\": \"r\\u00e9\\n\"}, \"a\": [1, -2.5e-3, true, null, {}], \"a\": \"\"}",
        "[[[], {\"k\": false}], \"\xC3\xA9\", 0]",
    };
    lm_mutations m = {.draws = {.seed = 31},
                      .rounds = 20000,
                      .most = 4,
                      .room = 256,
                      .pieces = pieces,
                      .n_pieces = sizeof pieces / sizeof *pieces,
                      .target = LLVMFuzzerTestOneInput};
    lm_mutations_run_texts(&m, seeds, sizeof seeds / sizeof *seeds);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
