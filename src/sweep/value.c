#include "sweep/value.h"

#include <stdlib.h>
#include <string.h>

lm_value lm_value_of(const lm_json_node *node, const char *source) {
    lm_value v = {0};
    switch (node->kind) {
    case LM_JSON_NUMBER:
        return (lm_value){.kind = LM_VALUE_NUMBER, .number = node->number};
    case LM_JSON_TRUE:
        return (lm_value){.kind = LM_VALUE_BOOLEAN, .number = 1};
    case LM_JSON_FALSE:
        return (lm_value){.kind = LM_VALUE_BOOLEAN};
    case LM_JSON_STRING:
        v = (lm_value){.kind = LM_VALUE_STRING, .text = strdup(node->string)};
        break;
    case LM_JSON_OBJECT:
    case LM_JSON_ARRAY:
        v = (lm_value){.kind = LM_VALUE_JSON,
                       .text = strndup(source + node->at, node->end - node->at)};
        break;
    default:
        break;
    }
    return v.text ? v : (lm_value){0};
}

void lm_value_free(lm_value *v) {
    free((char *)v->text);
    *v = (lm_value){0};
}

bool lm_value_same(const lm_value *a, const lm_value *b) {
    if (a->kind != b->kind) return false;
    if (a->kind == LM_VALUE_STRING || a->kind == LM_VALUE_JSON)
        return strcmp(a->text, b->text) == 0;
    return a->number == b->number; /* of NONE both are 0 */
}

void lm_value_print(const lm_value *v, lm_text *out) {
    switch (v->kind) {
    case LM_VALUE_NUMBER:
        lm_text_json_number(out, v->number);
        break;
    case LM_VALUE_BOOLEAN:
        lm_text_printf(out, v->number != 0 ? "true" : "false");
        break;
    case LM_VALUE_STRING:
        lm_text_json_string(out, v->text);
        break;
    case LM_VALUE_JSON:
        lm_text_append(out, v->text, strlen(v->text));
        break;
    case LM_VALUE_NONE:
        lm_text_printf(out, "null");
        break;
    }
}

void lm_value_write(const lm_value *v, lm_json_writer *w, const char *name) {
    lm_text text = {0};
    lm_value_print(v, &text);
    w->out->failed |= text.failed;
    lm_json_text(w, name, lm_text_cstr(&text), text.length);
    lm_text_free(&text);
}
