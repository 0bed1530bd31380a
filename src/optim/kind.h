/* Inside the room: what a kind of optimizer is. A new one is a file that defines an
 * lm_optimizer_kind with its equation and its paper, and a row in registry.c.
 *
 * It updates rows in one of two ways:
 *
 *     elements   pieces of a row, of any length, many threads at once. Element i of the weights may
 *                depend on element i of the gradient and of states alone, which makes the bits
 *                independent of how rows are cut
 *     matrix     a whole matrix [lines, columns]: a row, a part of one (q of attn.qkv), or with
 *                options->per_head a head of it. Small matrices are shared out among the threads,
 *                one each at a time; large ones come one after another, each on the whole pool of
 *                u->compute (matrices.h)
 *
 * and keeps as many states of a row as its list has. They are zero before step 1. */
#ifndef LM_OPTIM_KIND_H
#define LM_OPTIM_KIND_H

#include "optim/optimizer.h"

typedef enum lm_state_shape {
    LM_STATE_LIKE_ROW, /* the row's own shape */
    LM_STATE_PER_LINE, /* one for each line of a matrix: [out]; one for a vector: [1] */
    LM_STATE_LONG_SIDE /* for each of its matrices, one after the other: one per line or one per
                          column, whichever there are more of */
} lm_state_shape;

typedef struct lm_optimizer_state {
    const char *name; /* part of the arrays' names in checkpoints */
    lm_state_shape shape;
} lm_optimizer_state;

/* What the size of an update follows; it says which factor of the row its learning rate has. */
typedef enum lm_update_size {
    LM_UPDATE_RATE, /* the learning rate alone: what is subtracted has a size of about 1 */
    LM_UPDATE_GRADIENT,
    LM_UPDATE_POLAR
} lm_update_size;

/* What the update of a matrix takes. */
typedef struct lm_matrix_cost {
    uint64_t bytes; /* of room */
    double flops;
} lm_matrix_cost;

/* An update of `count` elements of a row; of a matrix, of all its elements. */
typedef struct lm_update {
    const lm_compute *compute;
    const lm_optimizer_options *options; /* of the group */
    const lm_optimizer_row *row;
    int64_t first; /* their first in states of the row's shape, of which a slice may have a part */
    int64_t count;
    int64_t lines;              /* of a matrix: it is [lines, row->shape[1]] */
    int64_t long_first;         /* of a matrix: its first element in a state LM_STATE_LONG_SIDE */
    int64_t step, steps;        /* t; that of the last step of the run */
    double step_tokens, tokens; /* of this step; of all steps up to it */
    float lr;                   /* eta_t, with the row's factor */
    double eps;                 /* of the options, with the row's factor */
    double average_share;       /* of this step: c of schedule_free.h */
    double momentum;            /* of this step, as weight_decay below: a schedule may change it */
    float decay;            /* eta_t, without that factor, * weight_decay; 0 when the kind does not
                               use weight_decay */
    float grad_scale;       /* g of the equations is grad_scale * gradients */
    bool without_products;  /* lm_optimizer_step_args */
    float gap_scale;        /* by which a kind with gaps multiplies changes of the weights */
    const float *gradients; /* [count] */
    float *weights;         /* [count], in place */
    float *const *states;   /* what there is of the row's, in the order of the kind's list */
} lm_update;

typedef struct lm_optimizer_kind lm_optimizer_kind;
struct lm_optimizer_kind {
    const char *name;
    unsigned uses; /* LM_USES_..., those of `others` too */
    lm_update_size size;
    bool averages; /* what is evaluated is an average of the weights: schedule_free.h */
    const lm_optimizer_state *states; /* the last has no name */
    /* One of the two; the other is NULL. */
    void (*elements)(const lm_update *u);
    void (*matrix)(const lm_update *u, lm_arena *room);
    /* For a kind with `matrix`, whose sizes are all that *u says beside its options; false when
     * the bytes do not fit 64 bits. */
    bool (*cost)(const lm_update *u, lm_precision precision, lm_matrix_cost *cost);
    /* Updates the rows that are not hidden, with the same values; NULL: this kind does. A kind
     * with `matrix` names one with `elements`. */
    const lm_optimizer_kind *others;
    /* Updates rows whose values say `lazy`, with the same values; NULL: there is none. It skips:
     * an element whose gradient is 0 keeps its weight and its states. */
    const lm_optimizer_kind *lazy;
    bool skips;
    /* Of a kind that skips: the same for rows with `gap`, with one more state, LM_AVERAGE_GAP. */
    const lm_optimizer_kind *gaps;
};

/* The registry, which ends with NULL. An optimizer.name of a config is an index into it. */
extern const lm_optimizer_kind *const lm_optimizer_kinds[];

#endif
