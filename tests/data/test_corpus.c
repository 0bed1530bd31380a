#include "tests/support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/corpus.h"
#include "data/sampler.h"
#include "tests/support/shards.h"
#include "tests/support/tempdir.h"

static const lm_corpus_check check = {.threads = 3};
static const lm_corpus_options nothing_said, two_bytes = {.token_bytes = 2};

static void put_text(const char *path, const char *text) {
    lm_error err = {0};
    assert_int_equal(lm_file_replace(path, text, strlen(text), &err), LM_OK);
}

static void expect_error(const char *path, int64_t vocab_size, const char *part) {
    lm_error err = {0};
    lm_corpus *c;
    lm_status status = lm_corpus_open(&c, path, &nothing_said, &err);
    if (status == LM_OK) status = lm_corpus_validate(c, vocab_size, &check, &err);
    assert_int_not_equal(status, LM_OK);
    if (!strstr(err.message, part)) fail_msg("expected \"%s\" in: %s", part, err.message);
    lm_corpus_close(c);
}

static void test_write_and_read(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    const char *path = shards_in("a.bin");
    shards_put(path, 1000, 0, 256);
    assert_int_equal(lm_corpus_open(&c, path, &nothing_said, &err), LM_OK);
    assert_string_equal(lm_corpus_format(c), "raw uint16");
    assert_int_equal(lm_corpus_most_vocab_size(c), 65536);
    assert_int_equal(lm_corpus_tokens(c), 1000);
    assert_int_equal(lm_corpus_vocab_size(c), 256);
    assert_string_equal(lm_corpus_tokenizer(c)->name, "bytes");
    assert_int_equal(lm_corpus_validate(c, 256, &check, &err), LM_OK);
    int32_t ids[3];
    assert_int_equal(lm_corpus_read(c, 0, 254, 3, ids, &err), LM_OK);
    assert_int_equal(ids[0], 254);
    assert_int_equal(ids[2], 0);
    uint64_t digest = lm_corpus_digest(c);
    lm_corpus_close(c);

    /* The digest is of the content, not of names. */
    shards_put(shards_in("b.bin"), 1000, 0, 256);
    assert_int_equal(lm_corpus_open(&c, shards_in("b.bin"), &nothing_said, &err), LM_OK);
    assert_int_equal(lm_corpus_validate(c, 300, &check, &err), LM_OK);
    assert_true(lm_corpus_digest(c) == digest);
    lm_corpus_close(c);
    lm_corpus_close(NULL);
}

/* Whether shards of ids 0 ... 9999 and of 12000 ... 12007 have it. */
static bool occurs(int64_t id) {
    lm_error err = {0};
    lm_corpus *c;
    assert_int_equal(lm_corpus_open(&c, shards_in("watched"), &nothing_said, &err), LM_OK);
    lm_corpus_watch(c, id);
    assert_int_equal(lm_corpus_validate(c, 20000, &check, &err), LM_OK);
    bool found = lm_corpus_watched(c);
    lm_corpus_close(c);
    return found;
}

static void test_validation_tells_whether_an_id_occurs(void **state) {
    (void)state;
    lm_error err = {0};
    assert_int_equal(lm_file_make_directory(shards_in("watched"), &err), LM_OK);
    shards_put(shards_in("watched/1.bin"), 10000, 0, 20000);
    shards_put(shards_in("watched/2.bin"), 8, 12000, 20000);
    assert_true(occurs(0));
    assert_true(occurs(9999));
    assert_true(occurs(12007));
    assert_false(occurs(10000));
    assert_false(occurs(12008));
    assert_false(occurs(-1));
}

static void test_errors(void **state) {
    (void)state;
    expect_error(shards_in("missing.bin"), 256, "missing.bin: cannot open: No such file");
    expect_error(shards_in("none-*.bin"), 256, "no file that matches");
    put_text(shards_in("odd.bin"), "abc");
    expect_error(shards_in("odd.bin"), 65536, "found a size of 3 bytes");
    put_text(shards_in("empty.bin"), "");
    expect_error(shards_in("empty.bin"), 256, "found an empty corpus");
    lm_error err = {0};
    static const char raw[] = {1, 0, 2, 0, '\xff', 0};
    assert_int_equal(lm_file_replace(shards_in("raw.bin"), raw, sizeof raw, &err), LM_OK);
    expect_error(shards_in("raw.bin"), 255, "byte offset 4: expected token ids below 255");
    expect_error(shards_in("raw.bin"), 255, "found 255");
    assert_int_equal(lm_file_make_directory(shards_in("nothing"), &err), LM_OK);
    expect_error(shards_in("nothing"), 256, "expected *.bin or *.npy shards in this directory");
}

