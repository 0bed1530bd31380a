#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/corpus.h"
#include "data/sampler.h"
#include "tests/support/tempdir.h"

enum { N = 1000, HEADER = 1024 };

static const lm_corpus_check check = {.threads = 3};
static int32_t wanted[N]; /* below 50,000 */

static lm_text in(const char *name) {
    lm_text path = {0};
    lm_text_printf(&path, "%s/%s", tempdir, name);
    return path;
}

static void put(const char *name, const lm_text *bytes) {
    lm_error err = {0};
    lm_text path = in(name);
    assert_false(bytes->failed);
    assert_int_equal(lm_file_replace(path.data, bytes->data, bytes->length, &err), LM_OK);
    lm_text_free(&path);
}

/* Ids as integers of so many bytes. */
static void put_ids(lm_text *out, int bytes, bool big_endian, int first, int n) {
    for (int i = first; i < first + n; i++)
        for (int k = 0; k < bytes; k++) {
            int place = big_endian ? bytes - 1 - k : k;
            unsigned char c = place < 4 ? (unsigned char)((uint32_t)wanted[i] >> 8 * place) : 0;
            lm_text_append(out, &c, 1);
        }
}

static void put_u32(lm_text *out, uint32_t x) {
    unsigned char bytes[4];
    lm_write_u32(bytes, x);
    lm_text_append(out, bytes, 4);
}
static void put_u64(lm_text *out, uint64_t x) {
    put_u32(out, (uint32_t)x);
    put_u32(out, (uint32_t)(x >> 32));
}

static int set_up(void **state) {
    lm_rng rng = {.seed = 5, .purpose = LM_RNG_TEST};
    for (int i = 0; i < N; i++) wanted[i] = (int32_t)(lm_rng_uniform(&rng, (uint64_t)i) * 50000);
    return tempdir_open(state);
}

/* The corpus opens in this format and holds the ids. */
static void expect_ids(const char *name, lm_corpus_options how, const char *format) {
    lm_error err = {0};
    lm_corpus *c;
    static int32_t ids[N];
    lm_text path = in(name);
    if (lm_corpus_open(&c, path.data, &how, &err) != LM_OK) fail_msg("%s", err.message);
    assert_string_equal(lm_corpus_format(c), format);
    assert_int_equal(lm_corpus_tokens(c), N);
    assert_int_equal(lm_corpus_validate(c, 50000, &check, &err), LM_OK);
    assert_int_equal(lm_corpus_read(c, 0, 0, N, ids, &err), LM_OK);
    assert_memory_equal(ids, wanted, sizeof ids);
    for (int first = 0; first < N; first += 77) { /* pieces from anywhere */
        int n = first + 100 <= N ? 100 : N - first;
        assert_int_equal(lm_corpus_read(c, 0, first, n, ids, &err), LM_OK);
        assert_memory_equal(ids, wanted + first, (size_t)n * sizeof *ids);
    }
    lm_corpus_close(c);
    lm_text_free(&path);
}

static void expect_error(const char *name, lm_corpus_options how, const char *part) {
    lm_error err = {0};
    lm_corpus *c;
    lm_text path = in(name);
    assert_int_not_equal(lm_corpus_open(&c, path.data, &how, &err), LM_OK);
    if (!strstr(err.message, part)) fail_msg("expected \"%s\" in: %s", part, err.message);
    if (!strstr(err.message, tempdir)) fail_msg("expected the file's name in: %s", err.message);
    lm_text_free(&path);
}

static const lm_corpus_options nothing,
    small = {.vocab_size = 50000}, large = {.vocab_size = 65537},
    two = {.token_bytes = 2, .vocab_size = 70000}, four = {.token_bytes = 4, .vocab_size = 50000};

static void test_raw_ids_are_as_wide_as_is_said(void **state) {
    (void)state;
    lm_text u2 = {0}, u4 = {0};
    put_ids(&u2, 2, false, 0, N);
    put_ids(&u4, 4, false, 0, N);
    put("u2.bin", &u2);
    put("u4.bin", &u4);
    expect_ids("u2.bin", small, "raw uint16");
    expect_ids("u2.bin", two, "raw uint16");
    expect_ids("u2.bin", nothing, "raw uint16");
    expect_ids("u4.bin", large, "raw uint32");
    expect_ids("u4.bin", four, "raw uint32");
    expect_ids("u4.bin", nothing, "raw uint32");
    expect_error("u4.bin", small,
                 "expected raw ids below 50000, which are uint16, but it looks"
                 " like uint32: every second id is 0 (data.token_bytes");
    expect_error("u2.bin", large,
                 "which are uint32, but it looks like uint16: as uint32 most ids"
                 " are above a million");
    lm_text_free(&u2);
    lm_text_free(&u4);
}

