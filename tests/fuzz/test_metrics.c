/* The same mutations of metrics every time: `make fuzz T=metrics` goes on from it. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/metrics.c"
#include "tests/support/draws.h"

enum { ROUNDS = 1200, ROOM = 900 };

static const char seed[] =
    "{\"step\":1,\"tokens\":8,\"loss\":2.5,\"lr\":0.1,\"grad_norm\":1,\"tokens_per_s\":9,"
    "\"phases\":{\"gemm\":0.5},\"seconds\":0.1}\n"
    "{\"step\":2,\"tokens\":16,\"val_loss\":3,\"val_loss.a\":2,\"val_bits_per_byte\":1,"
    "\"seconds\":0.2}\n{\"step\":2,\"tokens\":16,\"layers\":{\"h.0\":{\"weight_norm\":1,"
    "\"update_ratio\":1e-3}},\"seconds\":0.2}\n"
    "{\"step\":3,\"tokens\":24,\"prompt\":\"a\",\"sample\":\"b\\n\",\"seconds\":0.3}\n";
static const char board[] = "[{\"trial\":1,\"state\":\"finished\",\"loss\":2,\"values\":{\"a\":1,"
                            "\"b\":\"c\"}},{\"trial\":2,\"loss\":null,\"values\":{\"a\":2}}]";

static lm_draws draws = {.seed = 31};

static size_t mutate(uint8_t *data, size_t size) {
    static const char *const pieces[] = {"\"",   "[",  "]",     "{",     "}",    "null", "-1",
                                         ",",    "\n", "\\u00", "1e999", ".",    " ",    ":",
                                         "\"\"", "</", "\\",    "\xFF",  "e308", "1e308"};
    size_t at = lm_draw(&draws, size), n = 1 + lm_draw(&draws, 12);
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
    return size + n;
}

static void test_pages(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t data[ROOM];
        size_t size = sizeof seed + sizeof board - 1;
        memcpy(data, seed, sizeof seed);
        memcpy(data + sizeof seed, board, sizeof board - 1);
        for (size_t times = lm_draw(&draws, 6); times > 0 && size > 1; times--)
            size = mutate(data, size);
        LLVMFuzzerTestOneInput(data, size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages)};
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
