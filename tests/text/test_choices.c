/* Questions with several answers out of the forms of several data sets. */
#include "tests/support/test.h"

#include <string.h>

#include "text/choices.h"

static lm_error err;

static lm_choices read_text(const char *text) {
    lm_choices c;
    if (lm_choices_parse(&c, "a.jsonl", text, strlen(text), 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    return c;
}

static void check_item(const lm_choices *c, int64_t item, const char *context,
                       const char *const *choices, int label) {
    assert_string_equal(lm_choices_context(c, item), context);
    int n = 0;
    for (; choices[n]; n++) assert_string_equal(lm_choices_choice(c, item, n), choices[n]);
    assert_int_equal(c->items[item].n, n);
    assert_int_equal(c->items[item].label, label);
}

static void check(const char *text, const char *form, const char *context,
                  const char *const *choices, int label) {
    lm_choices c = read_text(text);
    assert_string_equal(c.form, form);
    check_item(&c, 0, context, choices, label);
    lm_choices_free(&c);
}

static void test_plain_questions(void **state) {
    (void)state;
    lm_choices c = read_text("{\"context\": \"a \", \"choices\": [\"b\", \" c\"], \"label\": 1}\n\n"
                             "{\"label\": \"0\", \"choices\": [\"d\", \"e\", \"f\"], \"id\": 7,"
                             " \"context\": \"\"}");
    assert_int_equal(c.n_items, 2);
    check_item(&c, 0, "a ", (const char *const[]){"b", " c", NULL}, 1);
    check_item(&c, 1, "", (const char *const[]){"d", "e", "f", NULL}, 0);
    assert_int_equal(c.items[1].line, 3);
    lm_choices_free(&c);
    lm_choices_free(&c);
}

static void test_the_first_so_many(void **state) {
    (void)state;
    static const char text[] = "{\"sentence_good\": \"a\", \"sentence_bad\": \"b\"}\n"
                               "{\"sentence_good\": \"c\", \"sentence_bad\": \"d\"}\nno JSON";
    lm_choices c;
    assert_int_equal(lm_choices_parse(&c, "a", text, sizeof text - 1, 2, &err), LM_OK);
    assert_int_equal(c.n_items, 2);
    lm_choices_free(&c);
}

static void test_hellaswag(void **state) {
    (void)state;
    check("{\"ind\": 4, \"activity_label\": \"Removing ice\", \"ctx_a\": \"A man is  seen"
          " [header] talking.\", \"ctx_b\": \"the MAN\", \"ctx\": \"x\", \"endings\": [\" scrapes"
          " [substeps] ice [title] off.\", \"sings [a\\nb] \"], \"label\": \"1\"}",
          "HellaSwag", "Removing ice: A man is seen talking. The man",
          (const char *const[]){"scrapes ice. off.", "sings [a\nb]", NULL}, 1);
    check("{\"ctx\": \"The tree\", \"endings\": [\"falls\", \"stands\"], \"label\": 0}",
          "HellaSwag", "The tree", (const char *const[]){"falls", "stands", NULL}, 0);
}

static void test_piqa(void **state) {
    (void)state;
    check("{\"goal\": \"To boil water,\", \"sol1\": \"heat it.\", \"sol2\": \"eat it.\","
          " \"label\": 0}",
          "PIQA",
          "Question: To boil water,\nAnswer:", (const char *const[]){"heat it.", "eat it.", NULL},
          0);
}

static void test_arc(void **state) {
    (void)state;
    check("{\"id\": \"a\", \"question\": \"Which?\", \"choices\": {\"text\": [\"x\", \"y\","
          " \"z\"], \"label\": [\"1\", \"2\", \"3\"]}, \"answerKey\": \"3\"}",
          "ARC", "Question: Which?\nAnswer:", (const char *const[]){"x", "y", "z", NULL}, 2);
    check("{\"question\": {\"stem\": \"Which?\", \"choices\": [{\"text\": \"x\", \"label\":"
          " \"A\"}, {\"text\": \"y\", \"label\": \"B\"}]}, \"answerKey\": \"B\"}",
          "ARC", "Question: Which?\nAnswer:", (const char *const[]){"x", "y", NULL}, 1);
}

static void test_blimp(void **state) {
    (void)state;
    check("{\"sentence_good\": \"Who is here?\", \"sentence_bad\": \"Who are here?\", \"UID\": 1}",
          "BLiMP", "", (const char *const[]){"Who is here?", "Who are here?", NULL}, 0);
}

static void test_what_is_no_question(void **state) {
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "a.jsonl: expected questions, found none"},
        {"\n{\"text\": 1}", "a.jsonl:2: expected a question: {\"context\""},
        {"[]", "a.jsonl:1: expected a question"},
        {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"label\": 2}",
         "a.jsonl:1: expected the number of a choice at \"label\", found something else"},
        {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"]}", "at \"label\", found none"},
        {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"label\": 0.5}", "at \"label\""},
        {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"label\": -1}", "at \"label\""},
        {"{\"context\": \"a\", \"choices\": [\"b\"], \"label\": 0}", "two choices or more"},
        {"{\"context\": \"a\", \"choices\": [\"b\", \"\"], \"label\": 0}", "no empty text"},
        {"{\"context\": \"a\", \"choices\": [\"b\", 3], \"label\": 0}", "texts at \"choices\""},
        {"{\"context\": 1, \"choices\": [\"b\", \"c\"], \"label\": 0}", "a text at \"context\""},
        {"{\"goal\": \"a\", \"sol1\": \"b\", \"label\": 0}", "a text at \"sol2\", found none"},
        {"{\"question\": \"q\", \"choices\": {\"text\": [\"a\", \"b\"], \"label\": [\"A\", \"B\"]},"
         " \"answerKey\": \"E\"}",
         "the label of a choice at \"answerKey\""},
        {"{\"context\": \"a\",}", "a.jsonl:1:17: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lm_choices c;
        assert_int_equal(lm_choices_parse(&c, "a.jsonl", bad[i].text, strlen(bad[i].text), 0, &err),
                         LM_ERR_USAGE);
        if (!strstr(err.message, bad[i].message))
            fail_msg("expected \"%s\" in \"%s\"", bad[i].message, err.message);
        assert_int_equal(c.n_items, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_questions),
        cmocka_unit_test(test_the_first_so_many),
        cmocka_unit_test(test_hellaswag),
        cmocka_unit_test(test_piqa),
        cmocka_unit_test(test_arc),
        cmocka_unit_test(test_blimp),
        cmocka_unit_test(test_what_is_no_question),
    };
    return cmocka_run_group_tests_name("choices", tests, NULL, NULL);
}
