/* Sweep files: what is drawn from a space, and what is said of files that are wrong. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sweep/sweep.h"
#include "tests/support/tempdir.h"

#define BASE \
    "\"base\": {\"data\": {\"train\": \"t\"}, \"model\": {\"d_model\": 64, \"n_heads\": 4}}"

static lm_status open_text(lm_sweep *s, const char *text, lm_error *err) {
    char *path = lm_file_join(tempdir, "s.json");
    assert_int_equal(lm_file_replace(path, text, strlen(text), err), LM_OK);
    lm_status status = lm_sweep_open(s, path, NULL, err);
    free(path);
    return status;
}

static void open_sound(lm_sweep *s, const char *section, const char *space) {
    char text[2048];
    lm_error err = {0};
    snprintf(text, sizeof text, "{\"sweep\": {\"dir\": \"d\", %s}, " BASE ", \"space\": {%s}}",
             section, space);
    if (open_text(s, text, &err) != LM_OK) fail_msg("%s", err.message);
}

static void expect(const lm_sweep *s, int64_t setting, const char *want) {
    lm_text text = {0};
    lm_sweep_describe(s, setting, &text);
    assert_string_equal(lm_text_cstr(&text), want);
    lm_text_free(&text);
}

/* All combinations, the last key first; a key that does not apply has one value; constraints. */
static void test_grid(void **state) {
    (void)state;
    lm_sweep s;
    open_sound(&s, "\"method\": \"grid\", \"baseline\": false",
               "\"model.d_model\": [32, 64], \"optimizer.name\": [\"adamw\", \"momentum\"],"
               " \"optimizer.momentum\": {\"choice\": [0.8, 0.9],"
               " \"when\": \"optimizer.name == 'momentum'\"},"
               " \"optimizer.lr\": \"0.02 / sqrt(model.d_model / 32)\"");
    assert_int_equal(s.n_points, 6);
    assert_int_equal(s.n_settings, 6);
    expect(&s, 0, "model.d_model = 32, optimizer.name = \"adamw\", optimizer.lr = 0.02");
    expect(&s, 2,
           "model.d_model = 32, optimizer.name = \"momentum\", optimizer.momentum = 0.9,"
           " optimizer.lr = 0.02");
    lm_sweep_close(&s);
    open_sound(&s, "\"method\": \"grid\", \"seeds\": [7, 3]",
               "\"optimizer.lr\": {\"log_uniform\": [1e-4, 1e-2], \"levels\": 3},"
               " \"train.batch\": {\"power_of_two\": [4, 16]},"
               " \"model.n_layers\": {\"integer\": [2, 3]}");
    assert_int_equal(s.n_points, 18);
    assert_int_equal(s.n_trials, 38);
    assert_int_equal(lm_sweep_seed(&s, 1), 3);
    expect(&s, 0, "the base config as it is");
    expect(&s, 1, "optimizer.lr = 0.0001, train.batch = 4, model.n_layers = 2");
    expect(&s, 10, "optimizer.lr = 0.001, train.batch = 8, model.n_layers = 3");
    expect(&s, 18, "optimizer.lr = 0.01, train.batch = 16, model.n_layers = 3");
    lm_sweep_close(&s);
}

/* A point is a function of its number: longer sweeps begin with the points of shorter ones; values
 * lie in their ranges and keep the constraints. */
