/* A table of options of every kind: what is stored, what is refused, what help says. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

typedef struct request {
    bool flag, alone;
    const char *text, *file;
    lm_option_optional optional;
    lm_option_texts texts, files;
    int64_t count, unlimited;
    double real;
    int choice;
    unsigned choices;
} request;

static const char *colour(int i) {
    static const char *const names[] = {"red", "green", "blue", NULL};
    return names[i];
}

static const lm_option table[] = {
    {"flag", NULL, "a flag", LM_STORED(request, flag)},
    {"alone", NULL, "does only this", LM_STORED(request, alone), .alone = true},
    {"text", "TEXT", "a text", LM_STORED(request, text), .required = true},
    {"optional", "TEXT", "perhaps a text", LM_STORED(request, optional)},
    {"file", "FILE", "a file", LM_STORED(request, file)},
    {"texts", "TEXT", "some texts", LM_STORED(request, texts)},
    {"count", "N", "a count", LM_STORED(request, count),
     .count = {.by_default = 256, .least = 1, .most = 1000}},
    {"unlimited", "N", "a count", LM_STORED(request, unlimited),
     .count = {.least = 1, .most = INT64_MAX}},
    {"real", "X", "a number", LM_STORED(request, real), .real = {.by_default = 0.5, .most = 1}},
    {"choice", "COLOUR", "a colour", LM_STORED(request, choice),
     .choice = {.name = colour, .by_default = 1}},
    {"choices", "COLOUR", "some colours", LM_STORED(request, choices),
     .choice = {.name = colour, .set_by_default = 5}},
    {0},
};

static const lm_command command = {.name = "paint",
                                   .summary = "paints",
                                   .usage = "--text TEXT",
                                   .example = "  lmtrain paint\n",
                                   .options = table,
                                   .arguments = {"FILE", offsetof(request, files), 0, 2},
                                   .size = sizeof(request)};

static request r;
static lm_error err;

/* Parses words, which NULL ends. */
static lm_status parse(const char *first, ...) {
    const char *words[16];
    int n = 0;
    va_list more;
    va_start(more, first);
    for (const char *word = first; word; word = va_arg(more, const char *)) words[n++] = word;
    va_end(more);
    return lm_options_parse(&command, n, words, &r, &err);
}

static void test_defaults(void **unused) {
    (void)unused;
    memset(&r, 0x5a, sizeof r);
    assert_int_equal(parse("--text", "t", NULL), LM_OK);
    assert_string_equal(r.text, "t");
    assert_false(r.flag || r.optional.given || r.texts.count || r.files.count);
    assert_int_equal(r.count, 256);
    assert_int_equal(r.unlimited, 0);
    assert_true(r.real == 0.5);
    assert_int_equal(r.choice, 1);
    assert_int_equal(r.choices, 5);
}

static void test_values_of_every_kind_are_stored(void **unused) {
    (void)unused;
    assert_int_equal(parse("--text=a=b", "--flag", "--texts", "x", "--count", "1000", "--texts=-y",
                           "--unlimited", "9223372036854775807", "--real=1e-3", NULL),
                     LM_OK);
    assert_string_equal(r.text, "a=b");
    assert_true(r.flag);
    assert_int_equal(r.texts.count, 2);
    assert_string_equal(r.texts.items[0], "x");
    assert_string_equal(r.texts.items[1], "-y");
    assert_int_equal(r.count, 1000);
    assert_int_equal(r.unlimited, INT64_MAX);
    assert_true(r.real == 1e-3);
    assert_int_equal(parse("--text", "t", "--choice", "blue", "--choices=green", "--choices",
                           "blue", "a", "--", "--flag", NULL),
                     LM_OK);
    assert_int_equal(r.choice, 2);
    assert_int_equal(r.choices, 6);
    assert_int_equal(r.files.count, 2);
    assert_string_equal(r.files.items[1], "--flag");
    assert_false(r.flag);
}

static void test_an_optional_argument(void **unused) {
    (void)unused;
    assert_int_equal(parse("--text", "t", "--optional", "--flag", NULL), LM_OK);
    assert_true(r.optional.given && !r.optional.text && r.flag);
    assert_int_equal(parse("--text", "t", "--optional", NULL), LM_OK);
    assert_true(r.optional.given && !r.optional.text);
    assert_int_equal(parse("--text", "t", "--optional", "u", NULL), LM_OK);
    assert_string_equal(r.optional.text, "u");
}

static void refused(const char *option, const char *value, const char *message) {
    assert_int_equal(parse("--text", "t", option, value, NULL), LM_ERR_USAGE);
    assert_string_equal(err.message, message);
}