/* Would train as uint16, with a loss that is falsely low. */
static void test_other_files_are_refused_by_what_they_look_like(void **state) {
    (void)state;
    lm_text t = {0}, big = {0};
    put_ids(&t, 8, false, 0, N);
    put("i8.bin", &t);
    expect_error("i8.bin", small, "looks like int64: of four ids three are 0");
    expect_error("i8.bin", large, "looks like int64: every second id is 0");
    for (uint32_t i = 0; i < N; i++) put_u32(&big, (uint32_t)wanted[i] * 4);
    put("big.bin", &big);
    expect_error("big.bin", small, "looks like uint32: every second id is below 16");
    static const struct {
        const char *begins;
        size_t size;
        const char *what;
    } others[] = {{"PK\3\4", 4, "a ZIP archive"},
                  {"\x1f\x8b\x08\x00", 4, "gzip"},
                  {"\x28\xb5\x2f\xfd", 4, "Zstandard"},
                  {"GGUF", 4, "a GGUF model"},
                  {"PAR1", 4, "Parquet"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        lm_text file = {0};
        lm_text_append(&file, others[i].begins, others[i].size);
        put_ids(&file, 2, false, 0, N);
        put("other.bin", &file);
        expect_error("other.bin", small, others[i].what);
        lm_text_free(&file);
    }
    lm_text text = {0};
    for (int i = 0; i < 100; i++) lm_text_printf(&text, "It is a truth universally\n");
    put("text.bin", &text);
    expect_error("text.bin", small, "looks like text, which lmtrain tokenize turns into tokens");
    lm_text_free(&t);
    lm_text_free(&big);
    lm_text_free(&text);
}

/* Few ids tell nothing, small vocabularies do not look like anything else, and what the user says
 * holds. */
static void test_raw_ids_that_are_no_other_file(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    static const lm_corpus_options said = {.token_bytes = 2, .vocab_size = 50000};
    static const struct {
        int n, modulo;
        const lm_corpus_options *how;
    } cases[] = {{4, 0, &small}, {N, 4, &small}, {N, 65, &small}, {N, 0, &said}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_text t = {0}, path = in("small.bin");
        for (int k = 0; k < cases[i].n; k++) {
            int id = cases[i].modulo ? wanted[k] % cases[i].modulo : k % 2 ? 0 : wanted[k];
            lm_text_append(&t, (unsigned char[]){(unsigned char)id, (unsigned char)(id >> 8)}, 2);
        }
        put("small.bin", &t);
        if (lm_corpus_open(&c, path.data, cases[i].how, &err) != LM_OK)
            fail_msg("case %zu: %s", i, err.message);
        assert_int_equal(lm_corpus_tokens(c), cases[i].n);
        lm_corpus_close(c);
        lm_text_free(&t);
        lm_text_free(&path);
    }
}

static void put_llmc(const char *name, uint32_t magic, uint32_t version, uint32_t count,
                     int bytes) {
    lm_text t = {0};
    put_u32(&t, magic);
    put_u32(&t, version);
    put_u32(&t, count);
    for (int i = 3; i < 256; i++) put_u32(&t, 0);
    put_ids(&t, bytes, false, 0, N);
    put(name, &t);
    lm_text_free(&t);
}

static void test_shards_of_llmc(void **state) {
    (void)state;
    put_llmc("l.bin", 20240520, 1, N, 2);
    expect_ids("l.bin", small, "llm.c uint16");
    expect_ids("l.bin", two, "llm.c uint16"); /* the header is no tokens, whatever is said */
    put_llmc("l3.whatever", 20240801, 7, N, 4);
    expect_ids("l3.whatever", small, "llm.c uint32");
    put_llmc("l.bin", 20240520, 2, N, 2);
    expect_error("l.bin", small, "byte offset 4: expected version 1 of an llm.c shard, found 2");
    put_llmc("l.bin", 20240520, 1, N + 1, 2);
    expect_error("l.bin", small,
                 "expected 3026 bytes, since its llm.c header counts 1001 tokens,"
                 " found 3024");
    put_llmc("l.bin", 20240520, 1, UINT32_MAX, 2);
    expect_error("l.bin", small, "expected 8589935614 bytes");
    put_llmc("l.bin", 20240522, 1, N, 2);
    expect_error("l.bin", small, "expected tokens, found questions with several choices");
    put_llmc("l.bin", 20240326, 3, N, 2);
    expect_error("l.bin", small, "expected tokens, found a model of llm.c");
}

static void put_npy(const char *name, const char *header, int version, int bytes, bool big_endian) {
    lm_text t = {0};
    size_t n = strlen(header);
    lm_text_append(&t, "\x93NUMPY", 6);
    lm_text_append(&t, (unsigned char[]){(unsigned char)version, 0}, 2);
    if (version == 1) {
        lm_text_append(&t, (unsigned char[]){(unsigned char)n, (unsigned char)(n >> 8)}, 2);
    } else {
        put_u32(&t, (uint32_t)n);
    }
    lm_text_append(&t, header, n);
    put_ids(&t, bytes, big_endian, 0, N);
    put(name, &t);
    lm_text_free(&t);
}

static void test_numpy_arrays(void **state) {
    (void)state;
    static const struct {
        const char *descr, *format;
        int version, bytes;
        bool big_endian;
    } cases[] = {
        {"<u2", "NumPy .npy uint16", 1, 2, false},
        {">u2", "NumPy .npy big-endian uint16", 1, 2, true},
        {"<u4", "NumPy .npy uint32", 2, 4, false},
        {"<i4", "NumPy .npy int32", 3, 4, false},
        {">i4", "NumPy .npy big-endian int32", 1, 4, true},
        {"<i8", "NumPy .npy int64", 1, 8, false},
        {">u8", "NumPy .npy big-endian uint64", 2, 8, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char header[128];
        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (1000,), }   \n",
                 cases[i].descr);
        put_npy("a.npy", header, cases[i].version, cases[i].bytes, cases[i].big_endian);
        expect_ids("a.npy", small, cases[i].format);
    }
    put_npy("a.bin", "{'descr':'<u2','fortran_order':False,'shape':(10,100)}", 1, 2, false);
    expect_ids("a.bin", small, "NumPy .npy uint16");
    static const struct {
        const char *header, *error;
    } wrong[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000,)}",
         "expected an array of integers, found elements of type '<f4'"},
        {"{'descr': '<u2', 'fortran_order': True, 'shape': (10, 100)}",
         "expected an array in C order"},
        {"{'descr': '<u2', 'fortran_order': False, 'shape': (999,)}",
         "expected 999 elements of 2 bytes after a header of"},
        {"{'descr': '<u2', 'fortran_order': False, 'shape': (4611686018427387904,)}",
         "expected 4611686018427387904 elements of 2 bytes"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put_npy("a.npy", wrong[i].header, 1, 2, false);
        expect_error("a.npy", small, wrong[i].error);
    }
    put_npy("a.npy", "{}", 4, 2, false);
    expect_error("a.npy", small, "NumPy header of version 1 to 3 and at most 65536 bytes");
}

