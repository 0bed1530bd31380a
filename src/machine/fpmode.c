#include "machine/fpmode.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

/* MXCSR: flush-to-zero, denormals-are-zero, all exceptions masked, round to nearest. */
#define FLUSH_TO_ZERO      0x8000u
#define DENORMALS_ARE_ZERO 0x0040u
#define MASK_ALL           0x1f80u
#define MODE               (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO | MASK_ALL)

void lm_fpmode_set(void) {
    _mm_setcsr(MODE);
}
bool lm_fpmode_is_set(void) {
    return (_mm_getcsr() & 0xffc0u) == MODE;
}

#elif defined(__aarch64__)
#include <stdint.h>

#define FLUSH_TO_ZERO ((uint64_t)1 << 24) /* FPCR.FZ: inputs and results */

void lm_fpmode_set(void) {
    uint64_t mode = FLUSH_TO_ZERO; /* round to nearest, no traps */
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
bool lm_fpmode_is_set(void) {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode == FLUSH_TO_ZERO;
}

#else
#error "lmtrain needs to know how this CPU flushes denormals: add it here"
#endif
