/* The same few thousand mutations of CSV texts every time: `make fuzz T=points` goes on from it. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/points.c"
#include "tests/support/draws.h"

enum { ROUNDS = 8000 };

static void test_mutations(void **state) {
    (void)state;
    static lm_draws draws = {.seed = 47};
    static const char *const seeds[] = {
        "loss,parameters,tokens,unique_tokens\n1,2,3,\n4,5,6,7\n",
        "# runs\nname, parameters ,tokens,loss,seconds\r\n\"x\",1.2e6,24000000,2.31,81.5\r\n",
    };
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
        for (int i = 0; i < ROUNDS; i++) {
            char text[200];
            size_t size = strlen(seeds[s]);
            memcpy(text, seeds[s], size);
            for (size_t times = lm_draw(&draws, 5); times > 0; times--) {
                size_t at = lm_draw(&draws, size), n = 1 + lm_draw(&draws, 3);
                if (lm_draw(&draws, 2)) {
                    text[at] = "0192.e-+,,\n\r\t #\"nix"[lm_draw(&draws, 20)];
                } else {
                    if (n > size - at) n = size - at;
                    memmove(text + at, text + at + n, size - at - n);
                    size -= n;
                    if (size == 0) break;
                }
            }
            LLVMFuzzerTestOneInput((const uint8_t *)text, size);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