/* A negative id is beyond every vocabulary, and is named. */
static void test_negative_ids(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    lm_text path = in("neg.npy"), t = {0};
    lm_text_append(&t, "\x93NUMPY\1\0\x38\0", 10);
    lm_text_printf(&t, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}\n");
    put_u64(&t, 7);
    put_u64(&t, (uint64_t)-100);
    put("neg.npy", &t);
    assert_int_equal(lm_corpus_open(&c, path.data, &small, &err), LM_OK);
    assert_int_equal(lm_corpus_validate(c, 50000, &check, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "byte offset 74: expected token ids below 50000"
                                        " (model.vocab_size), found -100"));
    lm_corpus_close(c);
    lm_text_free(&t);
    lm_text_free(&path);
}

/* An index of sequences of lengths[S], gap bytes before each. */
static void put_megatron(const char *name, int code, int bytes, const int *lengths, int sequences,
                         int gap) {
    lm_text ids = {0}, index = {0}, file = {0};
    uint64_t offset = 0;
    int first = 0;
    lm_text_append(&index, "MMIDIDX\0\0", 9);
    put_u64(&index, 1);
    lm_text_append(&index, (unsigned char[]){(unsigned char)code}, 1);
    put_u64(&index, (uint64_t)sequences);
    put_u64(&index, (uint64_t)sequences + 1);
    for (int i = 0; i < sequences; i++) put_u32(&index, (uint32_t)lengths[i]);
    for (int i = 0; i < sequences; i++) {
        for (int k = 0; k < gap; k++) lm_text_append(&ids, "\xff", 1);
        put_u64(&index, offset + (uint64_t)gap);
        put_ids(&ids, bytes, false, first, lengths[i]);
        first += lengths[i];
        offset += (uint64_t)(gap + lengths[i] * bytes);
    }
    for (int i = 0; i <= sequences; i++) put_u64(&index, (uint64_t)i);
    lm_text_printf(&file, "%s.bin", name);
    put(file.data, &ids);
    file.length -= 4;
    lm_text_printf(&file, ".idx");
    put(file.data, &index);
    lm_text_free(&ids);
    lm_text_free(&index);
    lm_text_free(&file);
}

