/* A value of the search space: what a trial gives a config key, or what an expression comes to. */
#ifndef LM_SWEEP_VALUE_H
#define LM_SWEEP_VALUE_H

#include <stdbool.h>

#include "base/json.h"
#include "base/text.h"
#include "containers/json_tree.h"

typedef enum lm_value_kind {
    LM_VALUE_NONE, /* not given: the key stays as the base config has it */
    LM_VALUE_NUMBER,
    LM_VALUE_BOOLEAN,
    LM_VALUE_STRING,
    LM_VALUE_JSON, /* an array or an object, as the sweep file has it */
} lm_value_kind;

typedef struct lm_value {
    lm_value_kind kind;
    double number;    /* of a boolean: 0 or 1 */
    const char *text; /* of a string: itself; of JSON: its text; owned by whoever read it */
} lm_value;

/* The value of a node of `source`. Its text is malloc'd, NULL for numbers and booleans; NONE: the
 * node is null, or memory ran out. */
lm_value lm_value_of(const lm_json_node *node, const char *source);
/* Frees the text of a value that lm_value_of made. */
void lm_value_free(lm_value *v);

bool lm_value_same(const lm_value *a, const lm_value *b);
/* As JSON; NONE: null. */
void lm_value_print(const lm_value *v, lm_text *out);
void lm_value_write(const lm_value *v, lm_json_writer *w, const char *name);

#endif
