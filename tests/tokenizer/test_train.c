#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tests/support/draws.h"
#include "tokenizer/bpe.h"
#include "tokenizer/train.h"
#include "tokenizer/train_merge.h"

enum { MOST = 160 }; /* merges per case */

typedef struct trained_case {
    const char *split, *text;
    size_t size;
    int64_t n;
    lm_merged_pair merges[MOST];
} trained_case;

static const trained_case cases[] = {
#include "tests/tokenizer/trained.inc"
};
enum { COUNT = sizeof cases / sizeof *cases };

static lm_draws draws = {.seed = 7};

static lm_error err;

static lm_tokenizer *make(lm_bpe_trainer *t, int64_t vocab_size) {
    const char *specials[] = {"<|endoftext|>", "<pad>"};
    const lm_bpe_training how = {vocab_size, specials, 2};
    lm_tokenizer *tokenizer;
    if (lm_bpe_trainer_make(t, &how, &tokenizer, &err) != LM_OK) fail_msg("%s", err.message);
    return tokenizer;
}

static void text_of(const lm_tokenizer *t, int32_t id, lm_text *out) {
    out->length = 0;
    lm_tokenizer_decode(t, id, out);
}

/* ---- the definition ---------------------------------------------------------------------------*/

typedef struct word {
    int32_t symbols[1600];
    int n;
    uint64_t weight;
} word;

static bool stands_at(const word *w, int i, lm_merged_pair p) {
    return i + 1 < w->n && w->symbols[i] == p.left && w->symbols[i + 1] == p.right;
}

/* Merges from left to right. */
static void merge_word(word *w, lm_merged_pair p, int32_t made) {
    int n = 0;
    for (int i = 0; i < w->n; n++) {
        bool found = stands_at(w, i, p);
        w->symbols[n] = found ? made : w->symbols[i];
        i += found ? 2 : 1;
    }
    w->n = n;
}

static uint64_t count_pair(const word *words, int n, lm_merged_pair p) {
    uint64_t count = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < words[i].n; k++)
            if (stands_at(&words[i], k, p)) {
                count += words[i].weight;
                k++;
            }
    return count;
}

static bool find_best(const word *words, int n, lm_merged_pair *best) {
    uint64_t most = 1;
    for (int i = 0; i < n; i++)
        for (int k = 0; k + 1 < words[i].n; k++) {
            lm_merged_pair p = {words[i].symbols[k], words[i].symbols[k + 1]};
            uint64_t count = count_pair(words, n, p);
            bool first = p.left < best->left || (p.left == best->left && p.right < best->right);
            if (count < most || (count == most && (most == 1 || !first))) continue;
            most = count;
            *best = p;
        }
    return most > 1;
}

/* Words over two or three letters, so that pairs repeat, overlap and tie all the time. */
static void test_merges_are_those_of_the_definition(void **state) {
    (void)state;
    enum { WORDS = 12, MERGES = 40 };
    for (int round = 0; round < 300; round++) {
        word words[WORDS];
        lm_piece_counts counts = {0};
        lm_merged_pair merges[MERGES], best = {0};
        int64_t learned;
        size_t letters = 1 + lm_draw(&draws, 3), longest = 2 + lm_draw(&draws, 62);
        for (int i = 0; i < WORDS; i++) {
            unsigned char bytes[64];
            words[i].n = 1 + (int)lm_draw(&draws, longest);
            words[i].weight = lm_draw(&draws, 4) ? 1 + lm_draw(&draws, 5)
                                                 : (uint64_t)1 << (28 + lm_draw(&draws, 8));
            for (int k = 0; k < words[i].n; k++) {
                bytes[k] = (unsigned char)('a' + lm_draw(&draws, letters));
                words[i].symbols[k] = bytes[k];
            }
            assert_true(lm_piece_counts_add(&counts, bytes, (size_t)words[i].n, words[i].weight));
        }
        assert_int_equal(lm_merges_learn(&counts, merges, MERGES, &learned, &err), LM_OK);
        for (int64_t i = 0; i < learned; i++) {
            assert_true(find_best(words, WORDS, &best));
            assert_int_equal(merges[i].left, best.left);
            assert_int_equal(merges[i].right, best.right);
            for (int k = 0; k < WORDS; k++) merge_word(&words[k], best, (int32_t)(256 + i));
        }
        assert_true(learned == MERGES || !find_best(words, WORDS, &best));
        lm_piece_counts_free(&counts);
    }
}

