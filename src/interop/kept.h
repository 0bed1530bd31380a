/* What came in with a model that lmtrain itself does not use, kept in its checkpoints as the text
 * "interop.json" so that an export can give it out again. */
#ifndef LM_INTEROP_KEPT_H
#define LM_INTEROP_KEPT_H

#include "base/error.h"
#include "base/text.h"
#include "interop/hf_config.h"

#define LM_INTEROP_KEPT "interop.json"

/* Zero-initialised is not empty: lm_interop_kept_none. */
typedef struct lm_interop_kept {
    lm_interop_special special; /* -1: not said */
    lm_text chat_template;      /* Jinja; empty: none */
} lm_interop_kept;

lm_interop_kept lm_interop_kept_none(void);
bool lm_interop_kept_is_none(const lm_interop_kept *k);
/* Appends its JSON text, and reads that back; `name` begins the errors. */
void lm_interop_kept_print(const lm_interop_kept *k, lm_text *out);
lm_status lm_interop_kept_parse(lm_interop_kept *k, const char *name, const char *text, size_t size,
                                lm_error *err);
void lm_interop_kept_free(lm_interop_kept *k); /* zero-initialised or twice is fine */

#endif
