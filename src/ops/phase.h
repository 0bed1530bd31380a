/* Where the time of a training step goes, by the kind of work and by layer. Off unless
 * lm_compute.phases is set. Each change of phase reads the clock once, a few hundred times per
 * step. Changes no result.
 *
 *     lm_phase_clock clock = {0};
 *     lm_phase_start(&clock);
 *     compute.phases = &clock;            // and NULL again when done
 *     ... steps ...
 *     lm_phase_stop(&clock);              // clock.seconds[] are complete
 *
 *     lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);   // in an operation
 *     ...
 *     lm_phase_leave(compute->phases, before);
 *
 * Time counts for the outermost phase: a matrix product inside the loss head counts for the loss
 * head. All calls come from the thread that owns the pool, outside its tasks. */
#ifndef LM_OPS_PHASE_H
#define LM_OPS_PHASE_H

#include <stdint.h>

typedef enum lm_phase {
    LM_PHASE_OTHER, /* everything else: embedding, residual sums, clearing gradients */
    LM_PHASE_GEMM,  /* linear layers, with their biases and activations */
    LM_PHASE_ATTENTION,
    LM_PHASE_NORM,
    LM_PHASE_LOSS_HEAD,
    LM_PHASE_OPTIMIZER, /* the gradients' norm and the update */
    LM_PHASE_DATA,      /* reading windows of tokens */
    LM_PHASE_COUNT
} lm_phase;

typedef struct lm_phase_clock {
    double seconds[LM_PHASE_COUNT];
    lm_phase now;
    double since; /* lm_clock_seconds() when `now` began */
    /* The same by layers [n_layers + 1]: row 0 is what belongs to none of them, row i + 1 layer i.
     * Starting does not clear it. NULL: not asked for. */
    double (*by_layer)[LM_PHASE_COUNT];
    int64_t row;
} lm_phase_clock;

/* "gemm", "attention", ...; NULL past the end. */
const char *lm_phase_name(int phase);

void lm_phase_start(lm_phase_clock *clock); /* all seconds are 0; the phase is LM_PHASE_OTHER */
void lm_phase_stop(lm_phase_clock *clock);  /* adds the time of the current phase */
/* With a NULL clock both do nothing. Pass to leave what enter returned. */
lm_phase lm_phase_enter(lm_phase_clock *clock, lm_phase phase);
void lm_phase_leave(lm_phase_clock *clock, lm_phase before);
/* What follows belongs to this layer; -1: to none. */
void lm_phase_layer(lm_phase_clock *clock, int64_t layer);

#endif
