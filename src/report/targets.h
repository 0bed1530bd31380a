/* Targets: what a run took to reach each of some validation losses (eval.targets).
 *
 *     lm_targets_begin(&t, losses, count);
 *     lm_targets_read(&t, metrics_path, err);     // what earlier sessions reached
 *     each evaluation: reached = lm_targets_add(&t, loss, &point);
 *     lm_targets_write(&t, flops_per_token, &writer);
 *
 * A target counts as reached at the first evaluation whose loss is at most that. Where the loss was
 * above it at the evaluation before, the place between the two at which a straight line crosses it
 * is told too: it depends less on how often the run evaluates. */
#ifndef LM_REPORT_TARGETS_H
#define LM_REPORT_TARGETS_H

#include "report/metrics.h"

enum { LM_TARGETS_MOST = 16 };

typedef struct lm_target_point {
    double step, tokens, seconds; /* since the start of the run */
} lm_target_point;

typedef struct lm_target {
    double loss;
    bool reached;
    lm_target_point at;      /* of the evaluation */
    lm_target_point crossed; /* between it and the one before; of the first one: `at` */
} lm_target;

typedef struct lm_targets {
    int64_t count;
    lm_target items[LM_TARGETS_MOST]; /* from the highest loss to the lowest */
    bool began;                       /* there was an evaluation: */
    double loss;                      /* of the last one */
    lm_target_point last;
} lm_targets;

/* None of them is reached yet. At most LM_TARGETS_MOST; equal ones are one. */
void lm_targets_begin(lm_targets *t, const double *losses, int64_t count);
/* Takes an evaluation in; returns how many it reached first: a loss that
 * is not a number reaches none. */
int64_t lm_targets_add(lm_targets *t, double loss, const lm_target_point *at);
/* Takes in the evaluations in a file of metrics, which need not be there. */
lm_status lm_targets_read(lm_targets *t, const char *path, lm_error *err);
/* A member "targets" of the object that w writes: a list of objects; nothing without targets. */
void lm_targets_write(const lm_targets *t, double flops_per_token, lm_json_writer *w);
/* A member "targets": the losses that the evaluation of a step reached; nothing without any. */
void lm_targets_write_reached(const lm_targets *t, int64_t step, lm_json_writer *w);
/* Appends "1.88 at step 86: 0.95 s, 66.0 k tokens, 34.2 GFLOP", or "1.5 not reached". */
void lm_target_print(const lm_target *t, double flops_per_token, lm_text *out);

#endif
