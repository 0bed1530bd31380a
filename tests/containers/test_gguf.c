#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "containers/gguf.h"
#include "tests/support/tempdir.h"

/* Written by the Python package gguf: make_tensors.py. */
#define SMALL "tests/fuzz/seeds/tensors/small.gguf"

static void test_metadata_of_the_reference(void **state) {
    (void)state;
    static const char *const tokens[] = {"a", "", "\xC4\xA0\x62"};
    static const double token_types[] = {1, -3, 6}, scores[] = {0.5, -1};
    lm_error err = {0};
    lm_gguf g;
    lm_gguf_array a;
    size_t length;
    assert_int_equal(lm_gguf_open(&g, SMALL, &err), LM_OK);
    assert_int_equal(g.n_pairs, 8);
    assert_true(lm_gguf_string_is(&g, "general.architecture", "llama"));
    assert_false(lm_gguf_string_is(&g, "general.architecture", "llam"));
    assert_int_equal(lm_gguf_get_count(&g, "llama.block_count", 1, 9), 2);
    assert_true(lm_gguf_get_number(&g, "llama.rope.freq_base") == 10000);
    assert_false(lm_gguf_get_boolean(&g, "tokenizer.ggml.add_bos_token"));
    assert_memory_equal(lm_gguf_get_string(&g, "general.name", &length), "na\xC3\xAFve", 6);
    assert_int_equal(length, 6);
    lm_gguf_get_array(&g, "tokenizer.ggml.tokens", LM_GGUF_STRING, &a);
    assert_int_equal(a.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(lm_gguf_next(&a));
        assert_int_equal(a.length, strlen(tokens[i]));
        assert_memory_equal(a.string, tokens[i], a.length);
    }
    assert_false(lm_gguf_next(&a));
    lm_gguf_get_array(&g, "tokenizer.ggml.token_type", LM_GGUF_TYPES, &a);
    for (int i = 0; lm_gguf_next(&a); i++) assert_true(a.number == token_types[i]);
    lm_gguf_get_array(&g, "tokenizer.ggml.scores", LM_GGUF_TYPES, &a);
    for (int i = 0; lm_gguf_next(&a); i++) assert_true(a.number == scores[i]);
    assert_int_equal(g.status, LM_OK);
    assert_false(lm_gguf_has(&g, "tokenizer.ggml.token"));
    lm_gguf_close(&g);
    lm_gguf_close(&g);
}

static void test_tensors_of_the_reference(void **state) {
    (void)state;
    static const struct {
        const char *name;
        lm_element element;
        int ndim;
        int64_t shape[2];
        uint64_t bytes;
    } rows[] = {
        {"half", LM_ELEMENT_F16, 2, {2, 3}, 12},
        {"output_norm.weight", LM_ELEMENT_F32, 1, {5}, 20},
        {"q", LM_ELEMENT_Q8_0, 2, {2, 64}, 136},
        {"token_embd.weight", LM_ELEMENT_F32, 2, {3, 32}, 384},
        {"upper", LM_ELEMENT_BF16, 1, {7}, 14},
    };
    lm_error err = {0};
    lm_gguf g;
    float ramp[96];
    assert_int_equal(lm_gguf_open(&g, SMALL, &err), LM_OK);
    assert_int_equal(g.tensors.count, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < g.tensors.count; i++) {
        const lm_tensor *t = lm_tensors_find(&g.tensors, rows[i].name);
        assert_non_null(t);
        assert_int_equal(t->element, rows[i].element);
        assert_int_equal(t->ndim, rows[i].ndim);
        for (int d = 0; d < t->ndim; d++) assert_int_equal(t->shape[d], rows[i].shape[d]);
        assert_int_equal(t->bytes, rows[i].bytes);
        assert_int_equal(t->offset % 32, 0);
    }
    const lm_tensor *t = lm_tensors_find(&g.tensors, "token_embd.weight");
    assert_int_equal(lm_file_reader_at(&g.file, t->offset, ramp, sizeof ramp, &err), LM_OK);
    for (int i = 0; i < 96; i++) assert_true(ramp[i] == (float)i / 4);
    assert_null(lm_tensors_find(&g.tensors, "token_embd"));
    lm_gguf_close(&g);
}

/* Elements of a tensor of the reference, as they are in its file. */
static void copy_tensor(lm_gguf *from, lm_gguf_writer *w, size_t i, const char *name) {
    lm_error err = {0};
    unsigned char bytes[1024];
    const lm_tensor *t = lm_tensors_find(&from->tensors, name);
    assert_int_equal(lm_file_reader_at(&from->file, t->offset, bytes, (size_t)t->bytes, &err),
                     LM_OK);
    size_t half = (size_t)t->bytes / 2;
    assert_int_equal(
        lm_tensor_write(&w->tensors, i, half, bytes + half, (size_t)t->bytes - half, &err), LM_OK);
    assert_int_equal(lm_tensor_write(&w->tensors, i, 0, bytes, half, &err), LM_OK);
}

