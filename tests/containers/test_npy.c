#include "tests/support/test.h"

#include <string.h>

#include "base/bytes.h"
#include "containers/npy.h"

static void test_headers(void **state) {
    (void)state;
    static const struct {
        int ndim;
        int64_t shape[6];
        const char *shape_text;
    } rows[] = {
        {0, {0}, "()"},
        {1, {5}, "(5,)"},
        {2, {3, 0}, "(3, 0)"},
        {6, {1 << 30, 2, 3, 4, 5, 123456789}, "(1073741824, 2, 3, 4, 5, 123456789)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_text t = {0}, dict = {0};
        lm_text_printf(&t, "before");
        lm_npy_header_print("<f4", rows[i].ndim, rows[i].shape, &t);
        const char *header = t.data + strlen("before");
        size_t size = t.length - strlen("before");
        assert_int_equal(size % 64, 0);
        assert_memory_equal(header, "\x93NUMPY\x01\x00", 8);
        assert_int_equal(lm_read_u16(header + 8), size - 10);
        lm_text_printf(&dict, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }",
                       rows[i].shape_text);
        assert_memory_equal(header + 10, dict.data, dict.length);
        assert_int_equal(header[size - 1], '\n');
        lm_text_free(&t);
        lm_text_free(&dict);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
