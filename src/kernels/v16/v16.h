/* Sixteen lanes as the kernels of this folder see them: `v16` and its operations from the
 * instruction set's own v16.h, and what follows from them. */
#ifndef LM_KERNELS_V16_V16_H
#define LM_KERNELS_V16_V16_H

#include <stdbool.h>
#include <string.h>

#include "kernels/v16/isa.h"

#include ISA_FILE(v16.h)

/* Left to itself, gcc calls some functions in a loop, with the lanes in memory: three times as
 * slow. */
#define INLINE static inline __attribute__((always_inline))
/* What is hardly ever needed keeps out of the way of the rest. */
#define APART static __attribute__((noinline))

/* The statements for i = 0, 16, 32, ... with lanes = 16, a constant; then, if n is no multiple of
 * 16, once more with lanes = n - i, for what is left. */
#define EACH_16(i, n, ...)               \
    do {                                 \
        int64_t i = 0;                   \
        for (; i + 16 <= (n); i += 16) { \
            enum { lanes = 16 };         \
            __VA_ARGS__                  \
        }                                \
        if (i < (n)) {                   \
            const int64_t lanes = (n)-i; \
            __VA_ARGS__                  \
        }                                \
    } while (0)

/* The first `lanes` <= 16 elements at x (zeros beyond), and those of a stored there: where lanes
 * is the constant 16, plain loads and stores. */
INLINE v16 get(const float *x, int64_t lanes) {
    return lanes == 16 ? v16_load(x) : v16_load_n(x, lanes);
}
INLINE void put(float *x, int64_t lanes, v16 a) {
    if (lanes == 16)
        v16_store(x, a);
    else
        v16_store_n(x, lanes, a);
}
/* The first lanes of a, beyond them those of b: a sum that goes on where there are elements. */
INLINE v16 first(int64_t lanes, v16 a, v16 b) {
    return lanes == 16 ? a : v16_first(lanes, a, b);
}

#ifndef V16_HAS_LOAD_BF16_N /* lane by lane, for instruction sets that have no better way */
static inline v16 v16_load_bf16_n(const lm_bf16 *x, int64_t n) {
    lm_bf16 copy[16] = {0};
    memcpy(copy, x, (size_t)n * sizeof *x);
    return v16_load_bf16(copy);
}
#endif

/* Elements i .. i+lanes-1 of an array of either type. */
INLINE v16 get_either(bool bf16, const void *x, int64_t i, int64_t lanes) {
    if (!bf16) return get((const float *)x + i, lanes);
    const lm_bf16 *from = (const lm_bf16 *)x + i;
    return lanes == 16 ? v16_load_bf16(from) : v16_load_bf16_n(from, lanes);
}

#ifndef V16_HAS_ROWS
/* Lane i is v16_sum(r[i]), or v16_max_lanes(r[i]). */
static inline v16 v16_sum_rows(const v16 r[16]) {
    float sum[16];
    for (int i = 0; i < 16; i++) sum[i] = v16_sum(r[i]);
    return v16_load(sum);
}
static inline v16 v16_max_rows(const v16 r[16]) {
    float max[16];
    for (int i = 0; i < 16; i++) max[i] = v16_max_lanes(r[i]);
    return v16_load(max);
}
/* The same where no lane is a NaN. */
static inline v16 v16_larger_rows(const v16 r[16]) {
    return v16_max_rows(r);
}
#endif

#ifndef V16_HAS_SUM_LINES
/* v16_sum_rows of vectors in memory, s [16, 16], 64-byte aligned. */
static inline v16 v16_sum_lines(const float *s) {
#define V16_LINE(i) v16_load(s + 16 * (i))
    const v16 r[16] = {V16_LINE(0),  V16_LINE(1),  V16_LINE(2),  V16_LINE(3),
                       V16_LINE(4),  V16_LINE(5),  V16_LINE(6),  V16_LINE(7),
                       V16_LINE(8),  V16_LINE(9),  V16_LINE(10), V16_LINE(11),
                       V16_LINE(12), V16_LINE(13), V16_LINE(14), V16_LINE(15)};
    return v16_sum_rows(r);
}
#endif

#endif