static void assert_same_file(const char *a, const char *b) {
    lm_error err = {0};
    lm_text x = {0}, y = {0};
    assert_int_equal(lm_file_read(a, 1 << 20, &x, &err), LM_OK);
    assert_int_equal(lm_file_read(b, 1 << 20, &y, &err), LM_OK);
    assert_int_equal(x.length, y.length);
    assert_memory_equal(x.data, y.data, x.length);
    lm_text_free(&x);
    lm_text_free(&y);
}

/* The same values give the same bytes as the reference. */
static void test_writes_what_the_reference_writes(void **state) {
    (void)state;
    static const char *const names[] = {"token_embd.weight", "output_norm.weight", "half", "upper",
                                        "q"};
    lm_error err = {0};
    lm_gguf from;
    lm_gguf_writer w = {0};
    char *path = lm_file_join(tempdir, "written.gguf");
    assert_int_equal(lm_gguf_open(&from, SMALL, &err), LM_OK);
    lm_gguf_put_string(&w, "general.architecture", "llama");
    lm_gguf_put_u32(&w, "llama.block_count", 2);
    lm_gguf_put_f32(&w, "llama.rope.freq_base", 10000);
    lm_gguf_put_boolean(&w, "tokenizer.ggml.add_bos_token", false);
    lm_gguf_put_string(&w, "general.name", "na\xC3\xAFve");
    lm_gguf_put_array(&w, "tokenizer.ggml.tokens", LM_GGUF_STRING, 3);
    lm_gguf_put_element_string(&w, "a", 1);
    lm_gguf_put_element_string(&w, "", 0);
    lm_gguf_put_element_string(&w,
                               "\xC4\xA0"
                               "b",
                               3);
    lm_gguf_put_array(&w, "tokenizer.ggml.token_type", LM_GGUF_I32, 3);
    lm_gguf_put_element_i32(&w, 1);
    lm_gguf_put_element_i32(&w, -3);
    lm_gguf_put_element_i32(&w, 6);
    lm_gguf_put_array(&w, "tokenizer.ggml.scores", LM_GGUF_F32, 2);
    lm_gguf_put_element_f32(&w, 0.5F);
    lm_gguf_put_element_f32(&w, -1);
    for (int i = 0; i < 5; i++) {
        const lm_tensor *t = lm_tensors_find(&from.tensors, names[i]);
        lm_gguf_add(&w, names[i], (lm_element)t->element, t->ndim, t->shape);
    }
    assert_int_equal(lm_gguf_begin(&w, path, &err), LM_OK);
    assert_false(lm_file_exists(path));
    for (size_t i = 5; i-- > 0;) copy_tensor(&from, &w, i, names[i]); /* in any order */
    assert_int_equal(lm_tensor_writer_commit(&w.tensors, &err), LM_OK);
    lm_gguf_writer_free(&w);
    lm_gguf_close(&from);
    assert_same_file(path, SMALL);
    free(path);
}

static void test_writing_can_be_given_up(void **state) {
    (void)state;
    lm_error err = {0};
    lm_gguf_writer w = {0};
    char *path = lm_file_join(tempdir, "given-up.gguf");
    const int64_t shape[] = {4};
    lm_gguf_add(&w, "x", LM_ELEMENT_F32, 1, shape);
    assert_int_equal(lm_gguf_begin(&w, path, &err), LM_OK);
    lm_gguf_writer_free(&w);
    assert_false(lm_file_exists(path));
    strcat(strcpy(err.message, path), ".tmp");
    assert_false(lm_file_exists(err.message));
    free(path);
}

static void test_getters_say_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *key, *says;
    } rows[] = {
        {"llama.n", "key llama.n: expected a whole number from 3 to 9, found no such key"},
        {"llama.block_count",
         "key llama.block_count: expected a whole number from 3 to 9, found 2"},
        {"general.name", "found \"na\xC3\xAFve\""},
        {"tokenizer.ggml.tokens", "found an array of 3, each a string"},
        {"tokenizer.ggml.add_bos_token", "found a boolean"},
    };
    lm_error err = {0};
    lm_gguf g;
    lm_gguf_array a;
    assert_int_equal(lm_gguf_open(&g, SMALL, &err), LM_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        g.status = LM_OK;
        assert_int_equal(lm_gguf_get_count(&g, rows[i].key, 3, 9), 0);
        assert_int_equal(g.status, LM_ERR_RUNTIME);
        assert_non_null(strstr(err.message, rows[i].says));
        assert_non_null(strstr(err.message, SMALL ": "));
        assert_true(err.damaged);
    }
    /* The first error stays. */
    assert_int_equal(lm_gguf_get_count(&g, "llama.block_count", 1, 9), 0);
    assert_non_null(strstr(err.message, "add_bos_token"));
    g.status = LM_OK;
    lm_gguf_get_array(&g, "tokenizer.ggml.scores", LM_GGUF_STRING, &a);
    assert_false(lm_gguf_next(&a));
    assert_non_null(strstr(err.message, "expected an array of strings, found an array of 2"));
    lm_gguf_close(&g);
}