static void test_a_manifest_must_agree_with_its_shard(void **state) {
    (void)state;
    const char *path = shards_in("m.bin"), *manifest = shards_in("m.json");
    shards_put(path, 10, 0, 256);
    put_text(path, "0123456789");
    expect_error(path, 256, "expected 10 tokens (its manifest says so), found 5");
    put_text(path, "01234567890123456789");
    expect_error(path, 65536, "damaged: expected digest");
    put_text(manifest, "[\"lmtrain tokens\"]");
    expect_error(path, 256, "expected a JSON object");
    put_text(manifest, "{\"format\": \"lmtrain tokens 2\"}");
    expect_error(path, 256,
                 "key \"format\": expected \"lmtrain tokens\", found \"lmtrain tokens 2\"");
    put_text(manifest, "{\"format\": \"lmtrain tokens\", \"version\": 2}");
    expect_error(path, 256, "key \"version\": expected 1, found 2");
    put_text(manifest, "{\"format\": \"lmtrain tokens\", \"version\": 1, \"dtype\": \"int3\"}");
    expect_error(path, 256, "key \"dtype\": expected \"uint16\" or \"uint32\", found \"int3\"");
    put_text(manifest, "{\"format\": \"lmtrain tokens\", \"version\": 1, \"dtype\": \"uint16\","
                       "\"tokenizer\": \"bytes\", \"vocab_size\": 65537}");
    expect_error(path, 256,
                 "key \"vocab_size\": expected a whole number from 1 to 65536, found 65537");
    put_text(manifest, "{\"format\": \"lmtrain tokens\", \"version\": 1, \"dtype\": \"uint16\","
                       "\"tokenizer\": \"bytes\", \"vocab_size\": 256, \"tokens\": 10}");
    expect_error(path, 256, "key \"xxh64\": expected 16 hexadecimal digits, found nothing");
}

static void test_a_large_vocabulary_takes_uint32(void **state) {
    (void)state;
    lm_error err = {0};
    lm_shard_writer w;
    lm_corpus *c;
    const int32_t ids[] = {0, 65535, 65536, 128255, INT32_MAX - 1};
    int32_t back[5];
    assert_int_equal(shards_open(&w, shards_in("big.bin"), "bpe", INT32_MAX, &err), LM_OK);
    assert_int_equal(lm_shard_writer_put(&w, ids, 5, &err), LM_OK);
    assert_int_equal(lm_shard_writer_commit(&w, &err), LM_OK);
    assert_int_equal(lm_file_size(shards_in("big.bin")), 20);
    assert_int_equal(lm_corpus_open(&c, shards_in("big.bin"), &nothing_said, &err), LM_OK);
    assert_string_equal(lm_corpus_format(c), "raw uint32");
    assert_int_equal(lm_corpus_validate(c, INT32_MAX, &check, &err), LM_OK);
    assert_int_equal(lm_corpus_read(c, 0, 0, 5, back, &err), LM_OK);
    assert_memory_equal(back, ids, sizeof ids);
    lm_corpus_close(c);
    expect_error(shards_in("big.bin"), 128255, "byte offset 12: expected token ids below 128255");

    /* 65,536 ids still take two bytes each. */
    shards_put(shards_in("small.bin"), 10, 65530, 65536);
    assert_int_equal(lm_file_size(shards_in("small.bin")), 20);

    assert_int_equal(shards_open(&w, shards_in("huge.bin"), "bpe", (int64_t)INT32_MAX + 1, &err),
                     LM_ERR_USAGE);
    assert_non_null(
        strstr(err.message, "huge.bin: no format of shards holds a vocabulary of 2147483648"));
    lm_shard_writer_abort(&w);
    assert_false(lm_file_exists(shards_in("huge.bin")));
}

static void write_at(const char *path, const char *bytes, size_t n, off_t offset) {
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, offset), n);
    close(fd);
}

