/* What a sweep takes, before it begins: arithmetic, time and disk. */
#ifndef LM_SWEEP_COST_H
#define LM_SWEEP_COST_H

#include "sweep/sweep.h"

/* Appends, for people: FLOP of all trials, of each rung with halving; how long that takes when one
 * trial runs after the other on all threads, by steps that are measured here for a moment, or at
 * least by the machine's peak where a step takes too long for that; and the disk that checkpoints
 * take at most at once.
 *
 * Which settings go on is not known yet: a rung is taken to hold settings of the mean cost, and
 * those with the largest checkpoints. Settings that tpe will propose count as the mean of the first
 * generation. Nothing is written to the sweep's directory.
 *
 * An error: data that cannot be opened, with the trial's values; and, with the text complete,
 * LM_ERR_RUNTIME where the disk that is free does not suffice. */
lm_status lm_sweep_cost(const lm_sweep *s, lm_text *out, lm_error *err);

#endif
