#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"

/* The answers of FIPS 180-4's examples, and one of a million bytes. */
static void test_known_answers(void **state) {
    (void)state;
    static const unsigned char abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                          0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                          0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                          0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static const unsigned char million[32] = {0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92,
                                              0x81, 0xa1, 0xc7, 0xe2, 0x84, 0xd7, 0x3e, 0x67,
                                              0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97, 0x20, 0x0e,
                                              0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0};
    unsigned char out[32];
    lm_sha256("abc", 3, out);
    assert_memory_equal(out, abc, 32);
    char *many = malloc(1000000);
    memset(many, 'a', 1000000);
    lm_sha256(many, 1000000, out);
    assert_memory_equal(out, million, 32);
    free(many);
}

/* Every length around a block's end, in base64, against answers of sha256sum. */
static void test_base64(void **state) {
    (void)state;
    static const struct {
        size_t length;
        const char *answer;
    } cases[] = {{0, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
                 {55, "n0OQ+NMMLdkuyfCVtl4rmumwqSWlJY4kHJ8ekQ9zQxg="},
                 {56, "s1Q5pKxvCUi21vnjxq8PX1kM4g8b3nCQ73lwaG7Gc4o="},
                 {64, "/+BU/nrgy23GXDr5th1SCfQ5hR20PQulmXM33xVGaOs="}};
    char as[64];
    memset(as, 'a', sizeof as);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_text t = {0};
        lm_sha256_base64(as, cases[i].length, &t);
        assert_string_equal(lm_text_cstr(&t), cases[i].answer);
        lm_text_free(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_answers),
                                       cmocka_unit_test(test_base64)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
