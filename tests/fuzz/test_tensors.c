/* The same few thousand mutations of small files every time: `make fuzz T=tensors` goes on from
 * them. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/fuzz/tensors.c"
#include "tests/support/mutations.h"

static void try_all(const char *path, size_t head) {
    static lm_mutations m = {.draws = {.seed = 31},
                             .rounds = 4000,
                             .most = 4,
                             .room = 2048,
                             .target = LLVMFuzzerTestOneInput};
    m.head = head;
    lm_mutations_run_file(&m, path);
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
