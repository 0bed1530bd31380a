#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/rng.h"
#include "config/keys.h"

#define SOUND "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\"}"

static lm_status parse(lm_config *c, const char *text, lm_error *err) {
    return lm_config_parse(c, "f.json", text, strlen(text), NULL, 0, err);
}

static void expect_error(const char *text, const char *part) {
    lm_config c;
    lm_error err = {0};
    assert_int_equal(parse(&c, text, &err), LM_ERR_USAGE);
    if (!strstr(err.message, part)) fail_msg("expected \"%s\" in: %s", part, err.message);
    lm_config_free(&c);
}

/* Each tests/config/bad/x.json gives exactly the text of x.txt. LM_WRITE_EXPECTED=1 writes those
 * texts instead: read them before they are committed. */
static void test_bad_files(void **state) {
    (void)state;
    lm_error err = {0};
    lm_file_list list;
    int checked = 0;
    assert_int_equal(lm_file_list_directory(&list, "tests/config/bad", &err), LM_OK);
    for (size_t i = 0; i < list.count; i++) {
        char path[256], want_path[256];
        char *dot = strstr(list.names[i], ".json");
        if (!dot) continue;
        snprintf(path, sizeof path, "tests/config/bad/%s", list.names[i]);
        snprintf(want_path, sizeof want_path, "tests/config/bad/%.*s.txt",
                 (int)(dot - list.names[i]), list.names[i]);
        lm_config c;
        lm_text want = {0};
        assert_int_equal(lm_config_load(&c, path, NULL, 0, &err), LM_ERR_USAGE);
        lm_config_free(&c);
        char message[sizeof err.message + 1];
        strcpy(message, err.message);
        if (getenv("LM_WRITE_EXPECTED")) {
            strcat(message, "\n");
            assert_int_equal(lm_file_replace(want_path, message, strlen(message), &err), LM_OK);
            continue;
        }
        assert_int_equal(lm_file_read(want_path, 1 << 16, &want, &err), LM_OK);
        want.data[want.length - 1] = '\0'; /* the file ends in a newline */
        assert_string_equal(message, want.data);
        lm_text_free(&want);
        checked++;
    }
    lm_file_list_free(&list);
    if (!getenv("LM_WRITE_EXPECTED")) assert_true(checked >= 12);
}

/* `keys` unknown ones: as many problems are told or counted, in a time that grows no faster. */
static void count_problems(int keys, const char *begin, const char *end) {
    lm_text text = {0};
    lm_config c;
    lm_error err = {0};
    lm_text_printf(&text, SOUND "%s\n", begin);
    for (int i = 0; i < keys; i++) lm_text_printf(&text, "\"key%d\": 1,\n", i);
    lm_text_printf(&text, "\"last\": 1%s}", end);
    assert_int_equal(parse(&c, lm_text_cstr(&text), &err), LM_ERR_USAGE);
    int lines = 1, more = 0;
    for (const char *at = err.message; *at; at++) lines += *at == '\n';
    const char *last = strrchr(err.message, '\n');
    assert_non_null(last);
    assert_int_equal(sscanf(last, "\nand %d more problems", &more), 1);
    assert_int_equal(lines - 1 + more, keys + 1);
    lm_config_free(&c);
    lm_text_free(&text);
}

static void test_many_problems_are_counted(void **state) {
    (void)state;
    count_problems(1000, ", \"model\": {", "}");
    clock_t started = clock();
    count_problems(200000, ", \"model\": {", "}"); /* took over a minute when it was quadratic */
    count_problems(200000, ",", "");
    double seconds = (double)(clock() - started) / CLOCKS_PER_SEC;
    if (seconds > 10) fail_msg("400,000 unknown keys took %.1f s of CPU time", seconds);
}

/* Keys by their whole path in the file, and sections as one override, are what they would be in
 * their sections. */
