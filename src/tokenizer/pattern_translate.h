/* Inside the room: a pattern for Oniguruma (Ruby's syntax) as one for PCRE2. */
#ifndef LM_TOKENIZER_PATTERN_TRANSLATE_H
#define LM_TOKENIZER_PATTERN_TRANSLATE_H

#include "base/error.h"
#include "base/text.h"

/* Appends the pattern that PCRE2 reads as Oniguruma reads this one. LM_ERR_USAGE names what the
 * engines read differently, and its place. */
lm_status lm_pattern_translate(const char *pattern, lm_text *out, lm_error *err);

#endif