/* A shard that is changed after it was checked: an id beyond the vocabulary would be read beyond
 * the end of the embedding. */
static void test_shards_that_change_while_they_are_read(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    int32_t ids[10];
    const char *path = shards_in("changed.bin");
    shards_put(path, 20000, 0, 256);
    assert_int_equal(lm_corpus_open(&c, path, &nothing_said, &err), LM_OK);
    assert_int_equal(lm_corpus_validate(c, 256, &check, &err), LM_OK);
    write_at(path, "\xff\xff", 2, 2 * 19995);
    assert_int_equal(lm_corpus_read(c, 0, 19985, 10, ids, &err), LM_OK);
    assert_int_equal(lm_corpus_read(c, 0, 19990, 10, ids, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "changed.bin: byte offset 39990: expected token ids below"
                                        " 256 (model.vocab_size), found 65535: it changed while"
                                        " it was read"));
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(lm_corpus_read(c, 0, 490, 10, ids, &err), LM_OK);
    assert_int_equal(lm_corpus_read(c, 0, 495, 10, ids, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "changed.bin: byte offset 990: expected the 40000 bytes"));
    assert_non_null(strstr(err.message, "found 1000: it changed while it was read"));
    lm_corpus_close(c);
}

static uint64_t digest_of(const char *path, lm_corpus_check how) {
    lm_error err = {0};
    lm_corpus *c;
    assert_int_equal(lm_corpus_open(&c, path, &nothing_said, &err), LM_OK);
    if (lm_corpus_validate(c, 256, &how, &err) != LM_OK) fail_msg("%s", err.message);
    uint64_t digest = lm_corpus_digest(c);
    lm_corpus_close(c);
    return digest;
}

static void set_time(const char *path, struct timespec modified) {
    const struct timespec times[] = {modified, modified};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A change that leaves size and time shows what is read and what is not. */
static void test_what_a_manifest_vouches_for_is_not_read(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    struct stat info;
    const char *path = shards_in("vouched.bin");
    shards_put(path, 20000, 0, 200);
    uint64_t before = digest_of(path, check);
    assert_int_equal(stat(path, &info), 0);
    write_at(path, "\5\0", 2, 2000);
    set_time(path, info.st_mtim);
    assert_true(digest_of(path, check) == before);

    /* All is read when everything is asked for, and when the time is another one. */
    assert_int_equal(lm_corpus_open(&c, path, &nothing_said, &err), LM_OK);
    const lm_corpus_check everything = {.threads = 2, .everything = true};
    assert_int_equal(lm_corpus_validate(c, 256, &everything, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "vouched.bin: damaged: expected digest"));
    lm_corpus_close(c);
    info.st_mtim.tv_nsec ^= 1;
    set_time(path, info.st_mtim);
    expect_error(path, 256, "damaged: expected digest");

    /* The largest id is beyond the vocabulary: the place is looked for. */
    shards_put(path, 20000, 0, 200);
    expect_error(path, 150, "byte offset 300: expected token ids below 150");

    /* Manifests of older versions vouch for nothing. */
    put_text(shards_in("vouched.json"),
             "{\"format\": \"lmtrain tokens\", \"version\": 1, \"dtype\":"
             " \"uint16\", \"tokenizer\": \"bytes\", \"vocab_size\": 256,"
             " \"tokens\": 20000, \"xxh64\": \"0123456789abcdef\"}");
    expect_error(path, 256, "damaged: expected digest 0123456789abcdef");
    put_text(shards_in("vouched.json"),
             "{\"format\": \"lmtrain tokens\", \"version\": 1, \"dtype\":"
             " \"uint16\", \"tokenizer\": \"bytes\", \"vocab_size\": 256,"
             " \"tokens\": 20000, \"xxh64\": \"0123456789abcdef\","
             " \"size\": 40000, \"modified\": \"12.5\"}");
    expect_error(path, 256, "key \"modified\": expected \"SECONDS.NANOSECONDS\" since 1970");
}

/* Only the digest of the record says that the file was not read. */
static void test_what_was_checked_is_remembered(void **state) {
    (void)state;
    lm_error err = {0};
    lm_file_list records;
    lm_text record = {0};
    const char *path = shards_in("foreign.bin"), *cache = shards_in("cache");
    const struct timespec once = {.tv_sec = 1700000000, .tv_nsec = 123456789};
    assert_int_equal(setenv("XDG_CACHE_HOME", cache, 1), 0);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0 && ftruncate(fd, 9 << 20) == 0);
    close(fd);
    write_at(path, "\7\0\3\0", 4, 4 << 20);
    uint64_t before = digest_of(path, check);
    assert_false(lm_file_exists(cache)); /* it was changed just now */
    set_time(path, once);
    assert_true(digest_of(path, check) == before);
    const char *directory = shards_in("cache/lmtrain");
    assert_int_equal(lm_file_list_directory(&records, directory, &err), LM_OK);
    assert_int_equal(records.count, 1);
    char *name = lm_file_join(directory, records.names[0]);
    assert_int_equal(lm_file_read(name, 10000, &record, &err), LM_OK);
    char *at = strstr(record.data, "\"xxh64\": \"");
    assert_non_null(at);
    memcpy(at + 10, "00000000deadbeef", 16);
    assert_int_equal(lm_file_replace(name, record.data, record.length, &err), LM_OK);
    assert_true(digest_of(path, check) != before);

    /* The file in another state, and a record that is damaged. */
    write_at(path, "\7\0\3\0", 4, 4 << 20);
    set_time(path, once);
    assert_true(digest_of(path, check) == before);
    put_text(name, "{");
    assert_true(digest_of(path, check) == before);
    assert_true(digest_of(path, check) == before);
    lm_text_free(&record);
    lm_file_list_free(&records);
    free(name);
    assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
}

