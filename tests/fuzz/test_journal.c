/* The same few thousand mutations of lines of a journal every time: `make fuzz T=journal` goes on
 * from it. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/journal.c"
#include "tests/support/draws.h"

enum { ROUNDS = 8000 };

static void test_mutations(void **state) {
    (void)state;
    static lm_draws draws = {.seed = 43};
    static const char *const seeds[] = {
        "{\"trial\":17,\"rung\":0,\"state\":\"done\",\"steps\":40,\"loss\":2.13,\"seconds\":1.9,"
        "\"exit_code\":0}",
        "{\"trial\":1,\"rung\":2,\"state\":\"diverged\",\"steps\":0,\"loss\":null,\"seconds\":0,"
        "\"exit_code\":3}",
        "{\"end\":1}",
        "{\"stop\":\"trial 17 (optimizer.lr = 7): \\u00e9\"}",
    };
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
        for (int i = 0; i < ROUNDS; i++) {
            char text[200];
            size_t size = strlen(seeds[s]);
            memcpy(text, seeds[s], size);
            for (size_t times = lm_draw(&draws, 4); times > 0; times--) {
                size_t at = lm_draw(&draws, size), n = 1 + lm_draw(&draws, 3);
                if (lm_draw(&draws, 2)) {
                    text[at] = "0192.e-+{}[]\":,ntd"[lm_draw(&draws, 18)];
                } else {
                    if (n > size - at) n = size - at;
                    memmove(text + at, text + at + n, size - at - n);
                    size -= n;
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
