/* Whose a task is when the worker that claimed it has ended, died or is on another machine. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "sweep/claim.h"
#include "sweep/directory.h"
#include "tests/support/tempdir.h"

static void write_file(const lm_sweep *s, const char *name, const char *text, time_t age) {
    lm_error err = {0};
    char *path = lm_sweep_path(s, name);
    if (lm_file_replace(path, text, strlen(text), &err) != LM_OK) fail_msg("%s", err.message);
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= age;
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(path);
}

static void open_sweep(lm_sweep *s, const char *name) {
    char text[512];
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "s.json"), *dir = lm_file_join(tempdir, name);
    snprintf(
        text, sizeof text,
        "{\"sweep\": {\"dir\": \"%s\", \"points\": 3}, \"base\": {\"data\": {\"train\": \"t\"}},"
        " \"space\": {\"optimizer.lr\": {\"uniform\": [0.1, 1]}}}",
        dir);
    assert_int_equal(lm_file_replace(path, text, strlen(text), &err), LM_OK);
    if (lm_sweep_open(s, path, NULL, &err) != LM_OK) fail_msg("%s", err.message);
    if (lm_sweep_begin(s, &err) != LM_OK) fail_msg("%s", err.message);
    free(path);
    free(dir);
}

typedef struct worker {
    lm_worker_file file;
    lm_journals journals;
} worker;

static lm_claimed claim(worker *w, const lm_sweep *s, int64_t trial) {
    lm_claimed whose;
    lm_error err = {0};
    if (lm_journals_read(&w->journals, s, &err) != LM_OK) fail_msg("%s", err.message);
    if (lm_claim(&w->file, &w->journals, trial, 0, &whose, &err) != LM_OK)
        fail_msg("%s", err.message);
    return whose;
}

static void begin(worker *w, const lm_sweep *s) {
    lm_error err = {0};
    assert_int_equal(lm_worker_open(&w->file, s, &err), LM_OK);
    assert_int_equal(lm_journals_open(&w->journals, s, &err), LM_OK);
}

static void end(worker *w) {
    lm_worker_close(&w->file);
    lm_journals_close(&w->journals);
}

static void test_here(void **state) {
    (void)state;
    lm_sweep s;
    worker a, b;
    open_sweep(&s, "here");
    begin(&a, &s);
    begin(&b, &s);
    assert_int_equal(claim(&a, &s, 1), LM_CLAIM_MINE);
    assert_int_equal(claim(&b, &s, 1), LM_CLAIM_OTHERS);
    assert_int_equal(claim(&b, &s, 2), LM_CLAIM_MINE);
    write_file(&s, "workers/far-1-1", "far-1-1 other-boot 1\n", 0);
    lm_worker_counts n = lm_worker_count(&a.file, &s);
    assert_int_equal(n.all, 3);
    assert_int_equal(n.here, 2);
    assert_int_equal(n.sharers, 2);
    lm_worker_leave(&a.file);
    n = lm_worker_count(&a.file, &s);
    assert_int_equal(n.all, 2);
    assert_int_equal(n.sharers, 1);
    end(&a);
    assert_int_equal(claim(&b, &s, 1), LM_CLAIM_TAKEN_OVER);
    end(&b);
    lm_sweep_close(&s);
}

/* Another machine has another boot id. Its worker that is gone may have had a result that is not
 * seen here yet: the task is free when its journal has been read to the end, or when it is late. */
static void test_elsewhere(void **state) {
    (void)state;
    lm_sweep s;
    worker w;
    open_sweep(&s, "elsewhere");
    begin(&w, &s);
    write_file(&s, "claims/00001-0.0", "far-1-1 other-boot 1\n", 0);
    assert_int_equal(claim(&w, &s, 1), LM_CLAIM_OTHERS);
    write_file(&s, "journals/far-1-1.jsonl", "{\"end\":1}\n", 0);
    assert_int_equal(claim(&w, &s, 1), LM_CLAIM_TAKEN_OVER);
    write_file(&s, "claims/00002-0.0", "old-1-1 other-boot 1\n", s.options.heartbeat + 5);
    assert_int_equal(claim(&w, &s, 2), LM_CLAIM_TAKEN_OVER);
    write_file(&s, "workers/on-1-1", "on-1-1 other-boot 1\n", 0);
    write_file(&s, "claims/00000-0.0", "on-1-1 other-boot 1\n", s.options.heartbeat + 5);
    assert_int_equal(claim(&w, &s, 0), LM_CLAIM_OTHERS);
    write_file(&s, "workers/on-1-1", "on-1-1 other-boot 1\n", s.options.heartbeat + 5);
    assert_int_equal(claim(&w, &s, 0), LM_CLAIM_TAKEN_OVER);
    end(&w);
    lm_sweep_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_here),
                                       cmocka_unit_test(test_elsewhere)};
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}
