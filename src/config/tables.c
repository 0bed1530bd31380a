#include "config/tables.h"

#include <math.h>
#include <string.h>

void lm_tables_write(const lm_ngram_tables *t, lm_json_writer *w, const char *name) {
    lm_json_array(w, name, LM_JSON_LINE);
    for (int64_t i = 0; i < t->count; i++) {
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_integer(w, "order", t->at[i].order);
        if (t->at[i].rows > 0) lm_json_integer(w, "rows", t->at[i].rows);
        lm_json_end(w);
    }
    lm_json_end(w);
}

static bool take_whole(const lm_json_node *value, double least, double most, int64_t *out) {
    if (value->kind != LM_JSON_NUMBER || value->number != floor(value->number) ||
        !(value->number >= least && value->number <= most))
        return false;
    *out = (int64_t)value->number;
    return true;
}

static bool take_table(lm_ngram_table *t, const lm_json_node *object) {
    bool order = false, rows = false;
    if (object->kind != LM_JSON_OBJECT) return false;
    for (const lm_json_node *m = object->child; m; m = m->next) {
        bool is_order = strcmp(m->key, "order") == 0;
        if (is_order ? order : rows || strcmp(m->key, "rows") != 0) return false;
        if (is_order)
            order = take_whole(m, LM_NGRAM_ORDER_LEAST, LM_NGRAM_ORDER_MOST, &t->order);
        else
            rows = take_whole(m, 1, INT32_MAX, &t->rows);
        if (is_order ? !order : !rows) return false;
    }
    return order;
}

bool lm_tables_take(lm_ngram_tables *out, const lm_json_node *value) {
    lm_ngram_tables t = {0};
    if (value->kind != LM_JSON_ARRAY) return false;
    for (const lm_json_node *i = value->child; i; i = i->next) {
        if (t.count == LM_NGRAM_TABLES_MOST || !take_table(&t.at[t.count], i)) return false;
        if (t.count > 0 && t.at[t.count].order <= t.at[t.count - 1].order) return false;
        t.count++;
    }
    *out = t;
    return true;
}

bool lm_tables_parse(lm_ngram_tables *t, const char *text) {
    lm_error err = {0};
    lm_json_node *parsed = NULL;
    bool taken = lm_json_tree_read(&parsed, "tables", text, strlen(text), NULL, &err) == LM_OK &&
                 lm_tables_take(t, parsed);
    lm_json_tree_free(parsed);
    return taken;
}

void lm_tables_describe(lm_text *out) {
    lm_text_printf(out,
                   "a list [{\"order\": 2}, {\"order\": 3, \"rows\": 16384}, ...] of up to %d"
                   " tables, orders rising from %d to %d, rows from 1 to %d",
                   (int)LM_NGRAM_TABLES_MOST, (int)LM_NGRAM_ORDER_LEAST, (int)LM_NGRAM_ORDER_MOST,
                   INT32_MAX);
}

static void write_number(lm_json_writer *w, const char *name, int64_t least, int64_t most) {
    lm_json_object(w, name, LM_JSON_LINE);
    lm_json_string(w, "type", "integer");
    lm_json_integer(w, "minimum", least);
    lm_json_integer(w, "maximum", most);
    lm_json_end(w);
}

void lm_tables_write_schema(lm_json_writer *w) {
    lm_json_string(w, "type", "array");
    lm_json_integer(w, "maxItems", LM_NGRAM_TABLES_MOST);
    lm_json_object(w, "items", LM_JSON_LINES);
    lm_json_string(w, "type", "object");
    lm_json_boolean(w, "additionalProperties", false);
    lm_json_object(w, "properties", LM_JSON_LINES);
    write_number(w, "order", LM_NGRAM_ORDER_LEAST, LM_NGRAM_ORDER_MOST);
    write_number(w, "rows", 1, INT32_MAX);
    lm_json_end(w);
    lm_json_array(w, "required", LM_JSON_LINE);
    lm_json_string(w, NULL, "order");
    lm_json_end(w);
    lm_json_end(w);
}
