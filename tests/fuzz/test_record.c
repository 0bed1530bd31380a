/* The same mutations of the seeds every time: `make fuzz T=record` goes on from them. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/record.c"
#include "tests/support/draws.h"

enum { ROUNDS = 200, ROOM = 1024 };

static lm_draws draws = {.seed = 41};

static const char *const pieces[] = {"{",  "}",     "[",  "]",    "\"",         ",",
                                     ":",  "..",    "/",  "0",    "\"name\": ", "\\u0000",
                                     "  ", "xxh64", "a,", "null", "notes.txt",  "\xFF"};

/* Puts a piece somewhere, takes some bytes out, or flips a bit. */
static size_t mutate(char *text, size_t size) {
    size_t at = lm_draw(&draws, size + 1), n = 1 + lm_draw(&draws, 8);
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
    lm_error err;
    lm_file_list seeds = {0};
    int whole = 0;
    assert_int_equal(lm_file_list_directory(&seeds, "tests/fuzz/seeds/record", &err), LM_OK);
    assert_true(seeds.count >= 4);
    for (size_t s = 0; s < seeds.count; s++) {
        lm_text seed = {0};
        char *path = lm_file_join("tests/fuzz/seeds/record", seeds.names[s]);
        assert_int_equal(lm_file_read(path, ROOM, &seed, &err), LM_OK);
        LLVMFuzzerTestOneInput((const uint8_t *)lm_text_cstr(&seed), seed.length);
        whole += lm_file_exists(paths[4]);
        for (int i = 0; i < ROUNDS; i++) {
            char text[ROOM];
            size_t size = seed.length;
            memcpy(text, lm_text_cstr(&seed), size);
            for (size_t times = lm_draw(&draws, 4); times > 0; times--) size = mutate(text, size);
            LLVMFuzzerTestOneInput((const uint8_t *)text, size);
        }
        free(path);
        lm_text_free(&seed);
    }
    assert_true(whole > 0); /* exports that went through */
    lm_file_list_free(&seeds);
    char *slash = strrchr(paths[0], '/');
    for (int i = 1; i < 5; i++) free(paths[i]);
    *slash = '\0';
    lm_test_tempdir_free(paths[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
