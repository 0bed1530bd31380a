/* When memory runs out while a config is read or compared, that is the error: for every allocation
 * that can fail, one after the other. malloc and its kind are this program's own. */
#include "tests/support/test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "tests/support/own_malloc.h"

static long until_failure = -1; /* allocations before the one that fails; < 0: none will */
static bool failed;

#if REPLACED
static bool fails(void) {
    if (until_failure < 0 || until_failure-- > 0) return false;
    failed = true;
    errno = ENOMEM;
    return true;
}
void *malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
    return fails() ? NULL : __libc_calloc(n, size);
}
void *realloc(void *p, size_t size) {
    return fails() ? NULL : __libc_realloc(p, size);
}
#endif

static const char good[] =
    "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\", \"val\": \"v\"},"
    " \"model\": {\"preset\": \"gpt2\"}, \"optimizer\": {\"lr\": 1e-2}}";
static const char several[] =
    "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": [{\"path\": \"t\", \"weight\": 1},"
    " {\"path\": \"~/u\", \"weight\": 2, \"name\": \"u\"}], \"val\": {\"a\": \"v\"}}}";
static const char bad[] = "{\"run\": {\"dir\": 1, \"dirr\": 2}, \"data\": {\"train\": \"\"},"
                          " \"model\": {\"norm\": \"rmsnrm\"}, \"train\": {\"steps\": -1},"
                          " \"optimizer\": {\"name\": \"sgd\", \"beta1\": 0.5}}";
static const char *const overrides[] = {"run.dir=q", "train.steps=7", "data.val=\"w\"",
                                        "model.bias=true"};

static lm_status parse(lm_config *c, const char *text, lm_error *err) {
    return lm_config_parse(c, "f.json", text, strlen(text), overrides, 4, err);
}

/* Reads the text with the first, second, ... allocation failing, until none does. */
static void read_without_memory(const char *text, lm_status otherwise) {
    lm_config c;
    lm_error err = {0};
    long k = 0;
    for (failed = true; failed; k++) {
        failed = false;
        until_failure = k;
        lm_status status = parse(&c, text, &err);
        until_failure = -1;
        lm_config_free(&c);
        assert_int_equal(status, failed ? LM_ERR_RUNTIME : otherwise);
        if (failed) assert_string_equal(err.message, "f.json: out of memory");
    }
    if (REPLACED) assert_true(k > 10); /* strings, cJSON, messages */
}

static void test_reading_reports_every_failed_allocation(void **state) {
    (void)state;
    read_without_memory(good, LM_OK);
    read_without_memory(several, LM_OK);
    read_without_memory(bad, LM_ERR_USAGE);
    read_without_memory("{\"run\": {\"dir\": \"r\"}", LM_ERR_USAGE);
}

/* No difference is lost: `changed` and what it says of memory are the caller's to look at. */
static void test_comparing_reports_every_failed_allocation(void **state) {
    (void)state;
    lm_config before, now;
    lm_error err = {0};
    assert_int_equal(parse(&before, good, &err), LM_OK);
    assert_int_equal(parse(&now, good, &err), LM_OK);
    now.run.seed = 2;
    now.train.clip_norm = 3;
    failed = true;
    for (long k = 0; failed; k++) {
        lm_text changed = {0};
        failed = false;
        until_failure = k;
        lm_status status = lm_config_compare(&before, &now, &changed, &err);
        until_failure = -1;
        if (!failed) assert_int_equal(status, LM_ERR_USAGE);
        if (failed) assert_true(status == LM_ERR_RUNTIME || changed.failed);
        lm_text_free(&changed);
    }
    lm_config_free(&before);
    lm_config_free(&now);
}

int main(void) {
    setenv("HOME", "/home/u", 1); /* else the C library finds it, with allocations of its own */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading_reports_every_failed_allocation),
        cmocka_unit_test(test_comparing_reports_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