static void test_other_ways_to_write_a_key(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    const char *text = "{\"run.dir\": \"r\", \"data\": {\"train\": \"t\"}, "
                       "\"model.d_model\": 64, \"model\": {\"n_heads\": 4}}";
    if (parse(&c, text, &err) != LM_OK) fail_msg("%s", err.message);
    assert_string_equal(c.run.dir, "r");
    assert_int_equal(c.model.d_model, 64);
    assert_int_equal(c.model.n_heads, 4);
    lm_config_free(&c);
    const char whole[] = "model={\"d_model\": 96, \"n_layers\": 3, // a comment\n \"norm\":"
                         " \"layernorm\"}";
    const char *const set[] = {whole, "model.n_layers=5", "model={\"n_heads\": 6}"};
    if (lm_config_parse(&c, "f", text, strlen(text), set, 3, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_int_equal(c.model.d_model, 96);
    assert_int_equal(c.model.n_layers, 5); /* the last one counts */
    assert_int_equal(c.model.n_heads, 6);
    assert_int_equal(c.model.norm, LM_NORM_LAYERNORM);
    lm_config_free(&c);
    expect_error(SOUND ", \"model.d_model\": 64, \"model\": {\"d_model\": 32}}",
                 "duplicate key \"model.d_model\", already given at f.json:1:64");
    expect_error(SOUND ", \"model.d_modle\": 64}", "did you mean \"model.d_model\"?");
    expect_error(SOUND ", \"model.d_model\": \"64\"}",
                 "f.json:1:64: model.d_model: expected a whole");
    static const struct {
        const char *set, *part;
    } bad[] = {
        {"model=64", "--set model=64: model: expected an object"},
        {"model={\"d_model\": 64", "syntax error"},
        {"model=", "syntax error"},
        {"model={\"d_modle\": 64}", "unknown key \"model.d_modle\"; did you mean"},
        {"model={\"d_model\": 0.5}", "model.d_model: expected a whole number"},
        {"model={\"d_model\": 08}", "syntax error: a number that begins with 0"},
        {"model={\"d_model\": 8, \"d_model\": 8}", "duplicate key \"model.d_model\""},
        {"modle={\"d_model\": 8}", "did you mean \"model\"?"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lm_status status =
            lm_config_parse(&c, "f", SOUND "}", strlen(SOUND "}"), &bad[i].set, 1, &err);
        assert_int_equal(status, LM_ERR_USAGE);
        if (!strstr(err.message, bad[i].part) || strncmp(err.message, "--set mod", 9) != 0)
            fail_msg("expected \"%s\" in: %s", bad[i].part, err.message);
        lm_config_free(&c);
    }
}

/* Numbers as people write them; what JSON and they have in common is a number in the file too. */
static void test_numbers_of_overrides(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value; /* NaN: none */
    } cases[] = {{".001", 0.001}, {"0.001", 0.001}, {"1e-3", 0.001}, {"+.5", 0.5}, {"5.", 5},
                 {"1.e-1", 0.1},  {"+2", 2},        {".", NAN},      {"", NAN},    {"1..2", NAN},
                 {"007", NAN},    {"0x1", NAN},     {"1 ", NAN},     {"inf", NAN}, {"nan", NAN},
                 {"--1", NAN},    {".e1", NAN},     {"+", NAN},      {"1_0", NAN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char set[64];
        const char *const sets[] = {set};
        lm_config c;
        lm_error err = {0};
        snprintf(set, sizeof set, "optimizer.lr=%s", cases[i].text);
        lm_status status = lm_config_parse(&c, "f", SOUND "}", strlen(SOUND "}"), sets, 1, &err);
        if ((status == LM_OK) == isnan(cases[i].value)) fail_msg("%s: %s", set, err.message);
        if (status == LM_OK) assert_true(c.optimizer.lr == cases[i].value);
        lm_config_free(&c);
    }
}

static void test_paths_begin_at_home(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    const char *text = "{\"run\": {\"dir\": \"~/r\", \"init_from\": \"./~/i\"}, "
                       "\"data\": {\"train\": \"t~/x\"}}";
    const char *const set[] = {"data.val=~/v/*.bin"};
    assert_int_equal(setenv("HOME", "/h", 1), 0);
    if (lm_config_parse(&c, "f", text, strlen(text), set, 1, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_string_equal(c.run.dir, "/h/r");
    assert_string_equal(c.run.init_from, "./~/i");
    assert_string_equal(c.data.train.items[0].path, "t~/x");
    assert_string_equal(c.data.val.items[0].path, "/h/v/*.bin");
    lm_config_free(&c);
    expect_error("{\"run\": {\"dir\": \"~you/r\"}, \"data\": {\"train\": \"t\"}}",
                 "f.json:1:17: run.dir: ~you/r: other users' home directories are not looked up");
}

/* Every string is a path or known not to be one: a new one is to be thought of here. */
static void test_which_strings_are_paths(void **state) {
    (void)state;
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        if (k->is_path) assert_true(lm_key_takes_string(k));
        if (k->required && k->type == LM_KEY_STRING) assert_true(k->is_path);
    }
    assert_true(lm_key_at(lm_key_find("data.val"))->is_path);
    assert_true(lm_key_at(lm_key_find("run.init_from"))->is_path);
}

static void test_comments_numbers_and_schema_key(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    const char *text =
        "\xEF\xBB\xBF// a\n{ \"$schema\": \"s\", /* b\n */ \"run\": {\"dir\": \"a//b /* c "
        "*/\\\"\"},\n\"data\": {\"train\": \"t\"}, \"train\": {\"steps\": 1e3}}";
    if (parse(&c, text, &err) != LM_OK) fail_msg("%s", err.message);
    assert_string_equal(c.run.dir, "a//b /* c */\"");
    assert_int_equal(c.train.steps, 1000);
    assert_int_equal(c.schedule.warmup_steps, 100);
    lm_config_free(&c);
    lm_config_free(&c);
    expect_error(SOUND ", \"train\": {\"steps\": 1.5}}", "f.json:1:");
}

static void test_warmup_follows_short_runs(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    assert_int_equal(parse(&c, SOUND ", \"train\": {\"steps\": 50}}", &err), LM_OK);
    assert_int_equal(c.schedule.warmup_steps, 5);
    lm_config_free(&c);
}

/* A preset sets what is not given, wherever it stands, and shows in the resolved config. */
static void test_presets(void **state) {
    (void)state;
    lm_config c, again;
    lm_error err = {0};
    lm_text printed = {0};
    const char *text = SOUND ", \"model\": {\"norm\": \"rmsnorm\", \"preset\": \"gpt2\"}}";
    if (parse(&c, text, &err) != LM_OK) fail_msg("%s", err.message);
    assert_int_equal(c.model.norm, LM_NORM_RMSNORM); /* given */
    assert_int_equal(c.model.position, LM_POSITION_LEARNED);
    assert_int_equal(c.model.mlp, LM_MLP_GELU_TANH);
    assert_true(c.model.bias && c.model.tie_embeddings);
    lm_config_print(&c, &printed);
    assert_non_null(strstr(lm_text_cstr(&printed), "\"preset\": \"gpt2\""));
    assert_non_null(strstr(lm_text_cstr(&printed), "\"position\": \"learned\""));
    if (parse(&again, lm_text_cstr(&printed), &err) != LM_OK) fail_msg("%s", err.message);
    assert_memory_equal(&again.model, &c.model, sizeof c.model);
    lm_config_free(&again);
    lm_config_free(&c);
    lm_text_free(&printed);
    const char *const set[] = {"model.preset=llama", "model.init=gpt2"};
    assert_int_equal(lm_config_parse(&c, "f.json", text, strlen(text), set, 2, &err), LM_OK);
    assert_int_equal(c.model.position, LM_POSITION_ROPE);
    assert_int_equal(c.model.mlp, LM_MLP_SWIGLU);
    assert_int_equal(c.model.init, LM_INIT_GPT2); /* given */
    assert_false(c.model.bias || c.model.tie_embeddings);
    lm_config_free(&c);
    for (int i = 0; i < lm_n_presets; i++) { /* the rows are of keys, and in their ranges */
        int key = lm_key_find(lm_presets[i].path);
        assert_true(key >= 0 && lm_preset_name(lm_presets[i].preset));
        const lm_key *k = lm_key_at(key);
        if (k->type == LM_KEY_CHOICE) assert_true(lm_key_choice(k, lm_presets[i].value) >= 0);
        if (k->type == LM_KEY_REAL)
            assert_true(lm_key_accepts_number(k, strtod(lm_presets[i].value, NULL)));
    }
}

static void test_overrides(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    const char *text = SOUND ", \"optimizer\": {\"lr\": 1}}";
    const char *const set[] = {"run.dir=a=b",         "model.bias=true", "optimizer.name=sgd",
                               "optimizer.lr=0.25",   "data.val=\"q\"",  "eval.every=7",
                               "model.norm=layernorm"};
    assert_int_equal(lm_config_parse(&c, "f", text, strlen(text), set, 7, &err), LM_OK);
    assert_true(c.optimizer.lr == 0.25);
    assert_string_equal(c.run.dir, "a=b");
    assert_string_equal(c.data.val.items[0].path, "q");
    assert_true(c.model.bias && c.model.norm == LM_NORM_LAYERNORM);
    lm_config_free(&c);
    static const struct {
        const char *set, *part;
    } bad[] = {
        {"optimizer.lr", "--set optimizer.lr: expected key.path=value"},
        {"=3", "--set =3: expected key.path=value"},
        {"optimzer.lr=3", "did you mean \"optimizer.lr\"?"},
        {"train.batch_schedule=3", "did you mean \"schedule.batch\"?"},
        {"optimizer.weight_decay_schedule=3", "did you mean \"schedule.weight_decay\"?"},
        {"optimizer.lrr=3", "did you mean \"optimizer.lr\"?"},
        {"train.steps=",
         "train.steps: expected a whole number from 1 to 9999999999, found nothing"},
        {"train.steps=[1]", "found [1]"},
        {"model.bias=1", "model.bias: expected true or false, found 1"},
        {"model.mlp=swigle", "did you mean \"swiglu\"?"},
        {"optimizer.momentum=0.5", "optimizer.momentum has no effect when optimizer.name is"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lm_status status =
            lm_config_parse(&c, "f", SOUND "}", strlen(SOUND "}"), &bad[i].set, 1, &err);
        assert_int_equal(status, LM_ERR_USAGE);
        if (!strstr(err.message, bad[i].part))
            fail_msg("expected \"%s\" in: %s", bad[i].part, err.message);
        lm_config_free(&c);
    }
}

/* Of two keys that contradict each other, the override's place is told. */
static void test_a_contradiction_names_the_place_of_a_key_that_was_given(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    const char *text = SOUND ", \"model\": {\"n_heads\": 4,\n\"n_kv_heads\": 3}}";
    const char *const set[] = {"model.n_kv_heads=5", "model.d_model=30"};
    expect_error(text, "f.json:1:68: model.n_heads = 4 is not divisible by model.n_kv_heads = 3");
    assert_int_equal(lm_config_parse(&c, "f", text, strlen(text), set, 2, &err), LM_ERR_USAGE);
    assert_string_equal(
        err.message,
        "--set model.d_model=30: model.d_model = 30 is not divisible by model.n_heads = 4\n"
        "--set model.n_kv_heads=5: model.n_heads = 4 is not divisible by model.n_kv_heads = 5");
    lm_config_free(&c);
}

/* What is printed reads back to the same, whatever the values. */
static void test_print_reads_back(void **state) {
    (void)state;
    lm_rng rng = {.seed = 11, .purpose = LM_RNG_TEST};
    uint64_t draws = 0;
    for (int round = 0; round < 200; round++) {
        lm_config c, again;
        lm_error err = {0};
        lm_text first = {0}, second = {0};
        assert_int_equal(parse(&c, SOUND "}", &err), LM_OK);
        for (int i = 0; i < lm_key_count(); i++) {
            const lm_key *k = lm_key_at(i);
            double u = lm_rng_uniform(&rng, draws++);
            int choices = 0;
            if (k->type == LM_KEY_REAL)
                lm_key_set_number(k, &c, k->low + u * (k->high - k->low) * 0.5);
            if (k->type == LM_KEY_BOOLEAN) lm_key_set_boolean(k, &c, u < 0.5);
            if (lm_key_takes_string(k))
                assert_true(lm_key_set_string(k, &c, u < 0.3 ? "a\"b\\\n\t" : "data/x.bin"));
            while (k->type == LM_KEY_CHOICE && k->choice(choices)) choices++;
            if (choices) lm_key_set_number(k, &c, (double)(int)(u * choices));
        }
        c.model.rope_high_freq_factor += c.model.rope_low_freq_factor; /* it must be above */
        c.run.seed = (int64_t)(lm_rng_uniform(&rng, draws++) * 9007199254740991.0);
        assert_true(lm_key_set_string(lm_key_at(lm_key_find("data.tokenizer")), &c, "bytes"));
        assert_true(lm_key_set_string(lm_key_at(lm_key_find("data.skip")), &c, "96-111,4000"));
        lm_config_print(&c, &first);
        if (parse(&again, lm_text_cstr(&first), &err) != LM_OK)
            fail_msg("%s\n%s", err.message, lm_text_cstr(&first));
        lm_config_print(&again, &second);
        assert_string_equal(lm_text_cstr(&first), lm_text_cstr(&second));
        lm_text_free(&first);
        lm_text_free(&second);
        lm_config_free(&c);
        lm_config_free(&again);
    }
}

static void test_compare(void **state) {
    (void)state;
    lm_config a, b;
    lm_error err = {0};
    lm_text changed = {0};
    assert_int_equal(parse(&a, SOUND "}", &err), LM_OK);
    assert_int_equal(parse(&b, SOUND ", \"train\": {\"steps\": 7, \"clip_norm\": 2}}", &err),
                     LM_OK);
    b.schedule.warmup_steps = a.schedule.warmup_steps;
    assert_int_equal(lm_config_compare(&a, &a, &changed, &err), LM_OK);
    assert_int_equal(changed.length, 0);
    assert_int_equal(lm_config_compare(&a, &b, &changed, &err), LM_OK);
    assert_string_equal(lm_text_cstr(&changed),
                        "  train.steps: 1000 -> 7\n  train.clip_norm: 1 -> 2");
    /* Where a run lies, its threads, what it logs and saves are no change. */
    lm_text same = {0}, printed = {0}, full = {0};
    lm_config other = a;
    other.run.threads = other.log.every = other.checkpoint.every = 3;
    lm_config_result_differences(&a, &other, &same);
    assert_int_equal(lm_config_compare(&a, &other, &same, &err), LM_OK);
    assert_int_equal(same.length, 0);
    /* What a checkpoint holds, and the config of one that an older lmtrain wrote. */
    lm_config saved;
    lm_config_print_result(&a, &printed);
    assert_null(strstr(lm_text_cstr(&printed), "\"dir\""));
    assert_null(strstr(lm_text_cstr(&printed), "\"log\""));
    assert_null(strstr(lm_text_cstr(&printed), "\"checkpoint\""));
    assert_int_equal(lm_config_parse(&saved, "x", printed.data, printed.length, NULL, 0, &err),
                     LM_ERR_USAGE);
    lm_config_free(&saved);
    assert_int_equal(lm_config_parse_saved(&saved, "x", printed.data, printed.length, NULL, &err),
                     LM_OK);
    lm_config_result_differences(&a, &saved, &same);
    assert_int_equal(same.length, 0);
    lm_config_free(&saved);
    lm_config_print(&a, &full);
    assert_int_equal(lm_config_parse_saved(&saved, "x", full.data, full.length, NULL, &err), LM_OK);
    lm_config_result_differences(&a, &saved, &same);
    assert_int_equal(same.length, 0);
    lm_config_free(&saved);
    lm_text_free(&same);
    lm_text_free(&printed);
    lm_text_free(&full);
    b.model.d_model = 512;
    b.run.seed = 2;
    assert_int_equal(lm_config_compare(&a, &b, &changed, &err), LM_ERR_USAGE);
    assert_string_equal(err.message,
                        "run.seed cannot change when a run is resumed: it was 1, it is now 2\n"
                        "model.d_model cannot change when a run is resumed: it was 256, it is now "
                        "512");
    lm_text_free(&changed);
    lm_config_free(&a);
    lm_config_free(&b);
}

/* Every cut and thousands of random changes of a good text: never a crash, never a silent "good"
 * without the required keys. */
static void test_mangled_texts_never_crash(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text good = {0};
    lm_config c;
    assert_int_equal(
        parse(&c, SOUND ", \"model\": {\"norm\": \"layernorm\"}, \"optimizer\": {\"lr\": 3e-4}}",
              &err),
        LM_OK);
    lm_config_print(&c, &good);
    lm_config_free(&c);
    for (size_t n = 0; n + 2 < good.length; n++) { /* all but the last brace and newline */
        assert_int_equal(lm_config_parse(&c, "cut", good.data, n, NULL, 0, &err), LM_ERR_USAGE);
        lm_config_free(&c);
    }
    lm_rng rng = {.seed = 12, .purpose = LM_RNG_TEST};
    static const char bytes[] = "{}[]\",:\\/*0123456789.eE+-tfn \n\xff\x00\xc3";
    char *text = malloc(good.length);
    assert_non_null(text);
    for (uint64_t i = 0; i < 5000; i++) {
        memcpy(text, good.data, good.length);
        for (uint64_t change = 0; change < 1 + i % 3; change++) {
            double where = lm_rng_uniform(&rng, 6 * i + 2 * change);
            double what = lm_rng_uniform(&rng, 6 * i + 2 * change + 1);
            text[(size_t)(where * (double)good.length)] =
                bytes[(size_t)(what * (sizeof bytes - 1))];
        }
        if (lm_config_parse(&c, "mangled", text, good.length, NULL, 0, &err) == LM_OK)
            assert_true(*c.run.dir && c.data.train.count > 0);
        lm_config_free(&c);
    }
    free(text);
    lm_text_free(&good);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_many_problems_are_counted),
        cmocka_unit_test(test_other_ways_to_write_a_key),
        cmocka_unit_test(test_numbers_of_overrides),
        cmocka_unit_test(test_paths_begin_at_home),
        cmocka_unit_test(test_which_strings_are_paths),
        cmocka_unit_test(test_comments_numbers_and_schema_key),
        cmocka_unit_test(test_warmup_follows_short_runs),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_a_contradiction_names_the_place_of_a_key_that_was_given),
        cmocka_unit_test(test_print_reads_back),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_mangled_texts_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
