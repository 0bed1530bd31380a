/* Shards of a set are the corpus, whole ones alone have their names, and work goes on at every
 * token. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/shard_set.h"
#include "tests/support/tempdir.h"

enum { TOKENS = 25, SHARD = 10 };

static const lm_manifest_tokenizer bytes = {
    .name = "bytes", .document_token = -1, .vocab_size = 256};
static int32_t ids[TOKENS];

static lm_text read_shard(const char *name) {
    lm_error err = {0};
    lm_text text = {0};
    char *path = lm_file_join(tempdir, name);
    if (lm_file_exists(path) && lm_file_read(path, 1 << 20, &text, &err) != LM_OK)
        fail_msg("%s", err.message);
    free(path);
    return text;
}

/* What is there is ids[0 .. TOKENS) in shards of SHARD. */
static void expect_all(void) {
    static const char *const names[] = {"t-00000.bin", "t-00001.bin", "t-00002.bin"};
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        lm_text text = read_shard(names[i]), manifest;
        char json[32];
        assert_int_equal(text.length, i < 2 ? 2 * SHARD : 2 * (TOKENS - 2 * SHARD));
        for (size_t k = 0; k < text.length; k += 2, at++)
            assert_int_equal((unsigned char)text.data[k], ids[at]);
        memcpy(strcpy(json, names[i]) + strlen("t-00000"), ".json", 6);
        manifest = read_shard(json);
        assert_true(manifest.length > 0);
        lm_text_free(&manifest);
        lm_text_free(&text);
    }
}

static void test_going_on_anywhere(void **state) {
    (void)state;
    lm_error err = {0};
    for (int i = 0; i < TOKENS; i++) ids[i] = 7 * i % 256;
    /* Synced behind `kept` tokens, killed behind `put`. */
    for (int64_t kept = 0; kept <= TOKENS; kept++) {
        for (int64_t put = kept; put <= TOKENS; put += 4) {
            lm_shard_set s;
            assert_int_equal(lm_shard_set_open(&s, tempdir, "t", &bytes, SHARD, &err), LM_OK);
            assert_int_equal(lm_shard_set_put(&s, ids, kept, &err), LM_OK);
            assert_int_equal(lm_shard_set_sync(&s, &err), LM_OK);
            assert_int_equal(s.tokens, kept);
            assert_int_equal(lm_shard_set_put(&s, ids + kept, put - kept, &err), LM_OK);
            if (put == TOKENS && kept > 0)
                assert_int_equal(lm_shard_set_commit(&s, &err), LM_OK);
            else
                lm_shard_set_close(&s, true);
            if (lm_shard_set_resume(&s, tempdir, "t", &bytes, SHARD, kept, &err) != LM_OK)
                fail_msg("%d of %d: %s", (int)kept, (int)put, err.message);
            assert_int_equal(lm_shard_set_put(&s, ids + kept, TOKENS - kept, &err), LM_OK);
            assert_int_equal(lm_shard_set_commit(&s, &err), LM_OK);
            expect_all();
        }
    }
}

static void test_a_lost_shard_is_named(void **state) {
    (void)state;
    lm_error err = {0};
    lm_shard_set s;
    assert_int_equal(lm_shard_set_open(&s, tempdir, "lost", &bytes, 0, &err), LM_OK);
    assert_int_equal(lm_shard_set_put(&s, ids, 5, &err), LM_OK);
    lm_shard_set_close(&s, true);
    assert_int_not_equal(lm_shard_set_resume(&s, tempdir, "lost", &bytes, 0, 6, &err), LM_OK);
    assert_non_null(
        strstr(err.message, "lost.bin.tmp: expected 12 bytes to go on behind, found 10"));
    lm_shard_set_close(&s, true);
    assert_int_equal(lm_shard_set_resume(&s, tempdir, "lost", &bytes, 0, 5, &err), LM_OK);
    lm_shard_set_close(&s, false);
    lm_shard_set_close(&s, false);
    assert_int_not_equal(lm_shard_set_resume(&s, tempdir, "lost", &bytes, 0, 5, &err), LM_OK);
}

static void test_others_are_removed(void **state) {
    (void)state;
    lm_error err = {0};
    lm_shard_set s = {.directory = tempdir, .name = "v", .shard_tokens = SHARD, .complete = 1};
    static const char *const names[] = {"v.bin",    "v.json",       "v-00000.bin", "v-00001.bin",
                                        "v-1x.bin", "v-00001.json", "vv.bin",      "v-00000.json"};
    for (int i = 0; i < 8; i++) {
        char *path = lm_file_join(tempdir, names[i]);
        assert_int_equal(lm_file_replace(path, "x", 1, &err), LM_OK);
        free(path);
    }
    assert_int_equal(lm_shard_set_remove_others(&s, &err), LM_OK);
    static const bool stays[] = {false, false, true, false, true, false, true, true};
    for (int i = 0; i < 8; i++) {
        char *path = lm_file_join(tempdir, names[i]);
        assert_true(lm_file_exists(path) == stays[i]);
        free(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_going_on_anywhere),
        cmocka_unit_test(test_a_lost_shard_is_named),
        cmocka_unit_test(test_others_are_removed),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}
