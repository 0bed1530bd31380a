/* The same few thousand mutations of texts every time: `make fuzz T=documents` goes on from it. */
#include "tests/support/test.h"

#include <stdio.h>

#include "tests/fuzz/documents.c"
#include "tests/support/mutations.h"

static const char *const pieces[] = {"ab\nab", "ab\n", "ab",   "\n", "{\"a\":{\"b\":\"",
                                     "\"}}\n", "\\u",  "d800", "\"", "{",
                                     "]",      "null", ",",    "\\"};
static lm_mutations mutations = {.draws = {.seed = 12},
                                 .rounds = 20000,
                                 .most = 6,
                                 .room = 512,
                                 .pieces = pieces,
                                 .n_pieces = sizeof pieces / sizeof *pieces,
                                 .target = LLVMFuzzerTestOneInput};

static void test_separators(void **state) {
    (void)state;
    static const char seed[] = "0onetwo";
    lm_mutations_run(&mutations, seed, sizeof seed - 1);
}

static void test_json_lines(void **state) {
    (void)state;
    static const char seed[] =
        "1{\"a\":{\"b\":\"x\\n\"}}\n\n{\"a.b\":null}\r\n{\"c\":[1],\"a\":{\"b\":\"y\"}}";
    lm_mutations_run(&mutations, seed, sizeof seed - 1);
}

static void test_compressed(void **state) {
    (void)state;
    /* "hello\nhello\n" twice */
    static const char member[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\xe7"
                                 "\xca\0\x93\0\x77\x0c\xc7\x2f\x0c\0\0";
    char seed[64] = "0";
    /* The last 0x00 of a member is the one that ends the text. */
    memcpy(seed + 1, member, sizeof member);
    memcpy(seed + 1 + sizeof member, member, sizeof member);
    lm_mutations_run(&mutations, seed, 1 + 2 * sizeof member);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_separators),
                                       cmocka_unit_test(test_json_lines),
                                       cmocka_unit_test(test_compressed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
