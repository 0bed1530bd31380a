/* A value of a JSON object, as diff shows it. */
#ifndef LM_CLI_DIFF_VALUE_H
#define LM_CLI_DIFF_VALUE_H

#include "containers/json_tree.h"

/* Appends the object's number or string of that name; "null" when there is neither. */
void lm_diff_put_value(lm_text *out, const lm_json_node *object, const char *key);

#endif
