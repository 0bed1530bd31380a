#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "containers/json_tree.h"

static lm_json_node *read(const char *text) {
    lm_error err = {0};
    lm_json_node *root;
    if (lm_json_tree_read(&root, "t", text, strlen(text), NULL, &err) != LM_OK)
        fail_msg("%s", err.message);
    return root;
}

static void test_values_know_where_they_stand(void **state) {
    (void)state;
    const char text[] = " {\"a\" : [1, 1e400], \"b\":\"x\\n\",\n \"a\": true}";
    lm_json_node *root = read(text);
    assert_int_equal(root->kind, LM_JSON_OBJECT);
    assert_int_equal(root->at, 1);
    assert_int_equal(root->end, strlen(text));
    assert_int_equal(root->count, 3);
    const lm_json_node *a = root->child, *b = a->next, *again = b->next;
    assert_string_equal(a->key, "a");
    assert_int_equal(a->key_at, 2);
    assert_int_equal(a->at, 8);
    assert_int_equal(a->end, 18);
    assert_int_equal(a->count, 2);
    assert_true(a->child->number == 1 && isinf(a->child->next->number));
    assert_null(a->child->key);
    assert_string_equal(b->string, "x\n");
    assert_int_equal(b->end - b->at, 5);
    assert_int_equal(again->kind, LM_JSON_TRUE);
    assert_ptr_equal(lm_json_node_member(root, "a"), a); /* the first of the two */
    assert_null(lm_json_node_member(root, "c"));
    assert_null(lm_json_node_member(b, "a"));
    assert_null(lm_json_node_member(NULL, "a"));
    lm_json_tree_free(root);
    lm_json_tree_free(NULL);
}

static void test_what_is_the_same(void **state) {
    (void)state;
    static const char *const texts[] = {
        "1",          "1.5", "\"1\"",      "true",         "null",  "[1]", "[1, 1]",
        "{\"a\": 1}", "{}",  "{\"b\": 1}", "{\"a\": [1]}", "false", "[]",  "[[1], {}, 2]"};
    const size_t n = sizeof texts / sizeof *texts;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            lm_json_node *a = read(texts[i]), *b = read(texts[k]);
            assert_int_equal(lm_json_node_same(a, b), i == k);
            assert_false(lm_json_node_same(a, NULL));
            assert_false(lm_json_node_same(NULL, a));
            lm_json_tree_free(a);
            lm_json_tree_free(b);
        }
    }
    assert_true(lm_json_node_same(NULL, NULL));
}

static void test_long_numbers(void **state) {
    (void)state;
    char text[400] = "[0.";
    for (int i = 0; i < 300; i++) strcat(text, "3");
    strcat(text, "e1, 1");
    for (int i = 0; i < 70; i++) strcat(text, "0");
    strcat(text, "]");
    lm_json_node *root = read(text);
    assert_true(root->child->number == 10. / 3);
    assert_true(root->child->next->number == 1e70);
    lm_json_tree_free(root);
}

static void test_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text, *what;
        size_t at;
    } cases[] = {
        {"", "expected a value, found the end of the text", 0},
        {"{\"a\": 1,}", "expected a string, found '}'", 8},
        {"{a: 1}", "expected a string, found 'a'", 1},
        {"[1] 2", "expected the end of the text, found '2'", 4},
        {"[1] }", "expected the end of the text, found '}'", 4},
        {"[\"a\", \"b\\u0000\"]", "\\u0000 is not allowed in a string", 6},
        {"{\"b\\u0000\": 1}", "\\u0000 is not allowed in a string", 1},
        {"{\"a\": [1, {\"b\": nul}]}", "expected null, found 'n'", 16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_error err = {0};
        lm_json_node *root;
        lm_json_stop stop;
        lm_status status =
            lm_json_tree_read(&root, "t", cases[i].text, strlen(cases[i].text), &stop, &err);
        assert_int_equal(status, LM_ERR_RUNTIME);
        assert_true(err.damaged);
        assert_null(root);
        assert_string_equal(stop.what, cases[i].what);
        assert_int_equal(stop.at, cases[i].at);
    }
}

/* 64 brackets inside each other are read, one more is not. */
static void test_depth(void **state) {
    (void)state;
    char text[2 * LM_JSON_PULL_DEPTH + 2];
    lm_error err = {0};
    lm_json_node *root;
    memset(text, '[', LM_JSON_PULL_DEPTH + 1);
    memset(text + LM_JSON_PULL_DEPTH + 1, ']', LM_JSON_PULL_DEPTH + 1);
    assert_int_equal(lm_json_tree_read(&root, "t", text, sizeof text, NULL, &err), LM_ERR_RUNTIME);
    assert_int_equal(
        lm_json_tree_read(&root, "t", text + 1, 2 * (size_t)LM_JSON_PULL_DEPTH, NULL, &err), LM_OK);
    lm_json_tree_free(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_know_where_they_stand),
        cmocka_unit_test(test_what_is_the_same),
        cmocka_unit_test(test_long_numbers),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
