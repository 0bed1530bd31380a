/* What a config's model is in other programs (interop/classes.h), for commands that export it and
 * for the plan of a training run. */
#ifndef LM_SAVED_EXPORTS_H
#define LM_SAVED_EXPORTS_H

#include "config/config.h"
#include "interop/classes.h"
#include "tokenizer/tokenizer.h"

/* The class of the format that holds the config's model; NULL, and LM_ERR_USAGE in *err, when none
 * does: a line for each key in the way. */
const lm_interop_class *lm_saved_class(const lm_config *c, lm_interop_format format, lm_error *err);

/* Appends lines for people: the formats that hold the model, and of the common ones that do not,
 * what is in the way: keys, or the tokenizer (NULL: not known). */
lm_status lm_saved_print_exports(const lm_config *c, const lm_tokenizer *t, lm_text *out,
                                 lm_error *err);

#endif
