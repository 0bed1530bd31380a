#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/draws.h"
#include "tokenizer/vocabulary.h"

static lm_draws draws = {.seed = 5};

/* 256 bytes in order and random merges of tokens over a few letters. Of tokens with equal bytes
 * there is one only, so that several merges may lead to it. */
static void make_vocabulary(lm_vocabulary *v, int merges, bool by_ranks) {
    lm_error err = {0};
    *v =
        (lm_vocabulary){.split = lm_split_find("gpt2"), .document_token = -1, .by_ranks = by_ranks};
    for (int c = 0; c < 256; c++) {
        unsigned char byte = (unsigned char)c;
        assert_int_equal(lm_vocabulary_put(v, c, &byte, 1, &err), LM_OK);
    }
    while (merges > 0) {
        unsigned char parts[2][64];
        size_t sizes[2];
        for (int i = 0; i < 2; i++) {
            int64_t id = lm_draw(&draws, 3)
                             ? (int64_t)('a' + lm_draw(&draws, 3))
                             : (int64_t)(256 + lm_draw(&draws, (size_t)v->n_tokens - 255)) - 1;
            if (id == 255) id = 'a';
            const unsigned char *bytes = lm_vocabulary_bytes(v, id, &sizes[i]);
            sizes[i] = sizes[i] > 20 ? 1 : sizes[i];
            memcpy(parts[i], bytes, sizes[i]);
        }
        unsigned char both[128];
        size_t size = sizes[0] + sizes[1], had;
        memcpy(both, parts[0], sizes[0]);
        memcpy(both + sizes[0], parts[1], sizes[1]);
        bool known = false;
        for (int64_t id = 0; id < v->n_tokens && !known; id++) {
            const unsigned char *bytes = lm_vocabulary_bytes(v, id, &had);
            known = had == size && memcmp(bytes, both, size) == 0;
        }
        if (!known) lm_vocabulary_put(v, v->n_tokens, both, size, &err);
        assert_int_equal(lm_vocabulary_merge(v, parts[0], sizes[0], parts[1], sizes[1], &err),
                         LM_OK);
        merges--;
    }
}

static int32_t find(const lm_vocabulary *v, const unsigned char *bytes, size_t size) {
    for (int32_t id = 0; id < v->n_tokens; id++) {
        size_t had;
        const unsigned char *token = lm_vocabulary_bytes(v, id, &had);
        if (had == size && memcmp(token, bytes, size) == 0) return id;
    }
    return -1;
}

/* The rank of a pair of symbols, by the definition; -1: none. */
static int64_t rank_of(const lm_vocabulary *v, const unsigned char *p, size_t left, size_t right) {
    if (v->by_ranks) return find(v, p, left + right);
    for (int64_t i = 0; i < v->n_merges; i++) {
        const lm_bpe_merge *m = &v->merges[i];
        if (m->left == left && m->right == right &&
            memcmp(v->bytes.data + m->at, p, left + right) == 0)
            return i;
    }
    return -1;
}

/* Byte-pair encoding as it is defined. */
static int64_t define(const lm_vocabulary *v, const unsigned char *text, size_t size,
                      int32_t *ids) {
    size_t starts[1200], n = size;
    for (size_t i = 0; i <= size; i++) starts[i] = i;
    for (;;) {
        int64_t best = -1;
        size_t place = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            int64_t rank = rank_of(v, text + starts[i], starts[i + 1] - starts[i],
                                   starts[i + 2] - starts[i + 1]);
            if (rank < 0 || (best >= 0 && rank >= best)) continue;
            best = rank;
            place = i;
        }
        if (best < 0) break;
        memmove(starts + place + 1, starts + place + 2, (n - place - 1) * sizeof *starts);
        n--;
    }
    for (size_t i = 0; i < n; i++) ids[i] = find(v, text + starts[i], starts[i + 1] - starts[i]);
    return (int64_t)n;
}

static void check(const lm_vocabulary *v, const lm_bpe *b, lm_bpe_worker *w, size_t size) {
    unsigned char text[1200];
    int32_t expected[1200], ids[1200 + LM_BPE_SLACK];
    for (size_t i = 0; i < size; i++) text[i] = (unsigned char)('a' + lm_draw(&draws, 3));
    int64_t n = define(v, text, size, expected);
    assert_int_equal(lm_bpe_encode(b, w, text, size, ids), n);
    assert_memory_equal(ids, expected, (size_t)n * sizeof *ids);
}

/* Pieces of all lengths: those that are remembered, those merged pair by pair, and those by a heap.
 * */
