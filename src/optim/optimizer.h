/* Optimizers: one file each and a row in registry.c. They see the model's rows, never the model.
 *
 *     lm_optimizer_options groups[] = {...};                  // the values of each group of rows
 *     lm_optimizer_bytes(groups, rows, n_rows, &bytes);       // for the plan
 *     lm_optimizer_create(&o, groups, n_groups, rows, n_rows, err);
 *     lm_optimizer_reserve(o, threads, precision, err);       // room for the steps
 *     lm_optimizer_step(o, &compute, &args);                  // once per step; allocates nothing
 *     lm_optimizer_free(o);
 *
 * Weights and gradients are flat arrays; a row is one parameter at its place in them, and may have
 * parts, lines that are a matrix of their own (queries, keys, values). A group holds the kind of
 * optimizer and its values for the rows and parts that name it, so that these may differ in both.
 * The bits do not depend on the number of threads, nor on how rows and parts are shared among
 * groups of equal values. */
#ifndef LM_OPTIM_OPTIMIZER_H
#define LM_OPTIM_OPTIMIZER_H

#include <stdbool.h>

#include "base/span.h"
#include "ops/compute.h"
#include "ops/lines.h"

/* The options that only some optimizers read, as a set of bits; every one reads lr. */
enum {
    LM_USES_BETA1 = 1,
    LM_USES_BETA2 = 2,
    LM_USES_EPS = 4,
    LM_USES_MOMENTUM = 8,
    LM_USES_WEIGHT_DECAY = 16, /* and cautious decay */
    LM_USES_NESTEROV = 32,
    LM_USES_BETA2_TOKENS = 64,
    LM_USES_SLOW = 128, /* the slow moment of AdEMAMix: beta3, alpha, alpha_steps */
    LM_USES_POLAR = 256,
    LM_USES_LAZY = 512
};

/* The registry. */
const char *lm_optimizer_name(int kind); /* "sgd", "momentum", ...; NULL past the end */
bool lm_optimizer_averages(int kind);    /* needs average_share and an average: schedule_free.h */
unsigned lm_optimizer_uses(int kind);    /* LM_USES_...; a config that sets another is refused */

/* By what the update of a matrix [out, in] is multiplied, its polar factor having singular values
 * of about 1. */
typedef enum lm_matrix_scale {
    LM_SCALE_MATCH_RMS, /* 0.2 sqrt(max(out, in)): the size of AdamW's updates (Liu et al. 2025) */
    LM_SCALE_SPECTRAL,  /* sqrt(out / in): the same rate for every width (Bernstein 2025) */
    LM_SCALE_ASPECT,    /* sqrt(max(1, out / in)) (Jordan et al. 2024) */
    LM_SCALE_COUNT
} lm_matrix_scale;
const char *lm_matrix_scale_name(int scale); /* "match_rms", ...; NULL past the end */

/* The values of a group of rows. */
typedef struct lm_optimizer_options {
    int kind;  /* index in the registry */
    double lr; /* at the schedule's top */
    double beta1, beta2, eps, momentum, weight_decay;
    double beta2_tokens; /* beta2 by its half-life in tokens; 0: beta2 says it */
    double beta3, alpha; /* of the slow moment: its decay and weight, which rise */
    int64_t alpha_steps; /* over so many steps; 0: over the whole run */
    bool nesterov;
    bool lazy;         /* no first moment; elements whose gradient is exactly 0 stay as they are */
    bool cautious;     /* only elements that the update shrinks decay */
    int polar;         /* of matrices: lm_polar_kind (polar.h) */
    int scale;         /* of their updates: lm_matrix_scale */
    bool per_head;     /* the heads of queries and keys are matrices of their own */
    double line_beta2; /* decay of NorMuon's second moment; 0: none */
} lm_optimizer_options;

/* Part of a row. */
typedef struct lm_optimizer_part {
    int64_t lines; /* of a matrix; elements of a vector */
    int64_t head;  /* lines of each head, which divides `lines`; 0: they are not matrices of
                      their own to any optimizer */
    int group;     /* index of its values */
} lm_optimizer_part;

/* By what the values of a row's group are multiplied: the model's parametrization says it. Weight
 * decay is by the learning rate without the factor. */
typedef struct lm_optimizer_factors {
    double lr;          /* of updates that are as large as the rate, whatever the gradient */
    double lr_gradient; /* of updates that are as large as the gradient: sgd, momentum */
    double lr_polar;    /* of updates by a matrix's polar factor: muon */
    double lr_rms;      /* of the same with LM_SCALE_MATCH_RMS */
    double eps;
} lm_optimizer_factors;

/* A parameter. */
typedef struct lm_optimizer_row {
    const char *name; /* "h.3.attn.qkv.weight": its states are named after it; must outlive the
                         optimizer */
    int ndim;         /* 1 or 2 */
    int64_t shape[2]; /* [out, in] for a matrix, [n, 1] for a vector */
    int64_t offset;   /* of its first element in the flat arrays; its elements lie together */
    bool hidden;      /* a matrix of a layer: others are embeddings, the head, norms, biases */
    bool gap;         /* lazy updates keep the gap between it and its average (average.h) */
    const lm_optimizer_factors *factors; /* NULL: all are 1 */
    int group;                           /* index of its values; of no meaning when it has parts */
    int64_t n_parts;                     /* 0: it has none */
    const lm_optimizer_part *parts;      /* [n_parts]: they follow each other and fill the row */
} lm_optimizer_row;

typedef struct lm_optimizer lm_optimizer;

