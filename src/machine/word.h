/* How long a word takes from one CPU to another. */
#ifndef LM_MACHINE_WORD_H
#define LM_MACHINE_WORD_H

#include "machine/pool.h"

/* Seconds until a word that one thread writes has been read and answered by another, and the answer
 * read: there and back. With more than two threads it goes around all of them, and this is twice
 * the mean way from one to the next. The best of several short measurements, which take about a
 * millisecond together. 0: there is one thread only, or fewer CPUs than threads, or a thread was
 * not running. */
double lm_word_seconds(lm_pool *pool);

#endif
