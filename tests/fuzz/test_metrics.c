/* The same mutations of metrics every time: `make fuzz T=metrics` goes on from it. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/metrics.c"
#include "tests/support/mutations.h"

static const char seed[] =
    "{\"step\":1,\"tokens\":8,\"loss\":2.5,\"lr\":0.1,\"grad_norm\":1,\"tokens_per_s\":9,"
    "\"phases\":{\"gemm\":0.5},\"seconds\":0.1}\n"
    "{\"step\":2,\"tokens\":16,\"val_loss\":3,\"val_loss.a\":2,\"val_bits_per_byte\":1,"
    "\"seconds\":0.2}\n{\"step\":2,\"tokens\":16,\"layers\":{\"h.0\":{\"weight_norm\":1,"
    "\"update_ratio\":1e-3}},\"seconds\":0.2}\n"
    "{\"step\":3,\"tokens\":24,\"prompt\":\"a\",\"sample\":\"b\\n\",\"seconds\":0.3}\n";
static const char board[] = "[{\"trial\":1,\"state\":\"finished\",\"loss\":2,\"values\":{\"a\":1,"
                            "\"b\":\"c\"}},{\"trial\":2,\"loss\":null,\"values\":{\"a\":2}}]";

static const char *const pieces[] = {"\"",   "[",  "]",     "{",     "}",    "null", "-1",
                                     ",",    "\n", "\\u00", "1e999", ".",    " ",    ":",
                                     "\"\"", "</", "\\",    "\xFF",  "e308", "1e308"};

static void test_pages(void **state) {
    (void)state;
    static lm_mutations m = {.draws = {.seed = 31},
                             .rounds = 1200,
                             .most = 5,
                             .room = 900,
                             .pieces = pieces,
                             .n_pieces = sizeof pieces / sizeof *pieces,
                             .target = LLVMFuzzerTestOneInput};
    char both[sizeof seed + sizeof board - 1];
    memcpy(both, seed, sizeof seed);
    memcpy(both + sizeof seed, board, sizeof board - 1);
    lm_mutations_run(&m, both, sizeof both);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages)};
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