static void test_as_defined(void **state) {
    (void)state;
    lm_error err = {0};
    for (int round = 0; round < 24; round++) {
        lm_vocabulary v;
        lm_bpe *b;
        lm_bpe_worker *w;
        make_vocabulary(&v, 5 + (int)lm_draw(&draws, 60), round % 2 == 1);
        assert_int_equal(lm_bpe_create_from(&b, &v, &err), LM_OK);
        assert_int_equal(lm_bpe_worker_create(&w, &err), LM_OK);
        for (int i = 0; i < 200; i++) check(&v, b, w, 1 + lm_draw(&draws, 24));
        for (int i = 0; i < 6; i++) check(&v, b, w, 1 + lm_draw(&draws, LM_BPE_SHORT));
        check(&v, b, w, LM_BPE_SHORT);
        check(&v, b, w, LM_BPE_SHORT + 1);
        check(&v, b, w, LM_BPE_SHORT + 1 + lm_draw(&draws, 300));
        lm_bpe_worker_free(w);
        lm_bpe_free(b);
        lm_vocabulary_free(&v);
    }
}

/* By ranks, and with whole_first, a piece that is a token is that token. */
static void test_whole_pieces(void **state) {
    (void)state;
    static const char *const parts[][2] = {{"b", "c"}, {"a", "b"}, {"ab", "c"}};
    lm_error err = {0};
    for (int whole = 0; whole < 2; whole++) {
        lm_vocabulary v;
        lm_bpe *b;
        lm_bpe_worker *w;
        int32_t ids[3 + LM_BPE_SLACK];
        make_vocabulary(&v, 0, false);
        v.whole_first = whole;
        lm_vocabulary_put(&v, 256, "bc", 2, &err);
        lm_vocabulary_put(&v, 257, "ab", 2, &err);
        lm_vocabulary_put(&v, 258, "abc", 3, &err);
        for (int i = 0; i < 3; i++)
            lm_vocabulary_merge(&v, parts[i][0], strlen(parts[i][0]), parts[i][1],
                                strlen(parts[i][1]), &err);
        assert_int_equal(lm_bpe_create_from(&b, &v, &err), LM_OK);
        assert_int_equal(lm_bpe_worker_create(&w, &err), LM_OK);
        assert_int_equal(lm_bpe_encode(b, w, (const unsigned char *)"abc", 3, ids), whole ? 1 : 2);
        assert_int_equal(ids[0], whole ? 258 : 'a');
        assert_int_equal(lm_bpe_find(b, (const unsigned char *)"abc", 3), 258);
        assert_int_equal(lm_bpe_find(b, (const unsigned char *)"cab", 3), -1);
        assert_int_equal(lm_bpe_find(b, (const unsigned char *)"", 0), -1);
        lm_bpe_worker_free(w);
        lm_bpe_free(b);
        lm_vocabulary_free(&v);
    }
}

static void expect_refused(lm_vocabulary *v, const char *message) {
    lm_error err = {0};
    lm_bpe *b;
    assert_int_equal(lm_bpe_create_from(&b, v, &err), LM_ERR_USAGE);
    assert_null(b);
    if (!strstr(err.message, message)) fail_msg("%s", err.message);
    lm_vocabulary_free(v);
}

static void test_vocabularies_that_cannot_be(void **state) {
    (void)state;
    lm_error err = {0};
    lm_vocabulary v;
    make_vocabulary(&v, 0, false);
    lm_vocabulary_merge(&v, "a", 1, "b", 1, &err);
    expect_refused(&v, "merge 0: its result is not in the vocabulary");
    make_vocabulary(&v, 0, false);
    lm_vocabulary_merge(&v, "xy", 2, "b", 1, &err);
    expect_refused(&v, "merge 0: its first part is not in the vocabulary");
    make_vocabulary(&v, 0, false);
    lm_vocabulary_put(&v, 300, "a", 1, &err);
    expect_refused(&v, "tokens 97 and 300 have the same bytes");
    v = (lm_vocabulary){.split = lm_split_find("gpt2"), .document_token = -1};
    lm_vocabulary_put(&v, 0, "a", 1, &err);
    expect_refused(&v, "no token for the byte 0x09 alone");
    make_vocabulary(&v, 0, false);
    assert_int_equal(lm_vocabulary_put(&v, 7, "x", 1, &err), LM_ERR_USAGE);
    assert_int_equal(lm_vocabulary_put(&v, 256, "", 0, &err), LM_ERR_USAGE);
    lm_vocabulary_free(&v);
    lm_vocabulary_free(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_defined),
        cmocka_unit_test(test_whole_pieces),
        cmocka_unit_test(test_vocabularies_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
