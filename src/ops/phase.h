/* Where the time of a training step goes, by the kind of work. Off unless lm_compute.phases is set;
 * then each change of phase costs one reading of the clock, a few hundred a step. Never touches a
 * number of the computation.
 *
 *     lm_phase_clock clock;
 *     lm_phase_start(&clock);
 *     compute.phases = &clock;            // and NULL again when done
 *     ... steps ...
 *     lm_phase_stop(&clock);              // clock.seconds[] are complete
 *
 *     lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);   // in an operation
 *     ...
 *     lm_phase_leave(compute->phases, before);
 *
 * The outermost phase has the time: a matrix multiply inside the loss head is the loss head's. All of
 * it from the thread that owns the pool, outside its tasks. */
#ifndef LM_OPS_PHASE_H
#define LM_OPS_PHASE_H

typedef enum lm_phase {
    LM_PHASE_OTHER, /* what no operation claims: embedding, residual sums, clearing gradients */
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
} lm_phase_clock;

/* "gemm", "attention", ...; NULL past the end. */
const char *lm_phase_name(int phase);

void lm_phase_start(lm_phase_clock *clock); /* all zero, in LM_PHASE_OTHER */
void lm_phase_stop(lm_phase_clock *clock);  /* the phase at hand gets its time */
/* clock NULL: nothing. enter returns what leave needs. */
lm_phase lm_phase_enter(lm_phase_clock *clock, lm_phase phase);
void lm_phase_leave(lm_phase_clock *clock, lm_phase before);

#endif
