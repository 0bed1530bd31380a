/* When work should stop or save: signals, and the end of the scheduler's job.
 *
 * SIGINT, SIGTERM, SIGHUP (the terminal is gone; not under nohup), SIGUSR2 (LSF; Grid Engine's
 * -notify before it kills) and SIGXCPU (the limit of CPU time) ask the caller's loop to stop after
 * the step at hand. That is said on stderr at once, since a step may take a while, unless it is a
 * pipe that is full. A second SIGINT or SIGTERM ends the process at once, with exit code 128 + its
 * number as shells have it; within a tenth of a second of the first it is taken for the same
 * request, sent both to the process and to its group. SIGUSR1 asks for a checkpoint. Near
 * the end of a job of Slurm (slurm.h) the loop is asked to stop too. */
#ifndef LM_MACHINE_STOP_H
#define LM_MACHINE_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* From here on SIGUSR1 does not end the process: call it first. */
void lm_stop_listen(void);
/* From here on these signals ask to stop: call it before the first step. before_wall:
 * seconds that should be left of the scheduler's job; 0: its end does not matter. `finishing` is
 * what the caller does when it is asked to stop, and is said at once: "finishing the step, then
 * saving"; 70 characters at most. NULL: nothing is said. */
void lm_stop_arm(int64_t before_wall, const char *finishing);
/* Why lm_stop_arm could not find out when the job ends; "": it could, or there is no job. */
const char *lm_stop_wall_problem(void);
/* Gives back the handlers that were there before. After a signal that asked to stop it does
 * nothing, as the process is about to end: a repeated SIGHUP or a late SIGUSR1 must not change its
 * exit code. */
void lm_stop_restore(void);

#define LM_STOP_WALL (-1)
/* The signal that asked to stop, or LM_STOP_WALL; 0: none so far. */
int lm_stop_pending(void);
/* The next step, and saving after it, take `seconds` at most: near the end of the job the loop is
 * asked to stop before such a step begins. */
void lm_stop_expect(double seconds);
/* Has a checkpoint been asked for since the last call? */
bool lm_stop_save_asked(void);

#endif