static void count_turn(void *argument, bool within) {
    (void)within;
    ++*(int *)argument;
}

/* Larger than one round of what is read at a time, on any number of threads. */
static void test_every_number_of_threads_finds_the_same(void **state) {
    (void)state;
    enum { IDS = 3000000 };
    lm_error err = {0};
    int turns = 0;
    unsigned char *bytes = malloc(2 * IDS);
    assert_non_null(bytes);
    for (int i = 0; i < 2 * IDS; i++) bytes[i] = i % 2 ? 0 : (unsigned char)(i % 251);
    bytes[2 * 2999999] = 252;
    const char *path = shards_in("threads.bin");
    assert_int_equal(lm_file_replace(path, bytes, 2 * IDS, &err), LM_OK);
    for (int threads = 1; threads <= 5; threads++) {
        lm_corpus *c;
        const lm_corpus_check how = {
            .threads = threads, .turn = count_turn, .turn_argument = &turns};
        for (int64_t id = 250; id <= 252; id++) {
            assert_int_equal(lm_corpus_open(&c, path, &two_bytes, &err), LM_OK);
            lm_corpus_watch(c, id);
            assert_int_equal(lm_corpus_validate(c, 253, &how, &err), LM_OK);
            assert_int_equal(lm_corpus_watched(c), id != 251);
            assert_int_equal(lm_corpus_validate(c, 252, &how, &err), LM_ERR_RUNTIME);
            assert_non_null(strstr(err.message, "threads.bin: byte offset 5999998: expected token"
                                                " ids below 252 (model.vocab_size), found 252"));
            lm_corpus_close(c);
        }
    }
    assert_true(turns >= 5 * 3 * 2);
    free(bytes);
}

/* macOS leaves such files on foreign disks. */
static void test_names_with_a_dot_are_no_shards(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    assert_int_equal(lm_file_make_directory(shards_in("dots"), &err), LM_OK);
    shards_put(shards_in("dots/x.bin"), 10, 0, 256);
    put_text(shards_in("dots/._x.bin"), "Mac OS X");
    assert_int_equal(lm_corpus_open(&c, shards_in("dots"), &nothing_said, &err), LM_OK);
    assert_int_equal(lm_corpus_shards(c), 1);
    lm_corpus_close(c);
}

