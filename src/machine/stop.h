/* When training (or measuring) should stop or save: signals, and the end of the scheduler's job.
 *
 * SIGINT, SIGTERM and SIGHUP (the terminal is gone; not under nohup) ask the loop to stop after the
 * step at hand, and say so on stderr at once, since a step may take a while. A second SIGINT or
 * SIGTERM ends the process at once, with exit code 128 + its number as shells have it; one that
 * follows within a tenth of a second is the same request by two ways, to the process and to its
 * group. SIGUSR1 asks for a checkpoint. Slurm tells when a job ends in SLURM_JOB_END_TIME (seconds
 * since 1970; sbatch(1)); near it the loop is asked to stop too. */
#ifndef LM_MACHINE_STOP_H
#define LM_MACHINE_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* From the start of the process's work: SIGUSR1 no longer ends it. */
void lm_stop_listen(void);
/* From the first step: SIGINT, SIGTERM, SIGHUP. before_wall: seconds that should be left of the job; 0:
 * its end is not looked at. `finishing` is what the caller does when asked to stop, which is said at once:
 * "finishing the step, then saving"; 70 characters at most. */
void lm_stop_arm(int64_t before_wall, const char *finishing);
void lm_stop_restore(void); /* the handlers that were there before */

#define LM_STOP_WALL (-1)
/* The signal that asked to stop, or LM_STOP_WALL; 0: none so far. */
int lm_stop_pending(void);
/* What the loop is about to do takes about this long, at most: it must not begin when it would end
 * too near the job's end. */
void lm_stop_expect(double seconds);
/* Has a checkpoint been asked for since the last call? */
bool lm_stop_save_asked(void);

#endif
