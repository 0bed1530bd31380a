/* Inside the room: what a kind of optimizer is. A new one is a file that defines an
 * lm_optimizer_kind with its equation and its paper, and a row in registry.c.
 *
 * It updates rows in one of two ways:
 *
 *     elements   pieces of a row, of any length, many threads at once. Element i of the weights may
 *                depend on element i of the gradient and of states alone, which makes the bits
 *                independent of how rows are cut
 *     matrix     a row [out, in] at once, row after row, on the calling thread, which may use the
 *                pool
 *
 * and keeps as many states of a row as its list has. They are zero before step 1. */
#ifndef LM_OPTIM_KIND_H
#define LM_OPTIM_KIND_H

#include "optim/optimizer.h"

typedef enum lm_state_shape {
    LM_STATE_LIKE_ROW, /* the row's own shape */
    LM_STATE_PER_LINE  /* one for each line of a matrix: [out]; one for a vector: [1] */
} lm_state_shape;

typedef struct lm_optimizer_state {
    const char *name; /* part of the arrays' names in checkpoints */
    lm_state_shape shape;
} lm_optimizer_state;

/* An update of `count` elements of a row from `first` on; by matrix, of all of them. */
typedef struct lm_update {
    const lm_compute *compute;
    const lm_optimizer_options *options; /* of the row's group */
    const lm_optimizer_row *row;
    int64_t first, count;
    int64_t step;           /* t */
    float lr;               /* eta_t */
    float decay;            /* eta_t * weight_decay; 0 when the kind does not use weight_decay */
    float grad_scale;       /* g of the equations is grad_scale * gradients */
    const float *gradients; /* [count] */
    float *weights;         /* [count], in place */
    float *const *states;   /* the row's states as a whole, in the order of the kind's list */
} lm_update;

typedef struct lm_optimizer_kind {
    const char *name;
    unsigned uses;                    /* LM_USES_... */
    const lm_optimizer_state *states; /* the last has no name */
    /* One of the two; the other is NULL. */
    void (*elements)(const lm_update *u);
    void (*matrix)(const lm_update *u);
} lm_optimizer_kind;

/* The registry, which ends with NULL. An optimizer.name of a config is an index into it. */
extern const lm_optimizer_kind *const lm_optimizer_kinds[];

#endif
