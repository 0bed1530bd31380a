/* The results of a sweep as its leaderboard.json has them: a list of objects, the best trial first,
 *
 *     {"trial": 12, "state": "finished", "values": {"optimizer.lr": 0.003}, "loss": 2.31,
 *      "mean": 2.32, "stderr": 0.01, "difference": -0.2, "seconds": 12.3, "dir": "trials/0012"}
 *
 * with "base": true for trials of the base config, and of which all but "values" may be missing.
 */
#ifndef LM_VIEW_SWEEP_H
#define LM_VIEW_SWEEP_H

#include "containers/json_tree.h"

enum { LM_SWEEP_MOST_KEYS = 64 };

typedef struct lm_view_sweep {
    char *path, *name;
    lm_text text;
    lm_json_node *root;
    const lm_json_node **rows; /* [count] objects */
    int64_t count;
    const char *keys[LM_SWEEP_MOST_KEYS]; /* [n_keys]: of "values", in the order they come */
    int n_keys;
    bool varies[LM_SWEEP_MOST_KEYS]; /* trials differ in it */
} lm_view_sweep;

/* Does the directory hold a sweep's leaderboard? */
bool lm_view_sweep_is(const char *directory);
/* LM_ERR_RUNTIME when leaderboard.json cannot be read, or is not such a list. */
lm_status lm_view_sweep_read(lm_view_sweep *s, const char *directory, lm_error *err);
void lm_view_sweep_free(lm_view_sweep *s); /* zero-initialised or twice is fine */

/* A value of a row; NULL: it has none. */
const lm_json_node *lm_view_sweep_value(const lm_json_node *row, const char *key);
/* A member's number; NaN: none. */
double lm_view_sweep_number(const lm_json_node *row, const char *member);
/* Its string; NULL: none. */
const char *lm_view_sweep_text(const lm_json_node *row, const char *member);
/* Is it a trial of the base config, beside which the others stand? */
bool lm_view_sweep_is_base(const lm_json_node *row);
/* Appends a value as text for people: strings without quotes. */
void lm_view_sweep_show(const lm_view_sweep *s, const lm_json_node *value, lm_text *out);

#endif
