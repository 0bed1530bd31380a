/* The same few thousand mutations of small files every time: `make fuzz T=tensors` goes on from
 * them. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "tests/fuzz/tensors.c"
#include "tests/support/draws.h"

enum { ROUNDS = 4000, ROOM = 2048 };

static lm_draws draws = {.seed = 31};

/* Most of the mutations are in the head. */
static size_t mutate(uint8_t *data, size_t size, size_t head) {
    static const uint8_t numbers[] = {0, 1, 2, 4, 8, 9, 31, 32, 0x7F, 0x80, 0xFE, 0xFF};
    size_t at = lm_draw(&draws, lm_draw(&draws, 4) ? lm_size_min(head, size) : size),
           n = 1 + lm_draw(&draws, 9);
    n = lm_size_min(n, size - at);
    switch (lm_draw(&draws, 5)) {
    case 0: /* something is missing */
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    case 1: /* something stands twice */
        n = lm_size_min(n * (1 + lm_draw(&draws, 8)), ROOM - size);
        n = lm_size_min(n, size - at);
        memmove(data + at + n, data + at, size - at);
        return size + n;
    case 2:
        memset(data + at, numbers[lm_draw(&draws, sizeof numbers)], n);
        return size;
    case 3:
        return lm_draw(&draws, 8) ? size : at + n;
    default:
        data[at] = numbers[lm_draw(&draws, sizeof numbers)];
        return size;
    }
}

static void try_all(const char *name, size_t head) {
    uint8_t seed[ROOM], data[ROOM];
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    size_t size = fread(seed, 1, sizeof seed, f);
    fclose(f);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = size;
        memcpy(data, seed, size);
        for (size_t times = 1 + lm_draw(&draws, 4); times > 0 && n > 1; times--)
            n = mutate(data, n, head);
        LLVMFuzzerTestOneInput(data, n);
    }
}

static void test_gguf(void **state) {
    (void)state;
    try_all("tests/fuzz/seeds/tensors/small.gguf", 640);
}

static void test_safetensors(void **state) {
    (void)state;
    try_all("tests/fuzz/seeds/tensors/small.safetensors", 520);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gguf),
                                       cmocka_unit_test(test_safetensors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