static void test_corpora_of_megatron(void **state) {
    (void)state;
    static const int lengths[] = {100, 0, 1, 399, 500};
    static const char *const names[] = {"m", "m.bin", "m.idx"};
    put_megatron("m", 8, 2, lengths, 5, 0);
    for (int i = 0; i < 3; i++) expect_ids(names[i], small, "Megatron uint16");
    put_megatron("m", 4, 4, lengths, 5, 6);
    expect_ids("m", small, "Megatron int32");
    put_megatron("m", 5, 8, lengths, 5, 0);
    expect_ids("m", small, "Megatron int64");

    /* Another index of the same ids is another corpus. */
    lm_error err = {0};
    uint64_t digests[2];
    for (int i = 0; i < 2; i++) {
        static const int other[] = {500, 500};
        lm_corpus *c;
        lm_text path = in("m");
        put_megatron("m", 8, 2, i ? other : lengths, i ? 2 : 5, 0);
        assert_int_equal(lm_corpus_open(&c, path.data, &small, &err), LM_OK);
        assert_int_equal(lm_corpus_validate(c, 50000, &check, &err), LM_OK);
        digests[i] = lm_corpus_digest(c);
        lm_corpus_close(c);
        lm_text_free(&path);
    }
    assert_true(digests[0] != digests[1]);
}

static void change_index(size_t at, uint64_t x, size_t size) {
    static const int lengths[] = {400, 600};
    lm_error err = {0};
    lm_text index = {0}, path = in("w.idx");
    unsigned char bytes[8];
    put_megatron("w", 8, 2, lengths, 2, 0);
    assert_int_equal(lm_file_read(path.data, 1 << 20, &index, &err), LM_OK);
    lm_write_u64(bytes, x);
    memcpy(index.data + at, bytes, size);
    put("w.idx", &index);
    lm_text_free(&index);
    lm_text_free(&path);
}

static void test_wrong_indexes_of_megatron(void **state) {
    (void)state;
    change_index(9, 2, 8);
    expect_error("w", small,
                 "w.idx: byte offset 9: expected version 1 of Megatron's index, found 2");
    change_index(17, 7, 1);
    expect_error("w", small, "w.idx: byte offset 17: expected a type of integers (1 to 5 or 8)");
    change_index(18, UINT64_MAX, 8);
    expect_error("w", small, "w.idx: expected the size of an index of 18446744073709551615");
    change_index(26, (uint64_t)1 << 61, 8);
    expect_error("w", small, "w.idx: expected the size of an index of 2 sequences");
    change_index(38, 601, 4);
    expect_error("w", small, "w.idx: sequence 1: expected ids within the 2000 bytes of");
    change_index(38, UINT32_MAX, 4);
    expect_error("w", small, "found -1 ids at byte offset 800");
    change_index(42, UINT64_MAX, 8);
    expect_error("w", small, "w.idx: sequence 0: expected ids within the 2000 bytes of");
    /* A file of that name that is no index is somebody else's. */
    change_index(0, 0, 8);
    expect_ids("w.bin", small, "raw uint16");
}

/* What other programs leave beside shards must not stop a run. */
static void test_a_directory_of_several_formats(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    lm_text directory = in("mixed"), u2 = {0}, note = {0};
    assert_int_equal(lm_file_make_directory(directory.data, &err), LM_OK);
    put_llmc("mixed/1.bin", 20240520, 1, N, 2);
    put_npy("mixed/2.npy", "{'descr': '<u2', 'fortran_order': False, 'shape': (1000,)}", 1, 2,
            false);
    put_ids(&u2, 2, false, 0, N);
    put("mixed/3.bin", &u2);
    lm_text_printf(&note, "{\"source\": \"somewhere\"}");
    put("mixed/3.json", &note);
    put("mixed/1.json", &note);
    put("mixed/._3.bin", &note);
    put("mixed/README", &note);
    assert_int_equal(lm_corpus_open(&c, directory.data, &small, &err), LM_OK);
    assert_int_equal(lm_corpus_shards(c), 3);
    assert_int_equal(lm_corpus_tokens(c), 3 * N);
    assert_null(lm_corpus_tokenizer(c));
    assert_int_equal(lm_corpus_validate(c, 50000, &check, &err), LM_OK);
    lm_corpus_close(c);
    lm_text_free(&directory);
    lm_text_free(&u2);
    lm_text_free(&note);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_ids_are_as_wide_as_is_said),
        cmocka_unit_test(test_other_files_are_refused_by_what_they_look_like),
        cmocka_unit_test(test_raw_ids_that_are_no_other_file),
        cmocka_unit_test(test_shards_of_llmc),
        cmocka_unit_test(test_numpy_arrays),
        cmocka_unit_test(test_negative_ids),
        cmocka_unit_test(test_corpora_of_megatron),
        cmocka_unit_test(test_wrong_indexes_of_megatron),
        cmocka_unit_test(test_a_directory_of_several_formats),
    };
    return cmocka_run_group_tests(tests, set_up, tempdir_close);
}