static void test_draws(void **state) {
    (void)state;
    static const char *const methods[] = {"random", "sobol", "tpe"};
    static const char space[] =
        "\"space\": {\"optimizer.lr\": {\"log_uniform\": [1e-4, 1e-2]}, \"model.d_model\":"
        " {\"integer\": [8, 99]}, \"model.dropout\": {\"uniform\": [0, 0.5]}},"
        " \"constraints\": [\"model.d_model % (2 * model.n_heads) == 0\"]";
    for (int m = 0; m < 3; m++) {
        lm_sweep a, b;
        char text[2048];
        lm_error err = {0};
        for (int n = 0; n < 2; n++) {
            snprintf(text, sizeof text,
                     "{\"sweep\": {\"dir\": \"d\", \"method\": \"%s\", \"points\": %d}, " BASE
                     ", %s}",
                     methods[m], n ? 16 : 10, space);
            if (open_text(n ? &b : &a, text, &err) != LM_OK) fail_msg("%s", err.message);
        }
        double least = 1, most = 0;
        for (int64_t i = 1; i < b.n_settings; i++) {
            const lm_value *v = lm_sweep_values(&b, i);
            for (int d = 0; d < 3 && i < a.n_settings; d++)
                assert_true(lm_value_same(&v[d], &lm_sweep_values(&a, i)[d]));
            assert_true(v[0].number >= 1e-4 && v[0].number <= 1e-2);
            assert_true(fmod(v[1].number, 8) == 0 && v[1].number >= 8 && v[1].number <= 99);
            assert_true(v[2].number >= 0 && v[2].number <= 0.5);
            least = fmin(least, v[2].number);
            most = fmax(most, v[2].number);
        }
        assert_true(least < 0.15 && most > 0.35);
        lm_sweep_close(&a);
        lm_sweep_close(&b);
    }
}

/* Rungs end where the run evaluates anyway, or eval.every is set so that they do. */
static void test_rungs(void **state) {
    (void)state;
    lm_sweep s;
    lm_error err = {0};
    const char *text = "{\"sweep\": {\"dir\": \"d\", \"points\": 32, \"halving\": 4},"
                       " \"base\": {\"data\": {\"train\": \"t\", \"val\": \"v\"},"
                       " \"train\": {\"steps\": 1000}, \"eval\": {\"every\": 20}},"
                       " \"space\": {\"optimizer.lr\": {\"uniform\": [0.1, 0.2]},"
                       " \"eval.every\": {\"choice\": [20, 250]}}}";
    if (open_text(&s, text, &err) != LM_OK) fail_msg("%s", err.message);
    assert_int_equal(s.rungs, 3); /* 32 settings, 8, 2 */
    for (int64_t i = 0; i < s.n_settings; i++) {
        bool fits = i == 0 || lm_sweep_values(&s, i)[1].number == 20;
        int64_t first = fits ? 60 : 62; /* 1000 / 16, down to a multiple of 20 */
        assert_int_equal(lm_sweep_rung_steps(&s, i, 0), first);
        assert_int_equal(lm_sweep_rung_steps(&s, i, 1), 4 * first);
        assert_int_equal(lm_sweep_rung_steps(&s, i, 2), 1000);
        assert_int_equal(s.settings[i].eval_every, fits ? 0 : 62);
    }
    lm_sweep_close(&s);
}

