/* When a job of Slurm ends: newer ones say so in their environment, of others squeue(1) does. */
#ifndef LM_MACHINE_SLURM_H
#define LM_MACHINE_SLURM_H

#include <stdbool.h>
#include <stddef.h>

/* Seconds since 1970 at which the job ends in which this process runs; 0: in none, or that is not
 * known, and then `why` says the reason, "" when there is no job. SLURM_JOB_END_TIME is believed,
 * where it is set. Else, in a job (SLURM_JOB_ID), `squeue -h -j ID -o %e` is asked, for `patience`
 * seconds at most. What it says, 0 for nothing, becomes SLURM_JOB_END_TIME of this process and of
 * those that it starts, so that none of them asks again. Not for several threads at once. */
double lm_slurm_end(double patience, char *why, size_t size);

/* The time that squeue prints, "2026-11-27T01:52:00" in local time, at the head of a text; false:
 * it is none, such as "N/A". */
bool lm_slurm_time(const char *text, double *seconds);

#endif
