/* What somebody may have meant by a key that there is not. */
#ifndef LM_CONFIG_SUGGEST_H
#define LM_CONFIG_SUGGEST_H

#include "config/keys.h"

/* The key's path or the section that `path`, which is neither, is likely to stand for: a typo in
 * either part, or a key whose section was left out; NULL when nothing is near. */
const char *lm_key_suggest(const char *path);

#endif