/* ---- what is refused --------------------------------------------------------------------------*/

/* A file with a tensor per row, whose elements nobody wrote, and one pair. */
typedef struct made {
    lm_text t;
} made;

static void u32(made *m, uint32_t x) {
    unsigned char b[4];
    lm_write_u32(b, x);
    lm_text_append(&m->t, b, 4);
}
static void u64(made *m, uint64_t x) {
    unsigned char b[8];
    lm_write_u64(b, x);
    lm_text_append(&m->t, b, 8);
}
static void string(made *m, const char *s) {
    u64(m, strlen(s));
    lm_text_append(&m->t, s, strlen(s));
}
static void front(made *m, uint64_t tensors, uint64_t pairs) {
    lm_text_append(&m->t, "GGUF", 4);
    u32(m, 3);
    u64(m, tensors);
    u64(m, pairs);
}
static void tensor(made *m, const char *name, uint64_t x, uint64_t y, uint32_t type,
                   uint64_t offset) {
    string(m, name);
    u32(m, 2);
    u64(m, x);
    u64(m, y);
    u32(m, type);
    u64(m, offset);
}

/* Opens what was made, padded and with so many bytes of data, and frees it. */
static void refused(made *m, size_t data, const char *says) {
    lm_error err = {0};
    lm_gguf g;
    char *path = lm_file_join(tempdir, "made.gguf");
    while (m->t.length % 32) lm_text_append(&m->t, "", 1);
    for (size_t i = 0; i < data; i++) lm_text_append(&m->t, "", 1);
    assert_int_equal(lm_file_replace(path, m->t.data, m->t.length, &err), LM_OK);
    lm_status status = lm_gguf_open(&g, path, &err);
    if (!says) {
        assert_int_equal(status, LM_OK);
        lm_gguf_close(&g);
    } else {
        assert_int_equal(status, LM_ERR_RUNTIME);
        assert_true(err.damaged);
        assert_non_null(strstr(err.message, path));
        if (!strstr(err.message, says)) fail_msg("%s", err.message);
    }
    lm_text_free(&m->t);
    free(path);
}

