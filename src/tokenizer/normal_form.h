/* Unicode's normalization form C (UAX 15), by utf8proc where the build has it. */
#ifndef LM_TOKENIZER_NORMAL_FORM_H
#define LM_TOKENIZER_NORMAL_FORM_H

#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"

/* "utf8proc 2.8.0" or "without utf8proc": for --version. */
const char *lm_normal_form_library(void);
/* LM_ERR_USAGE, with what to install, when this build cannot. */
lm_status lm_normal_form_check(lm_error *err);
/* Is the text surely in form C already? A quick look: false says nothing. */
bool lm_normal_form_quick(const unsigned char *text, size_t size);
/* Appends the text in form C; bytes that are not UTF-8 stay as they are. */
lm_status lm_normal_form_append(const unsigned char *text, size_t size, lm_text *out,
                                lm_error *err);

#endif
