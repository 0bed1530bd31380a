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

static lm_text file_of(const char *dict) {
    lm_text t = {0};
    lm_text_append(&t, "\x93NUMPY\1\0\0\0", 10);
    lm_text_append(&t, dict, strlen(dict));
    lm_write_u16(t.data + 8, (uint16_t)strlen(dict));
    return t;
}

static void test_headers_are_read_back(void **state) {
    (void)state;
    lm_error err = {0};
    lm_npy_header h;
    lm_text t = {0};
    const int64_t shape[] = {7, 1 << 30, 3};
    lm_npy_header_print(">i8", 3, shape, &t);
    assert_true(lm_npy_is((unsigned char *)t.data, t.length));
    assert_int_equal(lm_npy_header_size((unsigned char *)t.data), t.length);
    assert_int_equal(lm_npy_header_read(&h, (unsigned char *)t.data, t.length, "a", &err), LM_OK);
    assert_string_equal(h.descr, ">i8");
    assert_int_equal(h.ndim, 3);
    assert_memory_equal(h.shape, shape, sizeof shape);
    assert_int_equal(h.count, (int64_t)21 << 30);
    assert_false(h.fortran_order);
    lm_text_free(&t);

    /* What NumPy takes: any white space, either quotes, Python 2's L, no comma at the end. */
    t = file_of("{ \"shape\":(5L ,\n) ,'fortran_order' :True,\"descr\":'|u1'}");
    assert_int_equal(lm_npy_header_read(&h, (unsigned char *)t.data, t.length, "a", &err), LM_OK);
    assert_true(h.fortran_order && h.ndim == 1 && h.count == 5);
    lm_text_free(&t);
    t = file_of("{'shape': (), 'fortran_order': False, 'descr': '<u2', }");
    assert_int_equal(lm_npy_header_read(&h, (unsigned char *)t.data, t.length, "a", &err), LM_OK);
    assert_true(h.ndim == 0 && h.count == 1);
    lm_text_free(&t);
}

/* All of these numpy.load refuses too, but for the sizes that nobody has. */
static void test_wrong_headers(void **state) {
    (void)state;
    static const struct {
        const char *dict, *error;
    } rows[] = {
        {"", "byte offset 10: expected '{', found the end of the header"},
        {"{", "expected a key in quotes, found the end"},
        {"{'descr': '<u2'}", "expected 'descr', 'fortran_order' and 'shape' before it"},
        {"{'descr': '<u2', 'descr': '<u2'}", "byte offset 27: expected 'descr',"},
        {"{'descr': '<u2', 'more': 1}", "byte offset 27: expected 'descr',"},
        {"{'descr': [('a', '<u2')], ", "expected the name of a plain type in quotes, found '['"},
        {"{'descr': '<u2, ", "expected a closing quote"},
        {"{'descr': '<u2345678901234567890', ", "the name of a plain type"},
        {"{'fortran_order': true, ", "expected True or False, found 't'"},
        {"{'shape': [5], ", "expected '(', found '['"},
        {"{'shape': (5), ", "expected ',', found ')'"},
        {"{'shape': (-5,), ", "expected a number of elements, found '-'"},
        {"{'shape': (99999999999999999999,), ", "expected a number of elements below 2^63"},
        {"{'shape': (9999999999,9999999999), ", "expected fewer than 2^63 elements in all"},
        {"{'shape': (1,), 'fortran_order': False, 'descr': '<u2'} x",
         "expected the end of the header, found 'x'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_error err = {0};
        lm_npy_header h;
        lm_text t = file_of(rows[i].dict);
        lm_status status = lm_npy_header_read(&h, (unsigned char *)t.data, t.length, "a.npy", &err);
        if (status == LM_OK || !strstr(err.message, rows[i].error))
            fail_msg("expected \"%s\" in: %s", rows[i].error, err.message);
        lm_text_free(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_headers_are_read_back),
        cmocka_unit_test(test_wrong_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