static void test_wrong_values(void **unused) {
    (void)unused;
    refused("--count", "0", "paint: --count: expected a whole number from 1 to 1000, found \"0\"");
    refused("--count", "1001",
            "paint: --count: expected a whole number from 1 to 1000, found \"1001\"");
    refused("--count", "1.5",
            "paint: --count: expected a whole number from 1 to 1000, found \"1.5\"");
    refused("--unlimited", "9223372036854775808",
            "paint: --unlimited: expected a whole number from 1 up, found"
            " \"9223372036854775808\"");
    refused("--real", "nan", "paint: --real: expected a number from 0 to 1, found \"nan\"");
    refused("--choice", "gren",
            "paint: --choice: expected one of red, green, blue, found \"gren\"; did you mean"
            " \"green\"?");
    refused("--choices", "x", "paint: --choices: expected one of red, green, blue, found \"x\"");
    refused("--real", NULL, "paint: --real: expected X, found nothing");
    refused("--flag=1", NULL, "paint: --flag takes no value, found \"1\"");
    refused("--text", "u", "paint: --text is given twice");
    refused(
        "--flog", NULL,
        "paint: unknown option --flog; did you mean \"--flag\"? (lmtrain paint --help lists them)");
    refused("-f", NULL, "paint: unknown option -f (lmtrain paint --help lists them)");
}

static void test_missing_options_and_arguments_are_errors(void **unused) {
    (void)unused;
    assert_int_equal(parse("--flag", NULL), LM_ERR_USAGE);
    assert_string_equal(err.message, "paint: --text is required (lmtrain paint --help)");
    assert_int_equal(parse("--alone", NULL), LM_OK);
    assert_int_equal(parse("--text", "t", "a", "b", "c", NULL), LM_ERR_USAGE);
    assert_string_equal(err.message,
                        "paint: expected 0 to 2 arguments (FILE), found 3 (lmtrain paint --help)");
}

static void test_help_is_asked_for_anywhere_before_a_double_dash(void **unused) {
    (void)unused;
    const char *const asks[] = {"--optional", "--help"};
    const char *const value[] = {"--text", "--help"};
    const char *const behind[] = {"--", "--help"};
    assert_true(lm_options_ask_for(&command, 2, asks, lm_options_everywhere));
    assert_false(lm_options_ask_for(&command, 2, value, lm_options_everywhere));
    assert_false(lm_options_ask_for(&command, 2, behind, lm_options_everywhere));
}

static void has(const lm_text *help, const char *line) {
    if (!strstr(lm_text_cstr(help), line))
        fail_msg("\"%s\" is not in:\n%s", line, lm_text_cstr(help));
}

static void test_help(void **unused) {
    (void)unused;
    lm_text help = {0};
    lm_options_help(&command, &help);
    has(&help, "\n  --flag                     a flag\n");
    has(&help, "\n  --text TEXT                a text (required)\n");
    has(&help, "\n  --optional [TEXT]          perhaps a text\n");
    has(&help, "\n  --texts TEXT               some texts (may be repeated)\n");
    has(&help, "\n  --count N                  a count (a whole number from 1 to 1000; default\n"
               "                             256)\n");
    has(&help, "a count (a whole number from 1 up)\n");
    has(&help, "a number (a number from 0 to 1; default 0.5)\n");
    has(&help, "a colour (one of red, green, blue; default green)\n");
    has(&help, "some colours (one of red, green, blue; default red,\n");
    has(&help, "\nExit codes:\n  0         done\n");
    lm_text_free(&help);
}

/* "~/" at the head of what the table calls a file, and of nothing else. */
static void test_paths_begin_at_home(void **state) {
    (void)state;
    assert_int_equal(setenv("HOME", "/h", 1), 0);
    const char *const argv[] = {"--file=~/f", "--text", "~/t", "--texts=~/u", "~/a", "b~"};
    assert_int_equal(lm_options_parse(&command, 6, argv, &r, &err), LM_OK);
    assert_string_equal(r.file, "/h/f");
    assert_string_equal(r.text, "~/t");
    assert_string_equal(r.texts.items[0], "~/u");
    assert_string_equal(r.files.items[0], "/h/a");
    assert_string_equal(r.files.items[1], "b~");
    const char *const others[] = {"--text", "t", "--file", "~you/f"};
    assert_int_equal(lm_options_parse(&command, 4, others, &r, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "paint: --file: ~you/f: other users'"));
    const char *const argument[] = {"--text", "t", "~you"};
    assert_int_equal(lm_options_parse(&command, 3, argument, &r, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "paint: FILE: ~you: other users'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values_of_every_kind_are_stored),
        cmocka_unit_test(test_an_optional_argument),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_missing_options_and_arguments_are_errors),
        cmocka_unit_test(test_help_is_asked_for_anywhere_before_a_double_dash),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_paths_begin_at_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
