/* A value of a JSON object, as diff shows it. */
#ifndef LM_CLI_DIFF_VALUE_H
#define LM_CLI_DIFF_VALUE_H

#include <cjson/cJSON.h>

#include "base/text.h"

/* Appends the object's number or string of that name; "null" when there is neither. */
void lm_diff_put_value(lm_text *out, const cJSON *object, const char *key);

#endif
