#include "tests/support/test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "report/tensorboard.h"
#include "tests/support/tempdir.h"

static void test_crc32c(void **state) {
    (void)state;
    assert_true(lm_crc32c("123456789", 9) == 0xE3069283u);
    assert_true(lm_crc32c("", 0) == 0);
    unsigned char zeros[32] = {0};
    assert_true(lm_crc32c(zeros, 32) == 0x8A9136AAu); /* RFC 3720, B.4 */
}

/* The first record by the format's own test vector; its payload begins with the time. */
static void test_the_first_record(void **state) {
    (void)state;
    lm_error err;
    lm_events e;
    lm_text t = {0};
    static const unsigned char head[12] = {0x18, 0, 0, 0, 0, 0, 0, 0, 0xA3, 0x7F, 0x4B, 0x22};
    static const char version[] = "\x1a\x0d"
                                  "brain.Event:2";
    assert_int_equal(lm_events_open(&e, tempdir, 0, &err), LM_OK);
    assert_int_equal(lm_file_read(e.path, 1 << 20, &t, &err), LM_OK);
    assert_int_equal(t.length, 12 + 24 + 4);
    assert_memory_equal(t.data, head, 12);
    assert_int_equal(t.data[12], 9);
    assert_memory_equal(t.data + 12 + 9, version, 15);
    lm_text_free(&t);
    /* A second file of the same second has another name. */
    lm_events f;
    assert_int_equal(lm_events_open(&f, tempdir, 0, &err), LM_OK);
    assert_string_not_equal(e.path, f.path);
    lm_events_close(&e);
    lm_events_close(&f);
    lm_events_close(&f);
    assert_int_equal(lm_events_open(&e, "/nonexistent", 0, &err), LM_ERR_RUNTIME);
}

/* A scalar by the format's test vector, behind the wall time. */
static void test_a_scalar(void **state) {
    (void)state;
    lm_error err;
    lm_events e;
    lm_text t = {0};
    static const unsigned char vector[] = {0x10, 0xAC, 0x02, 0x2A, 0x0D, 0x0A, 0x0B, 0x0A, 0x04,
                                           0x6C, 0x6F, 0x73, 0x73, 0x15, 0x00, 0x00, 0xA0, 0x3F};
    assert_int_equal(lm_events_open(&e, tempdir, 0, &err), LM_OK);
    lm_events_begin(&e, 300);
    lm_events_scalar(&e, "loss", 1.25);
    lm_events_end(&e);
    assert_int_equal(lm_file_read(e.path, 1 << 20, &t, &err), LM_OK);
    assert_int_equal(t.length, 40 + 12 + 9 + sizeof vector + 4);
    assert_memory_equal(t.data + 40 + 12 + 9, vector, sizeof vector);
    lm_text_free(&t);
    lm_events_close(&e);
}

/* The disk is full for a while: records wait; when a megabyte waits the file ends, and nothing
 * else. */
static void test_a_full_disk(void **state) {
    (void)state;
    lm_error err;
    lm_events e;
    struct rlimit limit = {64, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    char *text = calloc(1, 300001);
    memset(text, 'x', 300000);
    assert_int_equal(lm_events_open(&e, tempdir, 0, &err), LM_OK);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    lm_events_begin(&e, 1);
    lm_events_scalar(&e, "loss", 1);
    lm_events_end(&e);
    assert_true(!e.failed && e.waiting.length > 0);
    setrlimit(RLIMIT_FSIZE, &none);
    lm_events_begin(&e, 2);
    lm_events_end(&e);
    assert_true(!e.failed && e.waiting.length == 0);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 5; i++) {
        lm_events_begin(&e, 3 + i);
        lm_events_text(&e, "t", text);
        lm_events_end(&e);
    }
    assert_true(e.failed && strstr(e.why.message, "write"));
    setrlimit(RLIMIT_FSIZE, &none);
    lm_events_close(&e);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_the_first_record),
        cmocka_unit_test(test_a_scalar),
        cmocka_unit_test(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}
