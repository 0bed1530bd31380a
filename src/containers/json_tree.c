#include "containers/json_tree.h"

#include <stdlib.h>
#include <string.h>

/* A copy of the string taken last; NULL after an error. */
static char *copy_string(lm_json_pull *p) {
    const char *s = lm_text_cstr(&p->string);
    if (p->status != LM_OK) return NULL;
    if (strlen(s) != p->string.length) {
        p->at = p->string_at;
        lm_json_pull_wrong(p, "\\u0000 is not allowed in a string");
        return NULL;
    }
    char *copy = strdup(s);
    if (!copy) lm_json_pull_no_memory(p);
    return copy;
}

static lm_json_node *take(lm_json_pull *p);

/* Takes one more member or element, which *last becomes. */
static void append(lm_json_pull *p, lm_json_node *parent, lm_json_node **last) {
    bool member = parent->kind == LM_JSON_OBJECT;
    size_t key_at = p->string_at;
    char *key = member ? copy_string(p) : NULL;
    lm_json_node *node = take(p);
    if (!node) {
        free(key);
        return;
    }
    node->key = key;
    node->key_at = key_at;
    *(*last ? &(*last)->next : &parent->child) = node;
    *last = node;
    parent->count++;
}

/* The value that comes next; NULL after an error. What was taken before it is kept, so that a tree
 * is whole in itself at any time. Recursion is as deep as LM_JSON_PULL_DEPTH at most. */
static lm_json_node *take(lm_json_pull *p) {
    lm_json_kind kind = lm_json_pull_peek(p);
    lm_json_node *node = p->status == LM_OK ? calloc(1, sizeof *node) : NULL, *last = NULL;
    if (!node) {
        if (p->status == LM_OK) lm_json_pull_no_memory(p);
        return NULL;
    }
    node->kind = kind;
    node->at = p->at;
    switch (kind) {
    case LM_JSON_OBJECT:
        lm_json_pull_object(p);
        while (lm_json_pull_member(p)) append(p, node, &last);
        break;
    case LM_JSON_ARRAY:
        lm_json_pull_array(p);
        while (lm_json_pull_element(p)) append(p, node, &last);
        break;
    case LM_JSON_STRING:
        lm_json_pull_string(p);
        node->string = copy_string(p);
        break;
    case LM_JSON_NUMBER:
        node->number = lm_json_pull_number(p);
        break;
    default: /* a word, or nothing, which is an error */
        lm_json_pull_skip(p);
    }
    node->end = p->at;
    return node;
}

lm_status lm_json_tree_read(lm_json_node **root, const char *file, const char *text, size_t size,
                            lm_json_stop *stop, lm_error *err) {
    lm_json_pull p;
    lm_json_pull_begin(&p, file, text, size, err);
    *root = take(&p);
    lm_status status = lm_json_pull_end(&p);
    if (status == LM_OK) return LM_OK;
    if (stop) {
        stop->at = p.at;
        memcpy(stop->what, p.what, sizeof stop->what);
    }
    lm_json_tree_free(*root);
    *root = NULL;
    return status;
}

void lm_json_tree_free(lm_json_node *node) {
    while (node) {
        lm_json_node *next = node->next;
        lm_json_tree_free(node->child);
        free((char *)node->key); /* copy_string made it */
        free((char *)node->string);
        free(node);
        node = next;
    }
}

const lm_json_node *lm_json_node_member(const lm_json_node *object, const char *key) {
    const lm_json_node *m = object && object->kind == LM_JSON_OBJECT ? object->child : NULL;
    while (m && strcmp(m->key, key) != 0) m = m->next;
    return m;
}

bool lm_json_node_same(const lm_json_node *a, const lm_json_node *b) {
    if (!a || !b) return a == b;
    if (a->kind != b->kind || a->count != b->count) return false;
    if (a->kind == LM_JSON_NUMBER) return !(a->number < b->number || a->number > b->number);
    if (a->kind == LM_JSON_STRING) return strcmp(a->string, b->string) == 0;
    const lm_json_node *x = a->child, *y = b->child;
    for (; x; x = x->next, y = y->next) {
        if (a->kind == LM_JSON_OBJECT && strcmp(x->key, y->key) != 0) return false;
        if (!lm_json_node_same(x, y)) return false;
    }
    return true;
}
