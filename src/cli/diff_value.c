#include "cli/diff_value.h"

void lm_diff_put_value(lm_text *out, const lm_json_node *object, const char *key) {
    const lm_json_node *value = lm_json_node_member(object, key);
    if (value && value->kind == LM_JSON_NUMBER)
        lm_text_json_number(out, value->number);
    else
        lm_text_say(out, "%s", value && value->kind == LM_JSON_STRING ? value->string : "null");
}
