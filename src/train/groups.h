/* The model's rows as the optimizer sees them, and the values of each group of them.
 *
 *     lm_groups g;
 *     lm_groups_make(&g, &config, params, n, err);
 *     ... lm_optimizer_create(&o, g.options, g.count, g.rows, g.n_rows, err) ...
 *     lm_groups_free(&g); */
#ifndef LM_TRAIN_GROUPS_H
#define LM_TRAIN_GROUPS_H

#include "config/config.h"

typedef struct lm_groups {
    int count;
    lm_optimizer_options *options; /* [count] */
    int64_t n_rows;
    lm_optimizer_row *rows;   /* [n_rows]; names are those of the parameters, which must outlive
                                 them */
    lm_optimizer_part *parts; /* of all rows, which point to them */
    lm_optimizer_factors *factors; /* [n_rows] likewise */
    int64_t gaps; /* elements of the flat arrays, the last ones, whose average is kept by gaps
                     (average.h): n-gram tables that are all updated lazily; 0: there are none, or
                     there is no average */
} lm_groups;
/* A row for each of n parameters. The first group of the config that matches a row's name has it;
 * of attn.qkv that matches the name of a part or a head (lm_param_part_name) has that. */
lm_status lm_groups_make(lm_groups *g, const lm_config *c, const lm_param *params, int64_t n,
                         lm_error *err);
void lm_groups_free(lm_groups *g); /* zero-initialised or twice is fine */

/* Appends a line for each group of the config: what it has and gives. Nothing when memory runs out.
 */
void lm_groups_print(const lm_config *c, lm_text *out);

typedef struct lm_groups_plan {
    uint64_t bytes;         /* of the optimizer's states */
    int64_t arrays;         /* parameters and states: those of a checkpoint */
    lm_optimizer_work work; /* of a step */
    int64_t gaps;           /* lm_groups.gaps */
    bool fits;              /* in 64 bits */
} lm_groups_plan;
/* What the rows and their optimizer will come to. Nothing is made of the model, which may be too
 * large for this machine. LM_ERR_USAGE: a pattern of a group matches no array, or a group gets
 * none. */
lm_status lm_groups_plan_make(lm_groups_plan *p, const lm_config *c, int threads, lm_error *err);

/* What one rank of several has of the optimizer's states (lm_optimizer_cut): a slice, and those of
 * n-gram tables, which every rank has. */
typedef struct lm_groups_slice {
    uint64_t bytes;  /* of its states */
    uint64_t cut;    /* of these, bytes of those that are cut */
    int64_t longest; /* elements of the longest slice of any rank */
    int64_t ends;    /* elements of the pieces of a state (checkpoint/together.h) that end in slices
                     of other ranks, at most: one of each share */
    uint64_t longest_state; /* bytes of the longest state of a row that is cut, as a whole */
} lm_groups_slice;
/* For a config whose groups are planned. */
lm_status lm_groups_slice_make(lm_groups_slice *s, const lm_config *c, int ranks, int rank,
                               lm_error *err);

#endif
