#include "cli/diff_checkpoints.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "cli/diff_value.h"

static int64_t count_of(const lm_checkpoint_array *a) {
    int64_t n = 1;
    for (int d = 0; d < a->ndim; d++) n *= a->shape[d];
    return n;
}

static void put_place(lm_text *out, const lm_checkpoint_array *a, int64_t index) {
    int64_t left = count_of(a);
    lm_text_say(out, "%s[", a->name);
    for (int d = 0; d < a->ndim; d++) {
        left /= a->shape[d];
        lm_text_say(out, "%s%" PRId64, d ? ", " : "", index / left);
        index %= left;
    }
    lm_text_say(out, "]");
}

static void put_float(lm_text *out, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    lm_text_say(out, "%.9g (0x%08" PRIx32 ")", (double)x, bits);
}

static void put_difference(lm_text *out, const lm_checkpoint_array a[2], int64_t index) {
    lm_text_say(out, "the first element that differs: ");
    put_place(out, &a[0], index);
    lm_text_say(out, " is ");
    put_float(out, a[0].data[index]);
    lm_text_say(out, " and ");
    put_float(out, a[1].data[index]);
    lm_text_say(out, "\n");
}

/* Compares one array that both have. *differing: how many elements differ; the first one is
 * described in *out if `describe`. */
static lm_status compare_array(lm_checkpoint *const c[2], const lm_checkpoint_array *row,
                               lm_pool *pool, bool describe, int64_t *differing, lm_text *out,
                               lm_error *err) {
    lm_checkpoint_array a[2] = {*row, *row};
    int64_t n = count_of(row), first = -1;
    lm_status status = LM_OK;
    *differing = 0;
    for (int i = 0; i < 2; i++) {
        a[i].data = malloc((size_t)n * sizeof(float) + 1);
        if (!a[i].data) {
            status = lm_error_no_memory(err, row->name);
            goto out;
        }
        if ((status = lm_checkpoint_read(c[i], &a[i], 1, pool, err)) != LM_OK) goto out;
    }
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(&a[0].data[i], &a[1].data[i], sizeof(float)) == 0) continue;
        if (first < 0) first = i;
        ++*differing;
    }
    if (first >= 0 && describe) put_difference(out, a, first);
out:
    free(a[0].data);
    free(a[1].data);
    return status;
}

/* Apart from the arrays, how a run goes on depends on its place in the data, and on the data. */
static lm_status same_state(lm_checkpoint *const c[2], const char *const paths[2], bool *same,
                            lm_text *out, lm_error *err) {
    static const char *const keys[] = {"step",        "samples",    "tokens",      "digest",
                                       "train_xxh64", "data_start", "skips_in_row"};
    lm_json_node *meta[2] = {NULL, NULL};
    lm_status status = LM_OK;
    *same = true;
    for (int i = 0; i < 2 && status == LM_OK; i++) {
        const char *text = lm_checkpoint_meta(c[i]);
        status = lm_json_tree_read(&meta[i], paths[i], text, strlen(text), NULL, err);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == LM_OK; i++) {
        if (lm_json_node_same(lm_json_node_member(meta[0], keys[i]),
                              lm_json_node_member(meta[1], keys[i])))
            continue;
        lm_text_say(out, "%s is ", keys[i]);
        lm_diff_put_value(out, meta[0], keys[i]);
        lm_text_say(out, " and ");
        lm_diff_put_value(out, meta[1], keys[i]);
        lm_text_say(out, "\n");
        *same = false;
    }
    lm_json_tree_free(meta[0]);
    lm_json_tree_free(meta[1]);
    return status;
}

/* The array of that name; NULL: none. */
static const lm_checkpoint_array *find(const lm_checkpoint *c, const char *name) {
    for (int64_t i = 0; i < lm_checkpoint_count(c); i++) {
        const lm_checkpoint_array *a = &lm_checkpoint_entry_at(c, i)->array;
        if (strcmp(a->name, name) == 0) return a;
    }
    return NULL;
}

static bool same_shape(const lm_checkpoint_array *a, const lm_checkpoint_array *b) {
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) == 0;
}

static void put_shape(lm_text *out, const lm_checkpoint_array *a) {
    lm_text_say(out, "[");
    for (int d = 0; d < a->ndim; d++) lm_text_say(out, "%s%" PRId64, d ? ", " : "", a->shape[d]);
    lm_text_say(out, "]");
}

/* Names the arrays of c that `other` lacks; true when there are any. */
static bool put_alone(const lm_checkpoint *c, const lm_checkpoint *other, const char *path,
                      lm_text *out) {
    int64_t alone = 0;
    const char *first = NULL;
    for (int64_t i = 0; i < lm_checkpoint_count(c); i++) {
        const char *name = lm_checkpoint_entry_at(c, i)->array.name;
        if (find(other, name)) continue;
        if (!first) first = name;
        alone++;
    }
    if (alone > 0)
        lm_text_say(out, "%" PRId64 " array%s only in %s: %s%s\n", alone,
                    alone == 1 ? " is" : "s are", path, first, alone == 1 ? "" : ", ...");
    return alone > 0;
}

/* Compares the arrays that both have. */
static lm_status compare_arrays(lm_checkpoint *const c[2], lm_pool *pool, bool *same, lm_text *out,
                                lm_error *err) {
    int64_t both = 0, differ = 0, elements = 0, differing;
    bool shapes = true;
    for (int64_t i = 0; i < lm_checkpoint_count(c[0]); i++) {
        const lm_checkpoint_array *a = &lm_checkpoint_entry_at(c[0], i)->array;
        const lm_checkpoint_array *b = find(c[1], a->name);
        if (!b) continue;
        if (!same_shape(a, b)) {
            lm_text_say(out, "%s has shape ", a->name);
            put_shape(out, a);
            lm_text_say(out, " and ");
            put_shape(out, b);
            lm_text_say(out, "\n");
            shapes = false;
            continue;
        }
        lm_status status = compare_array(c, a, pool, differ == 0, &differing, out, err);
        if (status != LM_OK) return status;
        both++;
        differ += differing > 0;
        elements += differing;
    }
    if (differ > 0) {
        lm_text_say(out, "%" PRId64 " of %" PRId64 " arrays differ, %" PRId64 " elements\n", differ,
                    both, elements);
    } else {
        lm_text_say(out, "%" PRId64 " arrays agree\n", both);
    }
    *same = *same && shapes && differ == 0;
    return LM_OK;
}

lm_status lm_diff_checkpoints(const char *const paths[2], lm_pool *pool, bool *same, lm_text *out,
                              lm_error *err) {
    lm_checkpoint *c[2] = {NULL, NULL};
    lm_status status = lm_checkpoint_open(&c[0], paths[0], err);
    if (status != LM_OK) goto out;
    if ((status = lm_checkpoint_open(&c[1], paths[1], err)) != LM_OK) goto out;
    lm_text_say(out, "%s\n%s\n", paths[0], paths[1]);
    if ((status = same_state(c, paths, same, out, err)) != LM_OK) goto out;
    for (int i = 0; i < 2; i++)
        if (put_alone(c[i], c[!i], paths[i], out)) *same = false;
    status = compare_arrays(c, pool, same, out, err);
out:
    lm_checkpoint_close(c[0]);
    lm_checkpoint_close(c[1]);
    return status;
}
