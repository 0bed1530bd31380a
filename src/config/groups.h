/* Parameter groups: values that some rows of the model have instead of those of `optimizer`.
 *
 *     "optimizer": { "lr": 1e-3, "groups": { "embed": { "match": "wte.*", "lr": 1e-2 } } }
 *
 * A group gives keys of the section "optimizer" that say so (lm_key.in_groups), and lr_scale. The
 * first group whose pattern matches a row has it, in the order in which they stand. */
#ifndef LM_CONFIG_GROUPS_H
#define LM_CONFIG_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "optim/optimizer.h"

enum { LM_GROUPS_MOST = 64, LM_GROUP_NAME_MOST = 64, LM_GROUP_MATCH_MOST = 1000 };

typedef struct lm_group {
    char *name;
    char *match;                 /* patterns, separated by commas; lm_group_matches */
    uint64_t given;              /* bit i: key i of the section "optimizer" */
    lm_optimizer_options values; /* of the keys that are given */
    double lr_scale;             /* lr is that of `optimizer` times this; 0: not given */
} lm_group;

typedef struct lm_group_list {
    lm_group *items; /* [count], malloc'd, and so are the strings */
    int64_t count;
} lm_group_list;

void lm_group_list_free(lm_group_list *l); /* zero-initialised or twice is fine */
/* As an object of what each group gives. */
void lm_group_list_write(const lm_group_list *l, lm_json_writer *w, const char *name);

/* Does one of the patterns match the name? '*' stands for any characters, dots too, or none; all
 * others for themselves. */
bool lm_group_matches(const char *match, const char *name);

/* "match wte.*, lr 0.01": what it gives, for people. */
void lm_group_print(const lm_group *g, lm_text *out);

struct lm_config;
/* All values of group i: those that it gives, and for the rest those of `optimizer`. */
lm_optimizer_options lm_group_options(const struct lm_config *c, int64_t i);
/* Does the group give the weight decay, for norms and biases too? */
bool lm_group_gives_decay(const lm_group *g);

#endif
