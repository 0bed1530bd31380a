#include "view/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static const size_t largest_file = (size_t)256 << 20;

bool lm_view_sweep_is(const char *directory) {
    char *path = lm_file_join(directory, "leaderboard.json");
    bool there = path && lm_file_exists(path);
    free(path);
    return there;
}

/* The keys of all rows, in the order in which they come; those beyond the limit are left out. */
static void find_keys(lm_view_sweep *s) {
    for (int64_t i = 0; i < s->count; i++) {
        const lm_json_node *values = lm_json_node_member(s->rows[i], "values");
        for (const lm_json_node *v = values ? values->child : NULL; v && v->key; v = v->next) {
            int k = 0;
            while (k < s->n_keys && strcmp(s->keys[k], v->key) != 0) k++;
            if (k < s->n_keys || k == LM_SWEEP_MOST_KEYS) continue;
            s->keys[s->n_keys++] = v->key;
        }
    }
    for (int k = 0; k < s->n_keys; k++) {
        const lm_json_node *first = lm_view_sweep_value(s->rows[0], s->keys[k]);
        for (int64_t i = 1; i < s->count && !s->varies[k]; i++)
            s->varies[k] = !lm_json_node_same(first, lm_view_sweep_value(s->rows[i], s->keys[k]));
    }
}

static lm_status take_rows(lm_view_sweep *s, const char *file, lm_error *err) {
    if (s->root->kind != LM_JSON_ARRAY)
        return lm_error_damaged(err, "%s: expected a list of trials", file);
    s->rows = calloc((size_t)s->root->count + 1, sizeof *s->rows);
    if (!s->rows) return lm_error_no_memory(err, file);
    for (const lm_json_node *row = s->root->child; row; row = row->next) {
        const lm_json_node *values = lm_json_node_member(row, "values");
        if (!values || values->kind != LM_JSON_OBJECT)
            return lm_error_damaged(
                err, "%s: element %lld: expected an object with an object \"values\"", file,
                (long long)s->count);
        s->rows[s->count++] = row;
    }
    if (s->count > 0) find_keys(s);
    return LM_OK;
}

lm_status lm_view_sweep_read(lm_view_sweep *s, const char *directory, lm_error *err) {
    *s = (lm_view_sweep){0};
    char *file = lm_file_join(directory, "leaderboard.json");
    size_t n = strlen(directory);
    while (n > 1 && directory[n - 1] == '/') n--;
    s->path = strndup(directory, n);
    const char *slash = s->path ? strrchr(s->path, '/') : NULL;
    s->name = s->path ? strdup(slash && slash[1] ? slash + 1 : s->path) : NULL;
    lm_status status = file && s->name ? LM_OK : lm_error_no_memory(err, directory);
    if (status == LM_OK) status = lm_file_read(file, largest_file, &s->text, err);
    if (status == LM_OK)
        status =
            lm_json_tree_read(&s->root, file, lm_text_cstr(&s->text), s->text.length, NULL, err);
    if (status == LM_OK) status = take_rows(s, file, err);
    if (status != LM_OK) lm_view_sweep_free(s);
    free(file);
    return status;
}

void lm_view_sweep_free(lm_view_sweep *s) {
    lm_json_tree_free(s->root);
    lm_text_free(&s->text);
    free(s->rows);
    free(s->path);
    free(s->name);
    *s = (lm_view_sweep){0};
}

const lm_json_node *lm_view_sweep_value(const lm_json_node *row, const char *key) {
    const lm_json_node *values = lm_json_node_member(row, "values");
    return values ? lm_json_node_member(values, key) : NULL;
}

double lm_view_sweep_number(const lm_json_node *row, const char *member) {
    const lm_json_node *m = lm_json_node_member(row, member);
    return m && m->kind == LM_JSON_NUMBER ? m->number : (double)NAN;
}

const char *lm_view_sweep_text(const lm_json_node *row, const char *member) {
    const lm_json_node *m = lm_json_node_member(row, member);
    return m && m->kind == LM_JSON_STRING ? m->string : NULL;
}

bool lm_view_sweep_is_base(const lm_json_node *row) {
    const lm_json_node *m = lm_json_node_member(row, "base");
    return m && m->kind == LM_JSON_TRUE;
}

void lm_view_sweep_show(const lm_view_sweep *s, const lm_json_node *value, lm_text *out) {
    if (!value) return;
    if (value->kind == LM_JSON_STRING)
        lm_text_printf(out, "%s", value->string);
    else if (value->kind == LM_JSON_NUMBER)
        lm_text_printf(out, value->number == floor(value->number) ? "%.15g" : "%.4g",
                       value->number);
    else
        lm_text_append(out, lm_text_cstr(&s->text) + value->at, value->end - value->at);
}