/* What one process of several updates and has the states of (ZeRO stage 1, Rajbhandari et al.
 * 2020): the elements of n shares of the flat arrays, as lm_optimizer_cut says, and of rows that
 * begin at `whole` or behind it, which are in no share, all (0: there are none). */
typedef struct lm_optimizer_slice {
    const lm_span *shares; /* [n]; of each row, one has elements at most */
    int64_t n, whole;
} lm_optimizer_slice;
/* Cuts each of n_spans spans of the flat arrays, which hold whole rows, into a share for each of n
 * slices, one behind the other: shares [n][n_spans]. About equal ones; what a span gives a slice
 * too much the next ones give it less, so that all slices are about equal too. Matrices that are
 * updated as a whole stay whole. Shares may be empty: end = first. */
void lm_optimizer_cut(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                      int64_t n_rows, const lm_span *spans, int64_t n_spans, int n,
                      lm_span *shares);

/* What the states of these rows, or of a slice of them, occupy; false when that does not fit 64
 * bits. */
bool lm_optimizer_bytes(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                        int64_t n_rows, uint64_t *bytes);
bool lm_optimizer_slice_bytes(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                              int64_t n_rows, const lm_optimizer_slice *slice, uint64_t *bytes);

/* Room for the steps of lm_optimizer_reserve, and their floating-point operations beside those by
 * element; false when the bytes do not fit 64 bits. */
typedef struct lm_optimizer_work {
    uint64_t bytes;
    double flops;
} lm_optimizer_work;
bool lm_optimizer_work_of(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                          int64_t n_rows, int threads, lm_precision precision,
                          lm_optimizer_work *work);

/* How many arrays these states are: lm_optimizer_arrays. */
int64_t lm_optimizer_array_count(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                                 int64_t n_rows);

/* For n_rows disjoint rows, or a slice of them; groups, rows, parts and factors are copied, shares
 * are not needed afterwards. States are zero. LM_ERR_RUNTIME without memory, and *o is NULL. */
lm_status lm_optimizer_create(lm_optimizer **o, const lm_optimizer_options *groups, int n_groups,
                              const lm_optimizer_row *rows, int64_t n_rows, lm_error *err);
lm_status lm_optimizer_create_slice(lm_optimizer **o, const lm_optimizer_options *groups,
                                    int n_groups, const lm_optimizer_row *rows, int64_t n_rows,
                                    const lm_optimizer_slice *slice, lm_error *err);
/* Once, before the first step: room for steps with a pool of so many threads. */
lm_status lm_optimizer_reserve(lm_optimizer *o, int threads, lm_precision precision, lm_error *err);
void lm_optimizer_free(lm_optimizer *o); /* NULL is fine */

/* A state of a row, for checkpoints: the first state of every row, then the second of those that
 * have one, and so on. A row whose parts have different kinds has the states of all of these; a
 * state is 0 in the parts whose kind has none of its name. */
typedef struct lm_optimizer_array {
    const char *state; /* "m", "v", ... */
    const char *row;   /* name of the row */
    int ndim;
    int64_t shape[2];
    int64_t first, count; /* the slice has [first, first + count) of its elements */
    bool whole;           /* so has every slice, and that is all of them */
    float *data;          /* [count]; owned by the optimizer */
} lm_optimizer_array;
const lm_optimizer_array *lm_optimizer_arrays(const lm_optimizer *o, int64_t *count);
/* What another slice has of the i-th array: its first and count, without data. */
lm_optimizer_array lm_optimizer_array_of(const lm_optimizer *o, int64_t i,
                                         const lm_optimizer_slice *slice);
/* Is the row updated lazily as a whole, by values of its group that say so? */
bool lm_optimizer_skips(const lm_optimizer_options *groups, const lm_optimizer_row *row);
/* Makes all states zero, as they were when the optimizer was created. */
void lm_optimizer_reset(lm_optimizer *o);
/* All of them as one array, with zeros in between. */
const float *lm_optimizer_flat(const lm_optimizer *o, int64_t *count);

typedef struct lm_optimizer_step_args {
    const double *lr;           /* [groups]: learning rates of this step, from the schedule */
    const double *momentum;     /* [groups]; NULL: as the groups say */
    const double *weight_decay; /* the same */
    int64_t step;               /* t of the equations: 1 at the first update */
    int64_t steps;              /* of the whole run; for what rises over it */
    double step_tokens;         /* that this update is made of */
    double tokens;              /* of all updates up to this one */
    double average_share;       /* c of schedule_free.h, for a kind that averages */
    double gap_scale;           /* of rows with `gap`: 1 / E of average.h; 0 in steps that are not
                                   averaged and in the first that is, in which gaps stay 0 */
    double grad_scale;          /* from lm_clip_scale(); 1 without clipping */
    bool without_products;      /* to measure what is left: a matrix of momenta stands for its polar
                                   factor */
    const lm_lines *lines;      /* [rows]: outside of these lines of a row the gradients are 0, so
                                   that lazy updates need not look there; NULL: nothing is known */
    const float *gradients;     /* flat */
    float *weights;             /* flat; updated in place, as are the states */
} lm_optimizer_step_args;
/* Elements between rows, and outside of the slice, are neither read nor written. To be called
 * outside of pool tasks. */
void lm_optimizer_step(lm_optimizer *o, const lm_compute *compute,
                       const lm_optimizer_step_args *args);
/* E of average.h after a step with this rest = 1 - beta, from that before it. Gaps change when they
 * are due to be multiplied by it. */
double lm_optimizer_next_gap(lm_optimizer *o, const lm_compute *compute, double e, double rest);

#endif