static void test_directories_and_patterns(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    assert_int_equal(lm_file_make_directory(shards_in("many"), &err), LM_OK);
    shards_put(shards_in("many/s2.bin"), 20, 100, 256);
    shards_put(shards_in("many/s1.bin"), 31, 0, 256);
    shards_put(shards_in("many/s10.bin"), 5, 50, 256);
    put_text(shards_in("many/README"), "x");
    put_text(shards_in("many/._s1.bin"), "x");
    const char *paths[] = {shards_in("many"), shards_in("many/s*.bin")};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lm_corpus_open(&c, paths[i], &nothing_said, &err), LM_OK);
        assert_int_equal(lm_corpus_shards(c), 3);
        assert_int_equal(lm_corpus_tokens(c), 56);
        assert_int_equal(lm_corpus_shard_tokens(c, 0), 31);
        assert_int_equal(lm_corpus_shard_tokens(c, 1), 5); /* strcmp: s1 < s10 < s2 */

        /* Windows of 10 tokens and a target: 3, 0 and 1. */
        lm_sampler s;
        int32_t ids[11];
        assert_int_equal(lm_sampler_init(&s, c, &(lm_sampler_options){.context_length = 10}, &err),
                         LM_OK);
        assert_int_equal(s.windows, 3 + 0 + 1);
        lm_text unused = {0}, expected = {0};
        lm_sampler_print_unused(&s, &unused);
        lm_text_printf(&expected,
                       "not used of %s: 5 tokens (8.9%%) in 1 of 3 shards, shorter than a window"
                       " of 11; 9 tokens (16%%) behind the last whole windows%s\n",
                       paths[i], i ? "" : "; 2 files that are no shards by their names");
        assert_string_equal(unused.data, expected.data);
        lm_text_free(&unused);
        lm_text_free(&expected);
        assert_int_equal(lm_sampler_window(&s, 2, ids, &err), LM_OK);
        assert_true(ids[0] == 20 && ids[10] == 30);
        assert_int_equal(lm_sampler_window(&s, 4 + 3, ids, &err), LM_OK); /* the second epoch */
        assert_true(ids[0] == 100 && ids[10] == 110);
        lm_sampler_free(&s);
        assert_int_equal(lm_sampler_init(&s, c, &(lm_sampler_options){.context_length = 31}, &err),
                         LM_ERR_USAGE);
        assert_non_null(strstr(err.message, "at least 32 tokens"));
        assert_non_null(strstr(err.message, "found 31"));
        lm_corpus_close(c);
    }
    shards_put(shards_in("many/s3.bin"), 20, 0, 100);
    expect_error(shards_in("many"), 256, "expected the tokenizer of the first shard");
}

/* A tokenizer with a file: the manifest names it beside the shard, and what begins documents. */
static void test_tokenizer_with_a_file(void **state) {
    (void)state;
    lm_error err = {0};
    lm_shard_writer w;
    lm_corpus *c;
    lm_manifest_tokenizer t = {"bpe", "tokenizer.json", 0x0123456789ABCDEFu, 300, 301};
    const int32_t ids[] = {300, 1, 2};
    lm_file_make_directory(shards_in("two"), &err);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            lm_shard_writer_open(&w, shards_in(i ? "two/b.bin" : "two/a.bin"), &t, &err), LM_OK);
        assert_int_equal(lm_shard_writer_put(&w, ids, 3, &err), LM_OK);
        assert_int_equal(lm_shard_writer_commit(&w, &err), LM_OK);
        assert_int_equal(lm_corpus_open(&c, shards_in("two"), &nothing_said, &err),
                         i ? LM_ERR_RUNTIME : LM_OK);
        if (i) break;
        assert_true(lm_manifest_same_tokenizer(lm_corpus_tokenizer(c), &t));
        assert_int_equal(lm_corpus_tokenizer(c)->document_token, 300);
        char *path = lm_corpus_tokenizer_path(c);
        assert_string_equal(path, shards_in("two/tokenizer.json"));
        free(path);
        lm_corpus_close(c);
        t.digest++;
    }
    assert_non_null(strstr(err.message, "found \"bpe\" of another file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokenizer_with_a_file),
        cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_validation_tells_whether_an_id_occurs),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_a_manifest_must_agree_with_its_shard),
        cmocka_unit_test(test_a_large_vocabulary_takes_uint32),
        cmocka_unit_test(test_shards_that_change_while_they_are_read),
        cmocka_unit_test(test_what_a_manifest_vouches_for_is_not_read),
        cmocka_unit_test(test_what_was_checked_is_remembered),
        cmocka_unit_test(test_every_number_of_threads_finds_the_same),
        cmocka_unit_test(test_names_with_a_dot_are_no_shards),
        cmocka_unit_test(test_directories_and_patterns),
    };
    return cmocka_run_group_tests(tests, tempdir_open, shards_close);
}
