/* What an export says of where a model is from. */
#ifndef LM_CLI_EXPORT_CARD_H
#define LM_CLI_EXPORT_CARD_H

#include "interop/export.h"
#include "saved/saved.h"

/* A model card in Markdown with Hugging Face's front matter: class, sizes, data, losses, digest,
 * how to use it, remarks and the config. */
void lm_export_card(const lm_interop_export *e, const lm_saved *saved, lm_text *out);
/* A JSON object of the same: e->about. */
void lm_export_about(const lm_interop_export *e, const lm_saved *saved, lm_text *out);

#endif
