#include "tests/support/test.h"

#include "base/digest.h"

/* Published answers of XXH64 with seed 0. */
static void test_known_answers(void **state) {
    (void)state;
    assert_true(lm_digest_of("", 0) == 0xEF46DB3751D8E999u);
    assert_true(lm_digest_of("a", 1) == 0xD24EC4F1A98C6E5Bu);
    assert_true(lm_digest_of("abc", 3) == 0x44BC2CF5AD770999u);
    static const char pangram[] = "The quick brown fox jumps over the lazy dog";
    assert_true(lm_digest_of(pangram, sizeof pangram - 1) == 0x0B242D361FDA71BCu);
}

static void test_a_digest_does_not_depend_on_how_bytes_are_cut(void **state) {
    (void)state;
    unsigned char data[200];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 37);
    for (size_t size = 0; size <= sizeof data; size += 7) {
        uint64_t whole = lm_digest_of(data, size);
        for (size_t piece = 1; piece < 70; piece++) {
            lm_digest d;
            lm_digest_init(&d);
            for (size_t at = 0; at < size; at += piece)
                lm_digest_add(&d, data + at, size - at < piece ? size - at : piece);
            assert_true(lm_digest_end(&d) == whole);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_a_digest_does_not_depend_on_how_bytes_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