/* 2^32 + 1 and 2^33 occurrences would be 1 and 0 in 32 bits. */
static void test_counts_have_64_bits(void **state) {
    (void)state;
    lm_piece_counts counts = {0};
    lm_merged_pair merges[4];
    int64_t learned;
    const struct {
        const char *piece;
        uint64_t times;
    } pieces[] = {{"ab", 5},
                  {"cd", ((uint64_t)1 << 32) + 1},
                  {"ef", (uint64_t)1 << 33},
                  {"gh", (uint64_t)1 << 40}};
    for (int i = 0; i < 4; i++)
        assert_true(lm_piece_counts_add(&counts, (const unsigned char *)pieces[i].piece, 2,
                                        pieces[i].times));
    assert_int_equal(lm_merges_learn(&counts, merges, 4, &learned, &err), LM_OK);
    assert_int_equal(learned, 4);
    for (int i = 0; i < 4; i++) assert_int_equal(merges[i].left, pieces[3 - i].piece[0]);
    lm_piece_counts_free(&counts);
}

/* Pieces and their counts that do not fit the places they would take. */
static void test_too_much_text(void **state) {
    (void)state;
    lm_piece_counts counts = {0};
    lm_merged_pair merges[1];
    int64_t learned;
    assert_true(lm_piece_counts_add(&counts, (const unsigned char *)"ab", 2, (uint64_t)1 << 62));
    assert_int_equal(lm_merges_learn(&counts, merges, 1, &learned, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "train it on a sample"));
    lm_piece_counts_free(&counts);
}

/* ---- whole texts ------------------------------------------------------------------------------*/

/* Encoding a piece is the merges in the order in which they were learned. */
static void check_encoding(const trained_case *c, const lm_tokenizer *k) {
    static word w;
    for (size_t at = 0, end; at < c->size; at = end) {
        lm_token_list ids = {0};
        end = lm_tokenizer_piece(k, c->text, c->size, at);
        w.n = 0;
        for (size_t i = at; i < end; i++) w.symbols[w.n++] = (unsigned char)c->text[i];
        for (int32_t i = 0; i < c->n; i++) merge_word(&w, c->merges[i], 256 + i);
        assert_int_equal(lm_tokenizer_encode(k, c->text + at, end - at, &ids, &err), LM_OK);
        assert_int_equal(ids.count, w.n);
        assert_memory_equal(ids.ids, w.symbols, (size_t)w.n * sizeof *ids.ids);
        lm_token_list_free(&ids);
    }
}

static void check_case(const trained_case *c, lm_pool *pool) {
    lm_bpe_trainer *t;
    lm_text token = {0}, left = {0}, right = {0};
    assert_int_equal(lm_bpe_trainer_open(&t, lm_split_find(c->split), pool, &err), LM_OK);
    assert_int_equal(lm_bpe_trainer_put(t, c->text, c->size, &err), LM_OK);
    lm_tokenizer *k = make(t, 256 + MOST + 2);
    assert_int_equal(lm_tokenizer_vocab_size(k), 256 + c->n + 2);
    for (int32_t i = 0; i < 256; i++) {
        text_of(k, i, &token);
        assert_int_equal(token.length, 1);
        assert_int_equal((unsigned char)token.data[0], i);
    }
    for (int32_t i = 0; i < c->n; i++) {
        text_of(k, 256 + i, &token);
        text_of(k, c->merges[i].left, &left);
        text_of(k, c->merges[i].right, &right);
        lm_text_append(&left, right.data, right.length);
        assert_string_equal(lm_text_cstr(&token), lm_text_cstr(&left));
    }
    text_of(k, (int32_t)(256 + c->n), &token);
    assert_string_equal(lm_text_cstr(&token), "<|endoftext|>");
    text_of(k, (int32_t)(256 + c->n + 1), &token);
    assert_string_equal(lm_text_cstr(&token), "<pad>");
    check_encoding(c, k);
    lm_text_free(&token);
    lm_text_free(&left);
    lm_text_free(&right);
    lm_tokenizer_close(k);
    lm_bpe_trainer_close(t);
}

