/* What somebody may have meant by a key that there is not. */
#ifndef LM_CONFIG_SUGGEST_H
#define LM_CONFIG_SUGGEST_H

#include <stdbool.h>

bool lm_key_is_section(const char *name);

#define LM_SUGGESTION_SIZE 128
/* The path that `name`, found inside `section` (NULL: outside any), is likely to stand for: a typo in
 * either part, or a key whose section was left out; empty when nothing is near. */
void lm_key_suggest(const char *section, const char *name, char near[LM_SUGGESTION_SIZE]);

#endif
