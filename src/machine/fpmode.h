/* The floating-point mode of every thread that computes: round to nearest even, denormal inputs
 * read as zero and denormal results flushed to zero (x86 MXCSR DAZ+FTZ, Arm FPCR FZ), no traps.
 *
 * Why: it is what the bf16 dot-product hardware does, so that every ISA can agree with it, and
 * decayed Adam moments would otherwise end up in the denormal range, where some CPUs are a hundred
 * times slower. lm_pool sets it in the thread that creates the pool and in every worker. */
#ifndef LM_MACHINE_FPMODE_H
#define LM_MACHINE_FPMODE_H

#include <stdbool.h>

void lm_fpmode_set(void);
bool lm_fpmode_is_set(void);

#endif
