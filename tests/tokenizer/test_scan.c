#include "tests/support/test.h"

#include <string.h>

#include "base/rng.h"
#include "tokenizer/split.h"
#include "tokenizer/unicode.h"

typedef struct scan_case {
    const char *split, *text;
    size_t size, n;
    size_t ends[32];
} scan_case;

static const scan_case cases[] = {
#include "tests/tokenizer/splits.inc"
};

enum { COUNT = sizeof cases / sizeof *cases, MOST = 32 };

static const unsigned char *text_of(const scan_case *c) {
    return (const unsigned char *)c->text;
}

static void test_pieces_are_those_of_the_regular_expressions(void **state) {
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        const scan_case *c = &cases[i];
        size_t ends[MOST];
        const lm_split *split = lm_split_find(c->split);
        assert_non_null(split);
        assert_int_equal(split->scan(text_of(c), c->size, 0, ends, MOST), c->n);
        assert_memory_equal(ends, c->ends, c->n * sizeof *ends);
        /* One at a time, from where the last one ended. */
        for (size_t j = 0, at = 0; j < c->n; at = ends[0], j++) {
            assert_int_equal(split->scan(text_of(c), c->size, at, ends, 1), 1);
            assert_int_equal(ends[0], c->ends[j]);
        }
    }
}

/* Text may be cut where lm_scan_cut says, whatever is put behind it. */
static void test_cuts_change_no_piece(void **state) {
    (void)state;
    int cuts = 0;
    for (int i = 0; i + 1 < COUNT; i++) {
        unsigned char text[400];
        size_t whole[200], part[200];
        const lm_split *split = lm_split_find(cases[i].split);
        size_t a = cases[i].size, b = cases[i + 1].size;
        memcpy(text, cases[i].text, a);
        memcpy(text + a, cases[i + 1].text, b);
        size_t n = split->scan(text, a + b, 0, whole, 200);
        for (size_t limit = 1; limit <= a; limit++) {
            size_t cut = lm_scan_cut(text, a, 0, limit);
            assert_true(cut <= limit);
            if (cut == 0) continue;
            size_t m = split->scan(text, cut, 0, part, 200);
            assert_int_equal(part[m - 1], cut);
            assert_memory_equal(part, whole, m * sizeof *part);
            size_t rest = split->scan(text + cut, a + b - cut, 0, part, 200);
            assert_int_equal(m + rest, n);
            for (size_t j = 0; j < rest; j++) assert_int_equal(part[j] + cut, whole[m + j]);
            cuts++;
        }
    }
    assert_true(cuts > 1000);
}

/* Arbitrary bytes lie in pieces without gaps. */
static void test_bytes_that_are_not_text(void **state) {
    (void)state;
    lm_rng rng = {.seed = 3, .purpose = LM_RNG_TEST};
    static const unsigned char often[] = {' ', '\n', '\'', 's', 0xC3, 0xE2, 0x80, 0xA8, 0xF0, 'A'};
    uint64_t draws = 0;
    for (int i = 0; i < 2000; i++) {
        unsigned char text[64];
        size_t ends[64];
        for (size_t j = 0; j < sizeof text; j++) {
            unsigned x = (unsigned)(lm_rng_uniform(&rng, draws++) * 512);
            text[j] = x < 256 ? (unsigned char)x : often[x % sizeof often];
        }
        for (int s = 0; lm_split_at(s); s++) {
            size_t n = lm_split_at(s)->scan(text, sizeof text, 0, ends, 64), at = 0;
            for (size_t j = 0; j < n; at = ends[j++]) assert_true(ends[j] > at);
            assert_int_equal(at, sizeof text);
        }
    }
}

static void test_splits_by_name_and_pattern(void **state) {
    (void)state;
    assert_string_equal(lm_split_name(0), "gpt2");
    assert_null(lm_split_name(100));
    assert_null(lm_split_at(-1));
    assert_null(lm_split_find("gpt3"));
    assert_null(lm_split_of_pattern("\\w+"));
    for (int i = 0; lm_split_at(i); i++) {
        const lm_split *s = lm_split_at(i);
        assert_ptr_equal(lm_split_find(s->name), s);
        if (s->pattern) assert_ptr_equal(lm_split_of_pattern(s->pattern), s);
    }
}

static unsigned class_of(const char *text) {
    size_t length;
    unsigned c = lm_unicode_class((const unsigned char *)text, strlen(text), 0, &length);
    assert_int_equal(length, strlen(text));
    return c;
}

static void test_classes(void **state) {
    (void)state;
    assert_string_equal(lm_unicode_version, "15.0.0");
    assert_int_equal(class_of("a"), LM_LOWER);
    assert_int_equal(class_of("\u00C4"), LM_UPPER);
    assert_int_equal(class_of("\u01C5"), LM_UPPER); /* Lt */
    assert_int_equal(class_of("\u4E2D"), LM_LETTER);
    assert_int_equal(class_of("\u0301"), LM_MARK);
    assert_int_equal(class_of("\u00BD"), LM_NUMBER);
    assert_int_equal(class_of("\u2028"), LM_SPACE);
    assert_int_equal(class_of("\xC2\x85"), LM_SPACE);
    assert_int_equal(class_of("\U0001F680"), LM_SYMBOL);
    assert_int_equal(class_of("\U00010400"), LM_UPPER);
    assert_int_equal(class_of("\xFF"), LM_SYMBOL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_those_of_the_regular_expressions),
        cmocka_unit_test(test_cuts_change_no_piece),
        cmocka_unit_test(test_bytes_that_are_not_text),
        cmocka_unit_test(test_splits_by_name_and_pattern),
        cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
