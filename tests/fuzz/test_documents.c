/* The same few thousand mutations of texts every time: `make fuzz T=documents` goes on from it. */
#include "tests/support/test.h"

#include <stdio.h>

#include "tests/fuzz/documents.c"
#include "tests/support/draws.h"

enum { ROUNDS = 20000, ROOM = 512 };

static lm_draws draws = {.seed = 12};

static size_t mutate(uint8_t *data, size_t size) {
    static const char *const pieces[] = {"ab\nab", "ab\n", "ab",   "\n", "{\"a\":{\"b\":\"",
                                         "\"}}\n", "\\u",  "d800", "\"", "{",
                                         "]",      "null", ",",    "\\"};
    size_t at = lm_draw(&draws, size), n = 1 + lm_draw(&draws, 8);
    if (lm_draw(&draws, 3) == 0 && size > 1) {
        n = n < size - at ? n : size - at;
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    }
    const char *piece = pieces[lm_draw(&draws, sizeof pieces / sizeof *pieces)];
    n = strlen(piece);
    if (size + n > ROOM) return size;
    memmove(data + at + n, data + at, size - at);
    memcpy(data + at, piece, n);
    if (lm_draw(&draws, 4) == 0) data[at] = (uint8_t)(data[at] ^ 1u << lm_draw(&draws, 8));
    return size + n;
}

static void try_all(const void *seed, size_t seed_size) {
    uint8_t data[ROOM];
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = seed_size;
        memcpy(data, seed, size);
        for (size_t times = 1 + lm_draw(&draws, 6); times > 0 && size > 1; times--)
            size = mutate(data, size);
        LLVMFuzzerTestOneInput(data, size);
    }
}

static void test_separators(void **state) {
    (void)state;
    static const char seed[] = "0onetwo";
    try_all(seed, sizeof seed - 1);
}

static void test_json_lines(void **state) {
    (void)state;
    static const char seed[] =
        "1{\"a\":{\"b\":\"x\\n\"}}\n\n{\"a.b\":null}\r\n{\"c\":[1],\"a\":{\"b\":\"y\"}}";
    try_all(seed, sizeof seed - 1);
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
    try_all(seed, 1 + 2 * sizeof member);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_separators),
                                       cmocka_unit_test(test_json_lines),
                                       cmocka_unit_test(test_compressed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
