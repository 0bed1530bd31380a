#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "containers/safetensors.h"
#include "tests/support/tempdir.h"

/* Written by the Python package safetensors: make_tensors.py. */
#define SMALL "tests/fuzz/seeds/tensors/small.safetensors"

static const struct {
    const char *name;
    lm_element element;
    int ndim;
    int64_t shape[2];
    uint64_t bytes;
} rows[] = {
    {"model.embed_tokens.weight", LM_ELEMENT_F32, 2, {3, 32}, 384},
    {"model.norm.weight", LM_ELEMENT_F32, 1, {5}, 20},
    {"half", LM_ELEMENT_F16, 2, {2, 3}, 12},
    {"nothing", LM_ELEMENT_F32, 2, {0, 4}, 0},
    {"scalar", LM_ELEMENT_F32, 0, {0}, 4},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void test_tensors_of_the_reference(void **state) {
    (void)state;
    lm_error err = {0};
    lm_safetensors s;
    float ramp[96];
    assert_int_equal(lm_safetensors_open(&s, SMALL, &err), LM_OK);
    assert_int_equal(s.tensors.count, ROWS + 1);
    assert_string_equal(lm_safetensors_get(&s, "format"), "pt");
    assert_null(lm_safetensors_get(&s, "pt"));
    for (size_t i = 0; i < ROWS; i++) {
        const lm_tensor *t = lm_tensors_find(&s.tensors, rows[i].name);
        assert_non_null(t);
        assert_int_equal(t->element, rows[i].element);
        assert_int_equal(t->ndim, rows[i].ndim);
        for (int d = 0; d < t->ndim; d++) assert_int_equal(t->shape[d], rows[i].shape[d]);
        assert_int_equal(t->bytes, rows[i].bytes);
    }
    assert_string_equal(lm_element_at(lm_tensors_find(&s.tensors, "count")->element)->name, "I64");
    const lm_tensor *t = lm_tensors_find(&s.tensors, rows[0].name);
    assert_int_equal(lm_file_reader_at(&s.file, t->offset, ramp, sizeof ramp, &err), LM_OK);
    for (int i = 0; i < 96; i++) assert_true(ramp[i] == (float)i / 4);
    lm_safetensors_close(&s);
    lm_safetensors_close(&s);
}

static void assert_file_is(const char *path, const unsigned char *bytes, size_t size) {
    lm_error err = {0};
    lm_text x = {0};
    assert_int_equal(lm_file_read(path, 1 << 20, &x, &err), LM_OK);
    assert_int_equal(x.length, size);
    assert_memory_equal(x.data, bytes, size);
    lm_text_free(&x);
}

/* What the reference writes for the same tensors, without the one of a type that is not ours. */
static void test_writes_what_the_reference_writes(void **state) {
    (void)state;
    lm_error err = {0};
    lm_safetensors from;
    lm_safetensors_writer w = {0};
    unsigned char bytes[1024];
    lm_text all = {0};
    char *path = lm_file_join(tempdir, "written.safetensors");
    static const char head[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"a\\nb\":\"\xC3\xA9\\\"\"},"
        "\"half\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[408,420]},"
        "\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[3,32],\"data_offsets\":[0,384]"
        "},"
        "\"model.norm.weight\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[384,404]},"
        "\"nothing\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[404,404]},"
        "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[404,408]}}";
    static const int order[] = {2, 0, 1, 3, 4};
    assert_int_equal(lm_safetensors_open(&from, SMALL, &err), LM_OK);
    lm_safetensors_put(&w, "format", "pt");
    lm_safetensors_put(&w, "a\nb", "\xC3\xA9\"");
    for (int i = 0; i < ROWS; i++)
        lm_safetensors_add(&w, rows[order[i]].name, rows[order[i]].element, rows[order[i]].ndim,
                           rows[order[i]].shape);
    assert_int_equal(lm_safetensors_begin(&w, path, &err), LM_OK);
    assert_false(lm_file_exists(path));
    for (size_t i = 0; i < ROWS; i++) {
        const lm_tensor *t = lm_tensors_find(&from.tensors, rows[order[i]].name);
        assert_int_equal(lm_file_reader_at(&from.file, t->offset, bytes, (size_t)t->bytes, &err),
                         LM_OK);
        assert_int_equal(lm_tensor_write(&w.tensors, i, 0, bytes, (size_t)t->bytes, &err), LM_OK);
    }
    assert_int_equal(lm_tensor_writer_commit(&w.tensors, &err), LM_OK);
    lm_safetensors_writer_free(&w);
    size_t size = (sizeof head - 1 + 7) / 8 * 8;
    lm_write_u64(bytes, size);
    lm_text_append(&all, bytes, 8);
    lm_text_printf(&all, "%s%*s", head, (int)(size - (sizeof head - 1)), "");
    for (size_t i = 0; i < ROWS; i++) {
        static const int in_file[] = {0, 1, 3, 4, 2};
        const lm_tensor *t = lm_tensors_find(&from.tensors, rows[in_file[i]].name);
        assert_int_equal(lm_file_reader_at(&from.file, t->offset, bytes, (size_t)t->bytes, &err),
                         LM_OK);
        lm_text_append(&all, bytes, (size_t)t->bytes);
    }
    assert_file_is(path, (unsigned char *)all.data, all.length);
    lm_safetensors_close(&from);
    lm_text_free(&all);
    free(path);
}

static lm_status open_json(lm_safetensors *s, const char *json, size_t size, size_t data,
                           lm_error *err) {
    lm_text t = {0};
    unsigned char front[8];
    char *path = lm_file_join(tempdir, "made.safetensors");
    lm_write_u64(front, size);
    lm_text_append(&t, front, 8);
    lm_text_append(&t, json, size);
    for (size_t i = 0; i < data; i++) lm_text_append(&t, "", 1);
    assert_int_equal(lm_file_replace(path, t.data, t.length, err), LM_OK);
    lm_text_free(&t);
    lm_status status = lm_safetensors_open(s, path, err);
    assert_true(status == LM_OK || strstr(err->message, path));
    free(path);
    return status;
}

#define X(offsets) "\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets "}"
#define Y(offsets) "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets "}"

static void test_what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *json;
        size_t data;
        const char *says;
    } bad[] = {
        {"{" X("[0,8]") "}", 8, NULL},
        {"{" X("[8,16]") "," Y("[0,8]") "}   ", 16, NULL},
        {"{}", 0, NULL},
        {"", 0, "1:1: expected an object, found the end of the text"},
        {"[]", 0, "1:1: expected an object, found '['"},
        {"{" X("[0,8]") "}", 7, "tensor x: expected its 8 bytes at byte offset"},
        {"{" X("[0,8]") "}", 9, "belong to no tensor"},
        {"{" X("[8,16]") "}", 16, "belong to no tensor"},
        {"{" X("[0,8]") "," Y("[16,24]") "}", 24, "belong to no tensor"},
        {"{" X("[0,8]") "," Y("[4,12]") "}", 12, "tensors x and y overlap at byte offset"},
        {"{" X("[0,8]") "," X("[8,16]") "}", 16, "there are two tensors with the name x"},
        {"{" X("[0,12]") "}", 12,
         "expected 8 bytes for its shape [2] of F32, found data_offsets [0, 12]"},
        {"{" X("[8,0]") "}", 8, "found data_offsets [8, 0]"},
        {"{" X("[0]") "}", 8, "expected two data_offsets, found 1"},
        {"{" X("[0,4,8]") "}", 8, "expected two data_offsets, found more"},
        {"{" X("[0,1e18]") "}", 8, "expected a whole number from 0 to 9007199254740992"},
        {"{\"x\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
         "the dtype \"F33\" is not known"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "found no data_offsets"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"dtype\":\"F32\"}}", 8, "a second \"dtype\""},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8,
         "expected a whole number from 0"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8,
         "has too many elements"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8,
         "a tensor of more than 8 dimensions"},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "an empty name"},
        {"{\"x\\u0000\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "0x00"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "expected a string"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "a second \"__metadata__\""},
        {"{" X("[0,8]") "} x", 8, "expected the end of the text, found 'x'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lm_error err = {0};
        lm_safetensors s;
        lm_status status = open_json(&s, bad[i].json, strlen(bad[i].json), bad[i].data, &err);
        if (!bad[i].says) {
            assert_int_equal(status, LM_OK);
            lm_safetensors_close(&s);
        } else {
            assert_int_equal(status, LM_ERR_RUNTIME);
            assert_true(err.damaged);
            if (!strstr(err.message, bad[i].says)) fail_msg("%s", err.message);
        }
    }
}