static void test_tensors_that_are_refused(void **state) {
    (void)state;
    static const struct {
        uint64_t x, y;
        uint32_t type;
        uint64_t offset, data;
        const char *says;
    } rows[] = {
        {4, 2, 0, 0, 32, NULL},
        {4, 2, 0, 32, 32, "expected its 32 bytes at byte offset"},
        {4, 2, 0, 1, 64, "expected an offset that is a multiple of 32, found 1"},
        {4, 2, 5, 0, 64, "its type 5 is not known"},
        {4, 2, 8, 0, 640, "is not of whole blocks of 32 elements (Q8_0)"},
        {UINT64_C(1) << 40, UINT64_C(1) << 40, 0, 0, 64, "has too many elements"},
        {UINT64_C(1) << 63, 1, 0, 0, 64, "one that does not fit 63 bits"},
        {UINT64_C(1) << 62, 1, 0, 0, 64, "is not of whole blocks"}, /* 2^64 bytes */
        {UINT64_C(1) << 61, 1, 0, 0, 64, "expected its 9223372036854775808 bytes"},
        {4, 2, 0, UINT64_MAX - 31, 64, "expected its 32 bytes at byte offset"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        made m = {0};
        front(&m, 1, 0);
        tensor(&m, "x", rows[i].x, rows[i].y, rows[i].type, rows[i].offset);
        refused(&m, rows[i].data, rows[i].says);
    }
    made m = {0};
    front(&m, 2, 0);
    tensor(&m, "x", 16, 1, 0, 0);
    tensor(&m, "y", 4, 2, 0, 32);
    refused(&m, 64, "tensors x and y overlap");
    front(&m, 2, 0);
    tensor(&m, "x", 4, 1, 0, 0);
    tensor(&m, "x", 4, 2, 0, 32);
    refused(&m, 64, "there are two tensors with the name x");
    front(&m, 1, 0);
    tensor(&m, "1234567890123456789012345678901234567890123456789012345678901234", 4, 1, 0, 0);
    refused(&m, 64, "a tensor's name of at most 63 bytes");
}

static void test_heads_that_are_refused(void **state) {
    (void)state;
    made m = {0};
    lm_text_append(&m.t, "GGML", 4);
    refused(&m, 32, "byte offset 0: expected \"GGUF\", found other bytes");
    lm_text_append(&m.t, "GGUF\0\0\0\3", 8);
    refused(&m, 32, "found a big-endian file: 3");
    lm_text_append(&m.t, "GGUF\1\0\0\0", 8);
    refused(&m, 32, "expected GGUF version 2 or 3, found 1");
    front(&m, UINT64_MAX, 0);
    refused(&m, 0, "byte offset 8: expected the number of tensors, found more than fit");
    front(&m, 0, 1 << 20);
    refused(&m, 0, "byte offset 16: expected the number of keys, found more than fit");
    front(&m, 0, 1); /* a string whose end is beyond the file's */
    string(&m, "general.name");
    u32(&m, LM_GGUF_STRING);
    u64(&m, UINT64_MAX - 7);
    refused(&m, 0, "expected a string (18446744073709551608 bytes), found the end of the file");
    front(&m, 0, 1);
    string(&m, "a");
    u32(&m, LM_GGUF_ARRAY);
    u32(&m, LM_GGUF_U64);
    u64(&m, UINT64_C(1) << 61);
    refused(&m, 64, "one that does not fit 64 bits");
    front(&m, 0, 1);
    string(&m, "a");
    u32(&m, LM_GGUF_ARRAY);
    u32(&m, LM_GGUF_STRING);
    u64(&m, UINT64_MAX);
    refused(&m, 64, "expected a string of an array (8 bytes), found the end of the file");
    front(&m, 0, 1);
    string(&m, "a");
    u32(&m, LM_GGUF_ARRAY);
    u32(&m, LM_GGUF_ARRAY);
    u64(&m, 0);
    refused(&m, 64, "expected an array's elements, found an array");
    front(&m, 0, 1);
    string(&m, "a");
    u32(&m, 13);
    refused(&m, 64, "expected the type of a value, 0 to 12");
    front(&m, 0, 2);
    for (int i = 0; i < 2; i++) {
        string(&m, "a");
        u32(&m, LM_GGUF_U32);
        u32(&m, 1);
    }
    refused(&m, 64, "there are two keys a");
    front(&m, 0, 1);
    string(&m, "general.alignment");
    u32(&m, LM_GGUF_U32);
    u32(&m, 48);
    refused(&m, 64, "key general.alignment: expected a power of two, found 48");
    front(&m, 0, 1);
    string(&m, "b");
    u32(&m, LM_GGUF_BOOL);
    lm_text_append(&m.t, "\2", 1);
    refused(&m, 64, "expected a boolean, 0 or 1");
}

/* A head that is larger than what is read at first. */
static void test_large_head(void **state) {
    (void)state;
    lm_error err = {0};
    lm_gguf g;
    lm_gguf_array a;
    lm_gguf_writer w = {0};
    char *path = lm_file_join(tempdir, "large.gguf");
    enum { COUNT = 300000 };
    lm_gguf_put_array(&w, "tokens", LM_GGUF_STRING, COUNT);
    for (int i = 0; i < COUNT; i++) lm_gguf_put_element_string(&w, "token", 5);
    lm_gguf_put_u32(&w, "last", 17);
    assert_int_equal(lm_gguf_begin(&w, path, &err), LM_OK);
    assert_int_equal(lm_tensor_writer_commit(&w.tensors, &err), LM_OK);
    lm_gguf_writer_free(&w);
    assert_int_equal(lm_gguf_open(&g, path, &err), LM_OK);
    assert_int_equal(lm_gguf_get_count(&g, "last", 0, 100), 17);
    lm_gguf_get_array(&g, "tokens", LM_GGUF_STRING, &a);
    int n = 0;
    while (lm_gguf_next(&a)) n += a.length == 5;
    assert_int_equal(n, COUNT);
    assert_int_equal(g.tensors.count, 0);
    lm_gguf_close(&g);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata_of_the_reference),
        cmocka_unit_test(test_tensors_of_the_reference),
        cmocka_unit_test(test_writes_what_the_reference_writes),
        cmocka_unit_test(test_writing_can_be_given_up),
        cmocka_unit_test(test_getters_say_what_is_wrong),
        cmocka_unit_test(test_tensors_that_are_refused),
        cmocka_unit_test(test_heads_that_are_refused),
        cmocka_unit_test(test_large_head),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}
