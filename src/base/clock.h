/* Time. */
#ifndef LM_BASE_CLOCK_H
#define LM_BASE_CLOCK_H

double lm_clock_seconds(void);      /* monotonic, from an arbitrary start */
double lm_clock_unix_seconds(void); /* wall clock */

#endif