static void test_stored_cases(void **state) {
    (void)state;
    lm_pool *pool;
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    for (int i = 0; i < COUNT; i++) check_case(&cases[i], pool);
    lm_pool_free(pool);
}

/* Three documents of a few hundred thousand bytes: words of a small vocabulary, a run of one
 * letter, and bytes that are not UTF-8. */
enum { DOCUMENTS = 3, DOCUMENT = 300000 };

static void fill_documents(char *text) {
    for (size_t at = 0; at < (size_t)DOCUMENTS * DOCUMENT;) {
        size_t n = lm_size_min(1 + lm_draw(&draws, 12), (size_t)DOCUMENTS * DOCUMENT - at);
        size_t kind = lm_draw(&draws, 40), letters = 2 + lm_draw(&draws, 3);
        for (size_t i = 0; i < n; i++)
            text[at + i] = (char)(kind == 0 ? lm_draw(&draws, 256)
                                  : i == 0  ? ' '
                                            : 'a' + lm_draw(&draws, letters));
        at += n;
    }
    memset(text + 2 * DOCUMENT - 40000, 'x', 80000);
}

static void train(const char *text, int threads, size_t piece, bool backwards, lm_text *saved) {
    lm_pool *pool;
    lm_bpe_trainer *t;
    assert_int_equal(lm_pool_create(&pool, threads, &err), LM_OK);
    assert_int_equal(lm_bpe_trainer_open(&t, lm_split_find("llama3"), pool, &err), LM_OK);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        const char *document = text + (backwards ? DOCUMENTS - 1 - i : i) * DOCUMENT;
        for (size_t at = 0; at < DOCUMENT; at += piece)
            assert_int_equal(
                lm_bpe_trainer_put(t, document + at, lm_size_min(piece, DOCUMENT - at), &err),
                LM_OK);
        assert_int_equal(lm_bpe_trainer_finish(t, &err), LM_OK);
    }
    lm_tokenizer *k = make(t, 700);
    assert_int_equal(lm_tokenizer_vocab_size(k), 700);
    assert_int_equal(lm_tokenizer_save(k, saved, &err), LM_OK);
    lm_bpe_trainer_close(t);
    lm_pool_free(pool);
    lm_tokenizer_close(k);
}

static void test_threads_order_and_pieces_change_nothing(void **state) {
    (void)state;
    char *text = malloc((size_t)DOCUMENTS * DOCUMENT);
    lm_text first = {0};
    fill_documents(text);
    train(text, 1, DOCUMENT, false, &first);
    const int threads[] = {2, 3, 5, 2};
    const size_t pieces[] = {DOCUMENT, 1000, 77777, 1 << 16};
    for (int i = 0; i < 4; i++) {
        lm_text other = {0};
        train(text, threads[i], pieces[i], i == 2, &other);
        assert_int_equal(other.length, first.length);
        assert_memory_equal(other.data, first.data, first.length);
        lm_text_free(&other);
    }
    lm_text_free(&first);
    free(text);
}

/* A quadratic trainer would not come back from a line of a megabyte without a space. */
static void test_long_lines(void **state) {
    (void)state;
    enum { SIZE = 1 << 20 };
    unsigned char *line = malloc(SIZE);
    lm_merged_pair merges[2000];
    int64_t learned;
    for (int kind = 0; kind < 2; kind++) {
        lm_piece_counts counts = {0};
        for (size_t i = 0; i < SIZE; i++)
            line[i] = (unsigned char)('a' + (kind ? lm_draw(&draws, 26) : 0));
        assert_true(lm_piece_counts_add(&counts, line, SIZE, 1));
        assert_int_equal(lm_merges_learn(&counts, merges, 2000, &learned, &err), LM_OK);
        assert_int_equal(learned, kind ? 2000 : 19); /* 2, 4, ... 2^19 letters */
        for (int32_t i = 0; i < 19 && kind == 0; i++) {
            assert_int_equal(merges[i].left, i ? 255 + i : 'a');
            assert_int_equal(merges[i].right, merges[i].left);
        }
        lm_piece_counts_free(&counts);
    }
    free(line);
}

