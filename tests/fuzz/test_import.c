/* The same few thousand mutations of small models every time: `make fuzz T=import` goes on from
 * them. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "tests/fuzz/import.c"
#include "tests/support/draws.h"

enum { ROUNDS = 400, ROOM = 1 << 16 };

static lm_draws draws = {.seed = 37};

/* Most of the mutations are in the head. */
static size_t mutate(uint8_t *data, size_t size, size_t head) {
    static const uint8_t numbers[] = {0, 1, 2, 3, 16, 32, 64, 127, 128, 255, '0', '9', '"', 'e'};
    size_t at = lm_draw(&draws, lm_draw(&draws, 8) ? lm_size_min(head, size) : size),
           n = 1 + lm_draw(&draws, 9);
    n = lm_size_min(n, size - at);
    switch (lm_draw(&draws, 4)) {
    case 0:
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    case 1:
        n = lm_size_min(n, ROOM - size);
        memmove(data + at + n, data + at, size - at);
        return size + n;
    default:
        data[at] = numbers[lm_draw(&draws, sizeof numbers)];
        return size;
    }
}

static void try_all(const char *name, size_t head) {
    static uint8_t seed[ROOM], data[ROOM];
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    size_t size = fread(seed, 1, sizeof seed, f);
    fclose(f);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = size;
        memcpy(data, seed, size);
        for (size_t times = 1 + lm_draw(&draws, 3); times > 0 && n > 1; times--)
            n = mutate(data, n, head);
        LLVMFuzzerTestOneInput(data, n);
    }
}

#define FOLDER "tests/interop/import/"

static void test_files(void **state) {
    (void)state;
    try_all(FOLDER "q4.gguf", 3000);
    try_all(FOLDER "llama2c_v0.bin", 28);
    try_all(FOLDER "llama2c_v2.bin", 41);
    try_all(FOLDER "llmc_v3.bin", 32);
    try_all(FOLDER "nanogpt.safetensors", 4000);
}

static void test_configs(void **state) {
    (void)state;
    static const char *const names[] = {"llama", "llama_bias", "qwen3", "nemotron", "gpt2"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, FOLDER "%s/config.json", names[i]);
        try_all(path, 2000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_configs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
