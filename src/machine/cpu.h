/* What this CPU can do, as the ladder of instruction sets that have kernels.
 *
 *     lm_isa_mask mask = lm_cpu_detect();             // every rung this CPU and OS support
 *     lm_cpu_limit("avx2", &mask, err);               // --cpu avx2: that rung and those below
 */
#ifndef LM_MACHINE_CPU_H
#define LM_MACHINE_CPU_H

#include <stddef.h>

#include "base/error.h"

/* Rungs in rising order; a higher one overrides kernels of the lower ones. */
typedef enum lm_isa {
    LM_ISA_SCALAR,
    LM_ISA_AVX2,       /* AVX2 + FMA + F16C-class x86 */
    LM_ISA_AVX512,     /* AVX-512 F, VL, BW, DQ */
    LM_ISA_AVX512BF16, /* + AVX512_BF16 */
    LM_ISA_NEON,       /* aarch64 Advanced SIMD */
    LM_ISA_COUNT
} lm_isa;
typedef unsigned lm_isa_mask; /* bit 1 << isa */

lm_isa_mask lm_cpu_detect(void); /* always includes LM_ISA_SCALAR */
/* "scalar", "avx2", "avx512", "avx512bf16", "neon"; NULL past the end. */
const char *lm_isa_name(int isa);
lm_isa lm_cpu_best(lm_isa_mask mask); /* highest rung in the mask */
/* Keep the named rung and those below it. Unknown names get a suggestion; a rung that this CPU
 * lacks is an error that lists what it has. "auto" keeps all. */
lm_status lm_cpu_limit(const char *name, lm_isa_mask *mask, lm_error *err);
/* Writes "avx2 avx512" etc. into out. */
const char *lm_cpu_describe(lm_isa_mask mask, char *out, size_t size);
/* Marketing name from the system, "unknown" when there is none. */
const char *lm_cpu_model(char *out, size_t size);

/* CPUs this process may use: the affinity mask, lowered by the cgroup's quota (v1 and v2). >= 1. */
int lm_cpu_usable(void);
/* Threads that are fastest under a quota of `cpus` CPUs' time, which may be a fraction. >= 1. */
int lm_cpu_threads_of_quota(double cpus);
/* Threads to compute on when nobody says how many: one for each core (cores.h), at most
 * lm_cpu_usable(); or the first number of OMP_NUM_THREADS where that is another one and no more
 * than lm_cpu_usable(): *asked (or NULL) is then that number, else 0: say it. */
int lm_cpu_threads(int *asked);

#endif
