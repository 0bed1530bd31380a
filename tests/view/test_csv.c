#include "tests/support/test.h"

#include <string.h>

#include "tests/view/run_files.h"
#include "view/csv.h"

static lm_status collect(void *to, const lm_text *part, lm_error *err) {
    (void)err;
    lm_text_append(to, part->data, part->length);
    return LM_OK;
}

static void check(const char *const *runs, int64_t n, const char *expected) {
    lm_error err;
    lm_text out = {0};
    assert_int_equal(lm_csv_write(runs, n, collect, &out, &err), LM_OK);
    assert_string_equal(lm_text_cstr(&out), expected);
    lm_text_free(&out);
}

/* Figures and evaluation of a step are one row; columns are those of all runs. */
static void test_rows(void **state) {
    (void)state;
    const char *const runs[] = {"a", "b"};
    write_file("a", "metrics.jsonl", "w",
               "{\"step\":1,\"tokens\":8,\"loss\":2.5000000000000004,\"phases\":{\"gemm\":0.25},"
               "\"seconds\":0.1}\n"
               "{\"step\":1,\"tokens\":8,\"val_loss\":3,\"seconds\":0.2}\n"
               "{\"step\":1,\"tokens\":8,\"sample\":\"x,\\n\",\"seconds\":0.2}\n"
               "{\"step\":2,\"tokens\":16,\"loss\":null,\"seconds\":0.3}\n{\"step\":3,\"toke");
    write_file("b", "metrics.jsonl", "w",
               "{\"step\":1,\"tokens\":4,\"loss\":1,\"other\":-7,\"seconds\":0.5}\n");
    check(runs, 2,
          "run,step,tokens,seconds,loss,phases.gemm,val_loss,other\n"
          "a,1,8,0.2,2.5000000000000004,0.25,3,\n"
          "a,2,16,0.3,,,,\n"
          "b,1,4,0.5,1,,,-7\n");
}

static void test_hostile_names_are_fields(void **state) {
    (void)state;
    const char *const runs[] = {"=1+1,\"x\"\033[31m\n"};
    write_file(runs[0], "metrics.jsonl", "w",
               "{\"step\":1,\"tokens\":8,\"val_loss.a,\\\"b\\n\":1,\"=x\":2,\"seconds\":1}\n");
    check(runs, 1,
          "run,step,tokens,seconds,\"val_loss.a,\"\"b\\n\",./=x\n"
          "\"./=1+1,\"\"x\"\"\\x1b[31m\\n\",1,8,1,1,2\n");
}

static void test_a_run_without_metrics(void **state) {
    (void)state;
    lm_error err;
    lm_text out = {0};
    const char *const runs[] = {"nowhere"};
    assert_int_equal(lm_csv_write(runs, 1, collect, &out, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "nowhere/metrics.jsonl"));
    lm_text_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_hostile_names_are_fields),
        cmocka_unit_test(test_a_run_without_metrics),
    };
    return cmocka_run_group_tests(tests, enter_tempdir, tempdir_close);
}
