/* What somebody may have meant by a key that there is not. */
#ifndef LM_CONFIG_SUGGEST_H
#define LM_CONFIG_SUGGEST_H

#include "config/keys.h"

/* The path or section that `name`, found inside `section` (NULL: outside any), is likely to stand
 * for: a typo in either part, or a key whose section was left out; NULL when nothing is near. */
const char *lm_key_suggest(const lm_section *section, const char *name);

#endif
