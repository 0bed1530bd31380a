/* After the first step of a run nothing is allocated until its checkpoint is written: not by a
 * step, by its line of metrics and of progress, nor by an evaluation. The whole of lm_train_run is
 * run here; malloc and its kind are this program's own and count, and a line that is written to
 * metrics.jsonl marks the end of a step or of an evaluation. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "data/shard_writer.h"
#include "tests/support/options.h"
#include "tests/support/own_malloc.h"
#include "tests/support/tempdir.h"
#include "train/train.h"

enum { STEPS = 6, EVALUATIONS = 3, MARKS = 64 };
static atomic_long allocations;
static long at_mark[MARKS]; /* allocations so far, at each line of metrics */
static int marks;

#if REPLACED
void *malloc(size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(p, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_memalign(alignment, size);
}
int posix_memalign(void **p, size_t alignment, size_t size) {
    atomic_fetch_add(&allocations, 1);
    *p = __libc_memalign(alignment, size);
    return *p ? 0 : ENOMEM;
}
void *mmap(void *where, size_t size, int protection, int flags, int fd, off_t offset) {
    atomic_fetch_add(&allocations, 1);
    return (void *)syscall(SYS_mmap, where, size, protection, flags, fd, offset);
}
ssize_t write(int fd, const void *data, size_t size) {
    static const char line[] = "{\"step\":";
    if (size >= sizeof line && memcmp(data, line, sizeof line - 1) == 0 && marks < MARKS)
        at_mark[marks++] = atomic_load(&allocations);
    return syscall(SYS_write, fd, data, size);
}
#endif

/* ---- a run ------------------------------------------------------------------------------------*/

static lm_error err;

static int set_up(void **unused) {
    tempdir_open(unused);
    if (chdir(tempdir) != 0) return -1;
    lm_shard_writer w;
    const lm_manifest_tokenizer bytes = {.name = "bytes", .document_token = -1, .vocab_size = 256};
    if (lm_shard_writer_open(&w, "tokens.bin", &bytes, &err) != LM_OK) return -1;
    for (int32_t i = 0; i < 5000; i++) {
        int32_t id = i * i % 251;
        if (lm_shard_writer_put(&w, &id, 1, &err) != LM_OK) return -1;
    }
    return lm_shard_writer_commit(&w, &err) == LM_OK ? 0 : -1;
}

static int tear_down(void **unused) {
    if (chdir("/") != 0) return -1;
    return tempdir_close(unused);
}

static const char one_corpus[] = "\"train\": \"tokens.bin\", \"val\": \"tokens.bin\"";
static const char *data = one_corpus;

static void train(const char *precision, const char *model, const char *more) {
    static int runs;
    char text[2048];
    lm_config c;
    snprintf(
        text, sizeof text,
        "{\"run\": {\"dir\": \"run%d\", \"threads\": 2},"
        " \"model\": {\"d_model\": 32, \"n_layers\": 2, \"n_heads\": 4, \"context_length\": 40%s},"
        " \"data\": {%s},"
        " \"train\": {\"steps\": %d, \"micro_batch\": 3, \"precision\": \"%s\"%s},"
        " \"eval\": {\"every\": %d, \"tokens\": 200}, \"checkpoint\": {\"every\": 0},"
        " \"log\": {\"every\": 1, \"digest_every\": 2}}",
        runs++, model, data, STEPS, precision, more, STEPS / EVALUATIONS);
    if (lm_config_parse(&c, "test", text, strlen(text), NULL, 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    lm_train_settings s = {.config = &c, .isas = lm_cpu_detect()};
    marks = 0;
    /* progress is part of a step: to where nobody reads it */
    int terminal = dup(STDERR_FILENO), nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, STDERR_FILENO);
    lm_status status = lm_train_run(&s, &err);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    close(nothing);
    lm_config_free(&c);
    if (status != LM_OK) fail_msg("%s: %s", text, err.message);
    if (!REPLACED) skip();
    assert_int_equal(marks, STEPS + EVALUATIONS);
    for (int i = 1; i < marks; i++)
        if (at_mark[i] != at_mark[0])
            fail_msg("%ld allocations between line 1 and %d of the metrics of %s",
                     at_mark[i] - at_mark[0], i + 1, text);
}

static void train_both(const char *model, const char *more) {
    train("fp32", model, more);
    train("bf16", model, more);
}

static void test_a_plain_step_allocates_nothing(void **unused) {
    (void)unused;
    train_both("", "");
}
static void test_a_step_of_several_micro_batches_allocates_nothing(void **unused) {
    (void)unused;
    train_both("", ", \"grad_accumulation\": 3");
}
static void test_a_step_of_lanes_side_by_side_allocates_nothing(void **unused) {
    (void)unused;
    train_both("", ", \"batch\": 20, \"lanes\": 4");
}
static void test_a_step_on_a_mixture_allocates_nothing(void **unused) {
    (void)unused;
    data = "\"train\": [{\"path\": \"tokens.bin\", \"weight\": 3},"
           " {\"path\": \"./tokens.bin\", \"weight\": 1, \"name\": \"again\"}],"
           " \"val\": {\"a\": \"tokens.bin\", \"b\": \"tokens.bin\"}";
    train("fp32", "", "");
    data = one_corpus;
}
static const char *value_of(const option *o, int level) {
    return o->value[lm_min(level, o->levels - 1)];
}
/* As many runs as an option has values: together they try all values of all options. */
static void test_a_step_with_any_option_allocates_nothing(void **unused) {
    (void)unused;
    option options[OPTIONS_MOST];
    int n = options_list(options);
    for (int level = 0; level < OPTION_LEVELS; level++) {
        char model[1024];
        int at = 0;
        lm_config c = {0};
        for (int i = 0; i < n; i++)
            lm_key_set_literal(options[i].key, &c, value_of(&options[i], level));
        for (int i = 0; i < n; i++) {
            const option *o = &options[i];
            const char *value = value_of(o, level);
            if (!lm_key_applies(o->key, &c)) continue;
            const char *quote = o->key->type == LM_KEY_CHOICE ? "\"" : "";
            at += snprintf(model + at, sizeof model - (size_t)at, ", \"%s\": %s%s%s",
                           lm_key_name(o->key), quote, value, quote);
        }
        if (strstr(model, "\"document_mask\": true"))
            snprintf(model + at, sizeof model - (size_t)at, ", \"document_token\": 25");
        train_both(model, level % 2 ? ", \"grad_accumulation\": 2" : "");
    }
}

/* The counting counts: also on threads that are not this one. */
static void test_allocations_are_counted(void **unused) {
    (void)unused;
    if (!REPLACED) skip();
    long before = atomic_load(&allocations);
    void *volatile p = malloc(10);
    p = realloc(p, 20);
    free(p);
    p = strdup("x");
    free(p);
    p = aligned_alloc(64, 64);
    free(p);
    assert_int_equal(atomic_load(&allocations) - before, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_counted),
        cmocka_unit_test(test_a_plain_step_allocates_nothing),
        cmocka_unit_test(test_a_step_of_several_micro_batches_allocates_nothing),
        cmocka_unit_test(test_a_step_of_lanes_side_by_side_allocates_nothing),
        cmocka_unit_test(test_a_step_on_a_mixture_allocates_nothing),
        cmocka_unit_test(test_a_step_with_any_option_allocates_nothing)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
