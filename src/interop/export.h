/* A model out, for other programs.
 *
 *     lm_interop_export e = {.class = lm_interop_find(format, ...), .ours = &o, .weights = w, ...};
 *     lm_interop_check(&e, err);          // before anything is read that takes time
 *     lm_interop_write(&e, &said, err);
 *
 * A format is a file export_NAME.c and a row in export.c. */
#ifndef LM_INTEROP_EXPORT_H
#define LM_INTEROP_EXPORT_H

#include "containers/tensors.h"
#include "interop/classes.h"
#include "interop/kept.h"
#include "tokenizer/tokenizer.h"

typedef struct lm_interop_export {
    const lm_interop_class *class; /* lm_interop_find of the options */
    const lm_model_options *ours;  /* resolved; what the model's weights are of */
    const float *weights;          /* [total of ours] */
    int dtype;                     /* lm_interop_dtype_name */
    const lm_tokenizer *tokenizer; /* NULL: not known, none is exported */
    const lm_interop_kept *kept;   /* what came in with the model, and goes out again */
    const char *name;              /* of the model, for people */
    const char *card;              /* Markdown: README.md of a directory for Hugging Face */
    const char *about;             /* a JSON object: where the model is from, kept beside it */
    const char *output;            /* a directory; of GGUF a file */
    uint64_t shard_bytes;          /* hf: the most bytes of weights in a file */
    bool force;                    /* files that are not ours are replaced */
} lm_interop_export;

/* Refuses, LM_ERR_USAGE, what can be refused without the weights: a dtype that the format lacks, a
 * tokenizer that does not fit the model, an output that is there already and not ours. */
lm_status lm_interop_check(const lm_interop_export *e, lm_error *err);
/* Writes it all. *said receives a line for each thing that is worth knowing about what was written
 * (lm_interop_remarks among them). A weight that the dtype cannot hold is LM_ERR_USAGE. A signal
 * (machine/stop.h) that comes before all weights are written ends it, LM_ERR_INTERRUPTED. */
lm_status lm_interop_write(const lm_interop_export *e, lm_text *said, lm_error *err);

#endif