static void test_bad_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 1}, \"base\": {},", "s.json:1:49: syntax error"},
        {"{\"sweep\": {\"pionts\": 4}, " BASE "}",
         "s.json:1:12: unknown key \"sweep.pionts\"; did you mean \"points\"?"},
        {"{\"sweep\": {\"points\": 4}, " BASE "}", "sweep.dir: required, but not given"},
        {"{\"sweep\": {\"dir\": \"d\"}, " BASE ", \"space\": {\"optimizer.lr\": [1, 2]}}",
         "s.json:1:11: sweep.points: required where sweep.method is \"sobol\", but not given"},
        {"{\"sweep\": {\"points\": 0, \"seeds\": 0}, " BASE
         ", \"space\": {\"optimizer.lr\": [1, 2]}}",
         "s.json:1:22: sweep.points: expected at least 1 where sweep.method is \"sobol\", found 0"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE "}",
         "s.json:1:1: space: required, but not given"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4, \"halving\": 2}, " BASE ", \"space\": {}}",
         "s.json:1:48: sweep.halving has no effect when the space is empty"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, \"base\": {\"data\": {\"train\": 3}}, "
         "\"space\":"
         " {\"optimizer.lr\": {\"uniform\": [0.3, 0.1]}}}",
         "optimizer.lr: uniform: expected the low end first, found [0.3, 0.1]"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 0.5}, " BASE "}",
         "1:34: sweep.points: expected a whole number from 0 to 100000, found 0.5"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4, \"seeds\": [1, 1]}, " BASE "}",
         "1:50: sweep.seeds: the seed 1 stands here twice"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, \"base\": {\"data\": {\"train\": 3}}}",
         "s.json:1:65: data.train: expected"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, \"base\": \"there/is/none.json\"}",
         "s.json: base: there/is/none.json: cannot open"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"optimizer.rl\": [1]}}",
         "unknown key \"optimizer.rl\"; did you mean \"optimizer.lr\"?"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE ", \"space\": {\"run.seed\": [1]}}",
         "give sweep.seeds"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"run\": {\"threads\": [1, 2]}}}",
         "give sweep.threads"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"optimizer.lr\": [1, -1]}}",
         ": optimizer.lr: expected a number above 0"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"optimizer.lr\": {\"uniform\": [2, 1]}}}",
         "optimizer.lr: uniform: expected the low end first, found [2, 1]"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"train.batch\": {\"power_of_two\": [3, 8]}}}",
         "expected powers of two, found [3, 8]"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"model.d_model\": {\"uniform\": [3, 8]}}}",
         "takes whole numbers: expected \"integer\""},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"optimizer.lr\": \"1 / sqrtt(2)\"}}",
         "1:143: optimizer.lr: there is no function \"sqrtt\""},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"optimizer.lr\": \"model.dmodel\"}}",
         "unknown key \"model.dmodel\" in \"model.dmodel\"; did you mean \"model.d_model\"?"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"model.d_ff\": \"model.d_model\", \"model.d_model\": \"model.d_ff\"}}",
         "model.d_ff depends on itself"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"model.n_layers\": \"model.d_model / 3\"}}",
         "expected a whole number from 1 to 2147483647, found 21.3333"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"model.d_model\": [64]}, \"constraints\": [\"model.d_model > 64\"]}",
         "a row broke one, the last of them \"model.d_model > 64\""},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 4}, " BASE
         ", \"space\": {\"model.d_model\": [64]}, \"constraints\": [\"model.d_model\"]}",
         "expected true or false"},
        {"{\"sweep\": {\"dir\": \"d\", \"method\": \"grid\"}, " BASE
         ", \"space\": {\"model.n_heads\": [4, 5]}}",
         "trial 2 (model.n_heads = 5): "},
        {"{\"sweep\": {\"dir\": \"d\", \"method\": \"grid\"}, " BASE
         ", \"space\": {\"optimizer.lr\": {\"uniform\": [1, 2]}}}",
         "add \"levels\""},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 3, \"objective\": \"val_loss\"}, " BASE
         ", \"space\": {\"optimizer.lr\": [1]}}",
         "but the base config has no data.val"},
        {"{\"sweep\": {\"dir\": \"d\", \"points\": 64, \"halving\": 2}, \"base\": {\"data\":"
         " {\"train\": \"t\"}, \"train\": {\"steps\": 30}}, \"space\": {\"optimizer.lr\": [1]}}",
         "train.steps = 30 is too little for 7 rungs of sweep.halving = 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_sweep s;
        lm_error err = {0};
        assert_int_equal(open_text(&s, cases[i].text, &err), LM_ERR_USAGE);
        if (!strstr(err.message, cases[i].error))
            fail_msg("expected \"%s\" in: %s", cases[i].error, err.message);
        lm_sweep_close(&s);
    }
}

/* What a shell makes of a word is the word. */
static void test_shell_words(void **state) {
    (void)state;
    static const char *const words[] = {"plain", "a b", "it's", "$HOME `x` \"q\" \\ *", ""};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        lm_text command = {0};
        char got[128] = "";
        lm_text_printf(&command, "printf '%%s|' ");
        lm_shell_word(&command, words[i]);
        FILE *shell = popen(lm_text_cstr(&command), "r");
        assert_non_null(shell);
        size_t n = fread(got, 1, sizeof got - 1, shell);
        pclose(shell);
        assert_int_equal(n, strlen(words[i]) + 1);
        got[n - 1] = '\0';
        assert_string_equal(got, words[i]);
        lm_text_free(&command);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_rungs),       cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_shell_words),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}
