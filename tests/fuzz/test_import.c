/* The same few thousand mutations of small models every time: `make fuzz T=import` goes on from
 * them. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/fuzz/import.c"
#include "tests/support/mutations.h"

static void try_all(const char *path, size_t head) {
    static lm_mutations m = {.draws = {.seed = 37},
                             .rounds = 400,
                             .most = 3,
                             .room = 1 << 16,
                             .target = LLVMFuzzerTestOneInput};
    m.head = head;
    lm_mutations_run_file(&m, path);
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
