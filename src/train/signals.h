/* SIGINT and SIGTERM while training: the first asks the loop to stop after the step at hand, a
 * second one ends the process at once. */
#ifndef LM_TRAIN_SIGNALS_H
#define LM_TRAIN_SIGNALS_H

void lm_signals_install(void);
void lm_signals_restore(void); /* what was there before */
/* The signal that asked to stop; 0: none so far. */
int lm_signals_pending(void);

#endif
