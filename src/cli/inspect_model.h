/* `lmtrain inspect` of a model of another program: what it is, and whether import takes it. */
#ifndef LM_CLI_INSPECT_MODEL_H
#define LM_CLI_INSPECT_MODEL_H

#include "base/error.h"
#include "base/text.h"

typedef struct lm_inspect_model {
    bool config; /* what the config of a run with this model would be, too */
    bool verify; /* read all weights */
} lm_inspect_model;

/* Is it a model of another program, or a file of tensors as such have? */
bool lm_inspect_model_is(const char *path);
/* Appends what is known of it. What import refuses is described as far as its file says, with the
 * reason; that is no error, but with `verify`. *takes: would import take it? */
lm_status lm_inspect_model_run(const lm_inspect_model *o, const char *path, bool *takes,
                               lm_text *out, lm_error *err);

#endif
