/* libFuzzer target for the tree of a JSON text: make fuzz T=json_tree. Values lie inside each
 * other, one behind the other, and the text of each is that value again. */
#include <stdint.h>
#include <stdlib.h>

#include "containers/json_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_again(const lm_json_node *node, const char *text) {
    lm_error err;
    lm_json_node *again;
    lm_status status =
        lm_json_tree_read(&again, "part", text + node->at, node->end - node->at, NULL, &err);
    if (status != LM_OK || !lm_json_node_same(node, again)) abort();
    lm_json_tree_free(again);
}

static void check(const lm_json_node *node, const char *text, int depth) {
    size_t at = node->at;
    int64_t count = 0;
    if (depth < 3) read_again(node, text);
    for (const lm_json_node *m = node->child; m; m = m->next) {
        if ((node->kind == LM_JSON_OBJECT) != (m->key != NULL)) abort();
        if (m->key && (m->key_at < at || m->key_at >= m->at || text[m->key_at] != '"')) abort();
        if (m->at < at || m->end <= m->at || m->end >= node->end) abort();
        check(m, text, depth + 1);
        at = m->end;
        count++;
    }
    if (count != node->count) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    lm_json_node *root;
    lm_json_stop stop;
    const char *text = (const char *)data;
    if (lm_json_tree_read(&root, "fuzz", text, size, &stop, &err) == LM_OK) {
        check(root, text, 0);
        lm_json_tree_free(root);
    } else if (root || stop.at > size || !*stop.what) {
        abort();
    }
    return 0;
}
