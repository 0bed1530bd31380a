/* The model's rows as the optimizer sees them, and the values of each group of them. */
#ifndef LM_TRAIN_GROUPS_H
#define LM_TRAIN_GROUPS_H

#include "config/config.h"

enum {
    LM_GROUP_DECAYED, /* matrices and embeddings */
    LM_GROUP_PLAIN,   /* norms and biases: no weight decay */
    LM_GROUP_COUNT
};
void lm_groups_make(const lm_optimizer_options *o, lm_optimizer_options groups[LM_GROUP_COUNT]);

/* A row for each parameter, malloc'd; NULL without memory. Names are those of params, which must
 * outlive the rows. */
lm_optimizer_row *lm_groups_rows(const lm_param *params, int64_t count);

/* What the states of the optimizer will occupy; *fits says whether 64 bits hold it. Nothing is made
 * of the model, which may be too large for this machine. */
lm_status lm_groups_bytes(const lm_config *c, uint64_t *bytes, bool *fits, lm_error *err);

#endif