static void test_headers_that_lie(void **state) {
    (void)state;
    static const unsigned char sizes[][8] = {{255, 255, 255, 255, 255, 255, 255, 255},
                                             {1, 225, 245, 5}, /* 100,000,001 */
                                             {3}};
    lm_error err = {0};
    lm_safetensors s;
    char *path = lm_file_join(tempdir, "lies.safetensors");
    for (int i = 0; i < 3; i++) {
        unsigned char bytes[10];
        memcpy(bytes, sizes[i], 8);
        memcpy(bytes + 8, "{}", 2);
        assert_int_equal(lm_file_replace(path, bytes, 10, &err), LM_OK);
        assert_int_equal(lm_safetensors_open(&s, path, &err), LM_ERR_RUNTIME);
        assert_non_null(strstr(err.message, "expected a JSON header of at most 2 bytes, found"));
        assert_int_equal(lm_file_replace(path, bytes, 7, &err), LM_OK);
        assert_int_equal(lm_safetensors_open(&s, path, &err), LM_ERR_RUNTIME);
        assert_non_null(strstr(err.message, "found 7 bytes"));
    }
    free(path);
}

static void test_deep_and_long_json(void **state) {
    (void)state;
    enum { DEPTH = 10000, NAMES = 50000 };
    lm_error err = {0};
    lm_safetensors s;
    lm_text t = {0};
    lm_text_printf(&t, "{\"x\":");
    for (int i = 0; i < DEPTH; i++) lm_text_append(&t, "[", 1);
    assert_int_equal(open_json(&s, t.data, t.length, 0, &err), LM_ERR_RUNTIME);
    t.length = 0;
    lm_text_printf(&t, "{\"x\":{\"y\":");
    for (int i = 0; i < DEPTH; i++) lm_text_append(&t, "[", 1);
    assert_int_equal(open_json(&s, t.data, t.length, 0, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "more than 64 brackets inside each other"));
    t.length = 0;
    for (int i = 0; i < NAMES; i++)
        lm_text_printf(&t, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                       i ? "," : "{", i);
    lm_text_printf(&t, "}");
    assert_int_equal(open_json(&s, t.data, t.length, 0, &err), LM_OK);
    assert_int_equal(s.tensors.count, NAMES);
    assert_non_null(lm_tensors_find(&s.tensors, "t49999"));
    lm_safetensors_close(&s);
    lm_text_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors_of_the_reference),
        cmocka_unit_test(test_writes_what_the_reference_writes),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_headers_that_lie),
        cmocka_unit_test(test_deep_and_long_json),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}
