/* A JSON text as a tree of its values, each of which knows where it stands. For texts in which
 * people make mistakes (run configs) and for comparing two of them; large files are read by
 * json_pull.h, value by value.
 *
 *     lm_json_node *root;
 *     status = lm_json_tree_read(&root, "run.json", text, size, NULL, err);
 *     for (const lm_json_node *m = root->child; m; m = m->next) ... m->key, m->kind, m->number ...
 *     lm_json_tree_free(root);
 *
 * Keys may occur twice: both are there. Grammar, UTF-8 and depth are those of json_pull.h. */
#ifndef LM_CONTAINERS_JSON_TREE_H
#define LM_CONTAINERS_JSON_TREE_H

#include "containers/json_pull.h"

typedef struct lm_json_node lm_json_node;
struct lm_json_node {
    lm_json_kind kind;   /* never LM_JSON_NOTHING */
    const char *key;     /* of a member of an object; else NULL */
    size_t key_at;       /* where the key's quote stands */
    size_t at, end;      /* the value is the text from `at` up to `end` */
    double number;       /* of a number, which may be too large for a double: infinity */
    const char *string;  /* of a string, without escapes; else NULL */
    lm_json_node *child; /* the first member or element; NULL: none */
    lm_json_node *next;  /* the member or element behind this one */
    int64_t count;       /* of members or elements */
};

/* Where reading stopped, and why, for messages of the caller's own. */
typedef struct lm_json_stop {
    size_t at;
    char what[LM_JSON_PULL_WHAT];
} lm_json_stop;

/* text must be one value, with nothing but white space around it. Strings with U+0000 are refused.
 * `file` begins the messages; *root is NULL after an error, which is not `damaged` when memory ran
 * out. stop (may be NULL) is filled when the text is not right. */
lm_status lm_json_tree_read(lm_json_node **root, const char *file, const char *text, size_t size,
                            lm_json_stop *stop, lm_error *err);
void lm_json_tree_free(lm_json_node *root); /* NULL is fine */

/* The first member of this key; NULL: none, or the value is no object. */
const lm_json_node *lm_json_node_member(const lm_json_node *object, const char *key);
/* Do both hold the same? Members in the same order. NULL is the same as NULL only. */
bool lm_json_node_same(const lm_json_node *a, const lm_json_node *b);

#endif
