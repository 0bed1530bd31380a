/* Inside the room: what config.json of Hugging Face's transformers says of a model. */
#ifndef LM_INTEROP_IMPORT_HF_H
#define LM_INTEROP_IMPORT_HF_H

#include "interop/source_parts.h"
#include "interop/values.h"

enum { LM_INTEROP_MOST_LAYERS = 1000 };

/* Sets class, options and the special ids. What our model does not have is LM_ERR_USAGE and names
 * the key: returns v->status. */
lm_status lm_interop_hf_read_config(lm_interop_source *s, lm_interop_values *v);
/* Those of a generation_config.json too: all tokens that end a text are put together, of the others
 * the first one counts. v->status says whether it went well. */
void lm_interop_hf_read_special(lm_interop_source *s, lm_interop_values *v);

#endif
