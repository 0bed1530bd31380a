/* Documents come out of files whole and in order, wherever reads of a file end. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/rng.h"
#include "tests/support/tempdir.h"
#include "text/compressed.h"
#include "text/documents.h"

enum { MIB = 1 << 20 };

/* Valid until the fourth next call. */
static const char *in(const char *name) {
    static char *paths[4];
    static int next;
    next = (next + 1) % 4;
    free(paths[next]);
    return paths[next] = lm_file_join(tempdir, name);
}

static int tear_down(void **state) {
    for (int i = 0; i < 4; i++) in("");
    return tempdir_close(state);
}

static void put(const char *name, const void *bytes, size_t size) {
    lm_error err = {0};
    assert_int_equal(lm_file_replace(in(name), bytes, size, &err), LM_OK);
}

static void put_text(const char *name, const char *text) {
    put(name, text, strlen(text));
}

/* All documents: <text> or, held out, [text]; ...text] for the end of a document. Read `step` bytes
 * at a time. */
static lm_status read_all(const lm_documents_options *how, size_t step, lm_text *out,
                          lm_documents_counts *counts, lm_error *err) {
    lm_documents *d;
    lm_document doc;
    bool more;
    char *data = malloc(step);
    assert_non_null(data);
    out->length = 0;
    lm_text_append(out, "", 0);
    lm_status status = lm_documents_open(&d, how, err);
    while (status == LM_OK && (status = lm_documents_next(d, &doc, &more, err)) == LM_OK && more) {
        size_t got = 1;
        lm_text_printf(out, "%s", doc.rest ? "..." : doc.validation ? "[" : "<");
        while ((status = lm_documents_read(d, data, step, &got, err)) == LM_OK && got > 0)
            lm_text_append(out, data, got);
        lm_text_printf(out, "%s", doc.validation ? "]" : ">");
    }
    if (d && counts) lm_documents_count(d, counts);
    lm_documents_close(d);
    free(data);
    return status;
}

static lm_text found;

static const char *documents(const char *path, lm_documents_options how) {
    lm_error err = {0};
    lm_text again = {0};
    how.inputs = &path;
    how.n_inputs = 1;
    if (read_all(&how, 1 << 16, &found, NULL, &err) != LM_OK) fail_msg("%s", err.message);
    /* Nothing depends on how much is read at once. */
    assert_int_equal(read_all(&how, 7, &again, NULL, &err), LM_OK);
    assert_int_equal(found.length, again.length);
    assert_memory_equal(found.data, again.data, found.length);
    lm_text_free(&again);
    return lm_text_cstr(&found);
}

static void expect_error(const char *path, lm_documents_options how, const char *part) {
    lm_error err = {0};
    how.inputs = &path;
    how.n_inputs = 1;
    assert_int_not_equal(read_all(&how, 4096, &found, NULL, &err), LM_OK);
    if (!strstr(err.message, part)) fail_msg("expected \"%s\" in: %s", part, err.message);
}

/* ---- separators -------------------------------------------------------------------------------*/

static void test_separator_anywhere(void **state) {
    (void)state;
    static const char separator[] = "<|end|>";
    enum { N = sizeof separator - 1 };
    lm_documents_options how = {.separator = separator, .separator_size = N};
    char *text = malloc(MIB + 64), *expected = malloc(MIB + 80);
    assert_non_null(text);
    assert_non_null(expected);
    /* Over the end of the first MiB, which is read at once, at every offset. */
    for (int before = 0; before <= N; before++) {
        size_t at = (size_t)(MIB - before);
        memset(text, 'a', MIB + 64);
        memcpy(text + at, separator, N);
        put("border", text, MIB + 64);
        int n = snprintf(expected, 2, "<");
        memset(expected + n, 'a', at);
        memcpy(expected + 1 + at, "><", 2);
        memset(expected + at + 3, 'a', MIB + 64 - at - N);
        memcpy(expected + 3 + MIB + 64 - N, ">", 2);
        assert_string_equal(documents(in("border"), how), expected);
    }
    free(text);
    free(expected);
}

