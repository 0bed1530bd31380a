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

typedef struct lm_groups_plan {
    uint64_t bytes; /* of the optimizer's states */
    int64_t arrays; /* parameters and states: those of a checkpoint */
    bool fits;      /* in 64 bits */
} lm_groups_plan;
/* What the rows and their optimizer will come to. Nothing is made of the model, which may be too
 * large for this machine. */
lm_status lm_groups_plan_make(lm_groups_plan *p, const lm_config *c, lm_error *err);

#endif
