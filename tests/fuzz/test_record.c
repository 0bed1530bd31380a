/* The same mutations of the seeds every time: `make fuzz T=record` goes on from them. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/record.c"
#include "tests/support/mutations.h"

#define SEEDS "tests/fuzz/seeds/record"

static const char *const pieces[] = {"{",  "}",     "[",  "]",    "\"",         ",",
                                     ":",  "..",    "/",  "0",    "\"name\": ", "\\u0000",
                                     "  ", "xxh64", "a,", "null", "notes.txt",  "\xFF"};

static void test_records(void **state) {
    (void)state;
    static lm_mutations m = {.draws = {.seed = 41},
                             .rounds = 200,
                             .most = 3,
                             .room = 1024,
                             .pieces = pieces,
                             .n_pieces = sizeof pieces / sizeof *pieces,
                             .target = LLVMFuzzerTestOneInput};
    lm_error err;
    lm_file_list seeds = {0};
    int whole = 0;
    assert_int_equal(lm_file_list_directory(&seeds, SEEDS, &err), LM_OK);
    assert_true(seeds.count >= 4);
    for (size_t s = 0; s < seeds.count; s++) {
        lm_text seed = {0};
        char *path = lm_file_join(SEEDS, seeds.names[s]);
        assert_int_equal(lm_file_read(path, 1024, &seed, &err), LM_OK);
        while (seed.length % 4 != 0) lm_text_append(&seed, "\n", 1); /* record.c exports over it */
        LLVMFuzzerTestOneInput((const uint8_t *)lm_text_cstr(&seed), seed.length);
        whole += lm_file_exists(paths[4]);
        lm_mutations_run(&m, lm_text_cstr(&seed), seed.length);
        free(path);
        lm_text_free(&seed);
    }
    assert_true(whole > 0);
    lm_file_list_free(&seeds);
    char *slash = strrchr(paths[0], '/');
    for (int i = 1; i < 5; i++) free(paths[i]);
    *slash = '\0';
    lm_test_tempdir_free(paths[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_records)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
