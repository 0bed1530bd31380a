/* The table of keys: complete, and what the JSON Schema says. */
#include "tests/support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"

static const cJSON *member(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!item) fail_msg("the schema has no \"%s\" where one is expected", name);
    return item;
}

static const char *first_required(const cJSON *schema) {
    return cJSON_GetArrayItem(member(schema, "required"), 0)->valuestring;
}

/* The schema says of every key what the table does. */
static void test_schema(void **state) {
    (void)state;
    lm_text text = {0};
    lm_config_print_schema(&text);
    cJSON *root = cJSON_Parse(lm_text_cstr(&text));
    assert_non_null(root);
    int required = 0;
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        char section[64];
        const char *name = strchr(k->path, '.') + 1;
        snprintf(section, sizeof section, "%.*s", (int)(name - 1 - k->path), k->path);
        const cJSON *of_section = member(member(root, "properties"), section);
        assert_true(cJSON_IsFalse(member(of_section, "additionalProperties")));
        const cJSON *of_key = member(member(of_section, "properties"), name);
        assert_string_equal(member(of_key, "description")->valuestring, k->help);
        if (k->type == LM_KEY_CHOICE) {
            const cJSON *choices = member(of_key, "enum");
            for (int c = 0; k->choice(c); c++)
                assert_string_equal(cJSON_GetArrayItem(choices, c)->valuestring, k->choice(c));
        }
        if (k->type == LM_KEY_INTEGER || k->type == LM_KEY_REAL) {
            const char *low = k->above_low ? "exclusiveMinimum" : "minimum";
            assert_true(member(of_key, low)->valuedouble == k->low);
            assert_true(member(of_key, "maximum")->valuedouble == k->high);
        }
        char place[160];
        snprintf(place, sizeof place, "#/properties/%s/properties/%s", section, name);
        const cJSON *by_path = member(member(root, "properties"), k->path);
        assert_string_equal(member(by_path, "$ref")->valuestring, place);
        if (!k->required) continue;
        const cJSON *ways = member(cJSON_GetArrayItem(member(root, "allOf"), required), "anyOf");
        const cJSON *within = member(cJSON_GetArrayItem(ways, 1), "properties");
        assert_string_equal(first_required(cJSON_GetArrayItem(ways, 0)), k->path);
        assert_string_equal(first_required(cJSON_GetArrayItem(ways, 1)), section);
        assert_string_equal(first_required(member(within, section)), name);
        required++;
    }
    assert_int_equal(required, 2);
    assert_int_equal(cJSON_GetArraySize(member(root, "allOf")), 2);
    cJSON_Delete(root);
    lm_text_free(&text);
}

static void test_every_key_is_complete(void **state) {
    (void)state;
    const lm_section *s;
    int rows = 0;
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) { /* a row stands in its section's file */
        size_t n = strlen(s->name);
        assert_true(lm_section_find(s->name) == s);
        for (int j = 0; j < s->n_keys; j++, rows++) {
            assert_true(strncmp(s->keys[j].path, s->name, n) == 0 && s->keys[j].path[n] == '.');
            assert_true(lm_key_at(rows) == &s->keys[j]);
        }
    }
    assert_int_equal(rows, lm_key_count());
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        assert_int_equal(lm_key_find(k->path), key);
        assert_non_null(k->help);
        assert_true(!k->applies == !k->depends);
        if (k->depends) assert_true(lm_key_find(k->depends) >= 0);
        if (k->type == LM_KEY_CHOICE) assert_true(lm_key_choice(k, k->default_value) >= 0);
        if (k->type == LM_KEY_INTEGER || k->type == LM_KEY_REAL)
            assert_true(lm_key_accepts_number(k, strtod(k->default_value, NULL)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_every_key_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