/* More text than is gathered at a time, without a place where it may be cut. */
static void test_a_long_line_in_pieces(void **state) {
    (void)state;
    enum { PIECE = 1 << 16, PIECES = 9 << 4 };
    char *piece = malloc(PIECE);
    lm_pool *pool;
    lm_bpe_trainer *t;
    memset(piece, 'a', PIECE);
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    assert_int_equal(lm_bpe_trainer_open(&t, lm_split_find("gpt2"), pool, &err), LM_OK);
    for (int i = 0; i < PIECES; i++)
        assert_int_equal(lm_bpe_trainer_put(t, piece, PIECE, &err), LM_OK);
    lm_tokenizer *k = make(t, 1000);
    assert_int_equal(lm_tokenizer_vocab_size(k), 256 + 22 + 2); /* 2, 4, ... 2^22 of 9 * 2^20 */
    lm_tokenizer_close(k);
    lm_bpe_trainer_close(t);
    lm_pool_free(pool);
    free(piece);
}

/* ---- what cannot be ---------------------------------------------------------------------------*/

static void refuse(int64_t vocab_size, const char *a, const char *b, const char *why) {
    const char *specials[] = {a, b};
    const lm_bpe_training how = {vocab_size, specials, b ? 2 : 1};
    assert_int_equal(lm_bpe_training_check(&how, &err), LM_ERR_USAGE);
    if (!strstr(err.message, why)) fail_msg("\"%s\" without \"%s\"", err.message, why);
}

static void test_what_cannot_be_is_refused(void **state) {
    (void)state;
    refuse(257, "<a>", "<b>", "258 (256 bytes and 2 special tokens)");
    refuse(LM_BPE_VOCAB_MOST + 1, "<a>", "<b>", "16777216");
    refuse(300, "", NULL, "empty");
    refuse(300, "<\xFF>", NULL, "not UTF-8");
    refuse(300, "<a>", "<a>", "\"<a>\" is given twice");
    const char *specials[] = {"<a>", "<b>"};
    const lm_bpe_training least = {258, specials, 2};
    assert_int_equal(lm_bpe_training_check(&least, &err), LM_OK);
}

/* In tokenizer.json a name stands for one token. U+0120 is the name of a space. */
static void test_special_tokens_that_were_learned(void **state) {
    (void)state;
    lm_pool *pool;
    lm_bpe_trainer *t;
    lm_tokenizer *k;
    const char spaced[] = "\xC4\xA0" /* how a file writes a space */
                          "ab";
    const char *names[] = {"ab", spaced, "x"};
    assert_int_equal(lm_pool_create(&pool, 1, &err), LM_OK);
    assert_int_equal(lm_bpe_trainer_open(&t, lm_split_find("gpt2"), pool, &err), LM_OK);
    assert_int_equal(lm_bpe_trainer_put(t, "ab ab ab", 8, &err), LM_OK);
    for (int i = 0; i < 3; i++) {
        const lm_bpe_training how = {300, &names[i], 1};
        assert_int_equal(lm_bpe_trainer_make(t, &how, &k, &err), LM_ERR_USAGE);
        assert_non_null(strstr(err.message, names[i]));
        assert_null(k);
    }
    lm_bpe_trainer_close(t);
    lm_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges_are_those_of_the_definition),
        cmocka_unit_test(test_counts_have_64_bits),
        cmocka_unit_test(test_too_much_text),
        cmocka_unit_test(test_stored_cases),
        cmocka_unit_test(test_threads_order_and_pieces_change_nothing),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_a_long_line_in_pieces),
        cmocka_unit_test(test_what_cannot_be_is_refused),
        cmocka_unit_test(test_special_tokens_that_were_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