static void test_separator_ends(void **state) {
    (void)state;
    lm_documents_options how = {.separator = "aab", .separator_size = 3};
    static const struct {
        const char *text, *documents;
    } cases[] = {
        {"x", "<x>"},
        {"xaab", "<x>"},
        {"aabx", "<x>"},
        {"xaaby", "<x><y>"},
        {"xaaaby", "<xa><y>"},
        {"xaa", "<xaa>"},
        {"xaabaab", "<x>"},
        {"xaab\r\naaby", "<x><y>"},
        {"xaabyaa", "<x><yaa>"},
        {"aaaaabaabx", "<aaa><x>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text("ends", cases[i].text);
        assert_string_equal(documents(in("ends"), how), cases[i].documents);
    }
    put_text("ends", "aab aab\n");
    expect_error(in("ends"), how, "passed over: 3 documents without text");
}

/* ---- compressed files -------------------------------------------------------------------------*/

/* Appends a gzip member. */
static void add_member(lm_text *out, const char *text, size_t size) {
    z_stream z = {0};
    unsigned char *packed = malloc(size + 1024);
    assert_non_null(packed);
    assert_int_equal(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)size;
    z.next_out = packed;
    z.avail_out = (unsigned)size + 1024;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    lm_text_append(out, packed, size + 1024 - z.avail_out);
    deflateEnd(&z);
    free(packed);
}

static void test_gzip(void **state) {
    (void)state;
    lm_documents_options how = {0};
    lm_text file = {0}, text = {0};
    for (int i = 0; i < 300000; i++) lm_text_printf(&text, "%d\n", i);
    add_member(&file, text.data, 1000001);
    add_member(&file, "", 0);
    add_member(&file, text.data + 1000001, text.length - 1000001);
    put("a.gz", file.data, file.length);
    documents(in("a.gz"), how);
    assert_int_equal(found.length, text.length + 2);
    assert_memory_equal(found.data + 1, text.data, text.length);

    /* Zeros behind it, as tapes have them. */
    size_t whole = file.length;
    for (int i = 0; i < 1000; i++) lm_text_append(&file, "", 1);
    put("padded.gz", file.data, file.length);
    documents(in("padded.gz"), how);
    assert_int_equal(found.length, text.length + 2);
    lm_text_append(&file, "x", 1);
    put("behind.gz", file.data, file.length);
    expect_error(in("behind.gz"), how, "other bytes follow its last member");

    for (size_t size = 17; size < whole; size += whole / 50) {
        put("cut.gz", file.data, size);
        lm_error err = {0};
        const char *path = in("cut.gz");
        how = (lm_documents_options){.inputs = &path, .n_inputs = 1};
        /* Where a member ends nobody can tell that another one is missing. */
        lm_status status = read_all(&how, 4096, &found, NULL, &err);
        if (status == LM_OK) fail_msg("%zu bytes of %zu were accepted", size, whole);
        assert_true(err.damaged);
    }
    file.data[whole - 5]++; /* the digest of the last member */
    put("bad.gz", file.data, whole);
    expect_error(in("bad.gz"), (lm_documents_options){0}, "bad.gz: the gzip data is damaged");
    lm_text_free(&file);
    lm_text_free(&text);
}

static void test_libraries(void **state) {
    (void)state;
    char text[128];
    assert_non_null(strstr(lm_decoder_libraries(text, sizeof text), "zlib"));
#ifdef LM_ZSTD
    assert_non_null(strstr(text, "libzstd 1."));
#else
    assert_non_null(strstr(text, "without libzstd"));
    put("a.zst", "\x28\xB5\x2F\xFDxxxxxxxxxxxx", 16);
    expect_error(in("a.zst"), (lm_documents_options){0}, "built without libzstd");
#endif
}

/* ---- what is held out -------------------------------------------------------------------------*/

static void make_documents(const char *where, int n, int lines) {
    char name[64];
    lm_text text = {0};
    lm_error err = {0};
    assert_int_equal(lm_file_make_directory(in(where), &err), LM_OK);
    for (int i = 0; i < n; i++) {
        text.length = 0;
        for (int k = 0; k < lines; k++) lm_text_printf(&text, "%d %d\n", i, k);
        snprintf(name, sizeof name, "%s/f%03d", where, i);
        put(name, text.data, text.length);
    }
    lm_text_free(&text);
}

static void test_many_documents(void **state) {
    (void)state;
    lm_documents_options how = {.val_fraction = 0.1};
    make_documents("many", 200, 3);
    make_documents("more/below", 200, 3);
    make_documents("more/other", 300, 4);
    lm_text first = {0};
    documents(in("many"), how);
    lm_text_append(&first, found.data, found.length);
    assert_null(strstr(first.data, "..."));
    /* What else is there changes nothing of it: the 200 come first in "more". */
    documents(in("more"), how);
    assert_true(strncmp(found.data, first.data, first.length) == 0);
    /* A larger share holds the smaller one. */
    how.val_fraction = 0.3;
    documents(in("many"), how);
    size_t held = 0, was = 0;
    for (size_t i = 0; i < found.length; i++) {
        if (first.data[i] == '[') assert_true(found.data[i] == '[');
        held += found.data[i] == '[';
        was += first.data[i] == '[';
    }
    /* 20 and 60 are expected; the standard deviations are 4.2 and 6.5. */
    assert_in_range(was, 5, 38);
    assert_in_range(held, 35, 90);
    lm_text_free(&first);
}

static void test_few_documents(void **state) {
    (void)state;
    lm_documents_options how = {.val_fraction = 0.1};
    char expected[64];
    make_documents("few", 99, 20);
    documents(in("few"), how);
    size_t ends = 0;
    for (const char *p = found.data; (p = strstr(p, ">...")); p++) {
        ends++;
        assert_true(p[-1] == '\n'); /* a whole line */
    }
    assert_int_equal(ends, 99);
    /* 90 bytes; the last 9 begin in the midst of "0 18\n". */
    snprintf(expected, sizeof expected, "0 18\n>...0 19\n]<1 0\n");
    assert_non_null(strstr(found.data, expected));
    make_documents("hundred", 100, 20);
    assert_null(strstr(documents(in("hundred"), how), "..."));

    /* Without lines: at a character, in the second half of the end. */
    how.val_fraction = 0.5;
    put_text("line", "aaaa\xC3\xA4\xC3\xA4zz");
    assert_string_equal(documents(in("line"), how), "<aaaa\xC3\xA4\xC3\xA4>...zz]");
    put_text("line", "aaaa\xE2\x82\xAC\xE2\x82\xAC");
    expect_error(in("line"), how, "expected text for validation, found none");
    put_text("line", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80");
    documents(in("line"), how);
    assert_non_null(strstr(found.data, ">..."));
    put_text("line", "x");
    expect_error(in("line"), how, "expected text for validation, found none");
}

/* Documents in files, of which there are few in all. */
static void test_few_in_a_file(void **state) {
    (void)state;
    lm_documents_options how = {
        .val_fraction = 0.5, .separator = "--\n", .separator_size = 3, .max_bytes = 19};
    put_text("inside", "a\nb\nc\nd\n--\nA\nB\n--\n1\n2\n3\n4\n5\n6\n");
    assert_string_equal(documents(in("inside"), how), "<a\nb\n>...c\nd\n]<A\n>...B\n]<1\n>...2\n]");
    how.max_bytes = 0;
    assert_string_equal(documents(in("inside"), how),
                        "<a\nb\n>...c\nd\n]<A\n>...B\n]<1\n2\n3\n>...4\n5\n6\n]");
}

static void test_counts(void **state) {
    (void)state;
    lm_error err = {0};
    lm_documents_counts counts;
    make_documents("few", 99, 20);
    const char *path = in("few");
    lm_documents_options how = {.inputs = &path, .n_inputs = 1, .val_fraction = 0.1};
    assert_int_equal(read_all(&how, 100, &found, &counts, &err), LM_OK);
    assert_int_equal(counts.files, 99);
    assert_int_equal(counts.documents[false], 99);
    assert_int_equal(counts.documents[true], 0);
    assert_true(counts.ends);
    assert_int_equal(counts.taken, counts.total);
    assert_int_equal(counts.bytes[false] + counts.bytes[true], counts.total);
    /* <> around 99 beginnings, ...] around 99 ends. */
    assert_int_equal(found.length, counts.total + 99 * 6);
}

/* ---- other contents ---------------------------------------------------------------------------*/

static void test_late_zero(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text report = {0};
    lm_documents *d;
    lm_document doc;
    bool more;
    const char *path = in("late");
    lm_documents_options how = {.inputs = &path, .n_inputs = 1};
    char *text = malloc(MIB + 2), *all = malloc(MIB + 2);
    assert_non_null(text);
    assert_non_null(all);
    memset(text, 'x', MIB + 2);
    text[MIB + 1] = '\0';
    put("late", text, MIB + 2);
    assert_int_equal(lm_documents_open(&d, &how, &err), LM_OK);
    assert_int_equal(lm_documents_next(d, &doc, &more, &err), LM_OK);
    size_t size = 0, got;
    do {
        assert_int_equal(lm_documents_read(d, all + size, MIB + 2 - size, &got, &err), LM_OK);
        size += got;
    } while (got > 0);
    assert_int_equal(size, MIB + 2);
    assert_memory_equal(all, text, size);
    assert_int_equal(lm_documents_next(d, &doc, &more, &err), LM_OK);
    lm_documents_report(d, &report);
    assert_non_null(
        strstr(lm_text_cstr(&report), "kept: 0x00 bytes beyond the first MiB of 1 file"));
    lm_documents_close(d);
    text[MIB - 1] = '\0';
    put("late", text, MIB + 2);
    expect_error(path, (lm_documents_options){0}, "found what is binary (0x00 bytes)");
    lm_text_free(&report);
    free(text);
    free(all);
}

/* Random texts of separators and their beginnings, cut as a plain search cuts them. */
static void test_random_separators(void **state) {
    (void)state;
    lm_rng rng = {.seed = 5, .purpose = LM_RNG_TEST};
    lm_documents_options how = {.separator = "abab", .separator_size = 4};
    uint64_t draws = 0;
    for (int round = 0; round < 300; round++) {
        char text[64];
        lm_text expected = {0};
        size_t n = 0;
        while (n < 40) text[n++] = lm_rng_uniform(&rng, draws++) < 0.5 ? 'a' : 'b';
        text[n] = '\0';
        for (const char *p = text; *p;) {
            const char *end = strstr(p, "abab");
            if (!end) end = text + n;
            if (end > p) lm_text_printf(&expected, "<%.*s>", (int)(end - p), p);
            p = *end ? end + 4 : end;
        }
        put("random", text, n);
        assert_string_equal(documents(in("random"), how), lm_text_cstr(&expected));
        lm_text_free(&expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_separator_anywhere),
        cmocka_unit_test(test_separator_ends),
        cmocka_unit_test(test_random_separators),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_libraries),
        cmocka_unit_test(test_many_documents),
        cmocka_unit_test(test_few_documents),
        cmocka_unit_test(test_few_in_a_file),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_late_zero),
    };
    int failed = cmocka_run_group_tests(tests, tempdir_open, tear_down);
    lm_text_free(&found);
    return failed;
}
