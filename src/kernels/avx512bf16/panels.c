/* The sixteen lanes are those of avx512/. */
#define LM_ISA avx512
#include "kernels/v16/v16.h"

#include "kernels/avx512/vec.h"
#include "kernels/avx512bf16/isa.h"

#define PANELS_ELEMENT      lm_bf16_pair
#define PANELS_OPERAND      vec_pairs
#define PANELS_LOAD(x)      vec_pairs_load(x)
#define PANELS_BROADCAST(x) vec_pairs_broadcast(x)
#define PANELS_FMA(x, w, s) _mm512_dpbf16_ps(s, (__m512bh)(x), (__m512bh)(w))
#include "kernels/v16/panels.inc"

void lm_avx512bf16_dots_panels_bf16(int64_t n, int64_t m, int64_t links, const lm_bf16_pair *x,
                                    const lm_bf16_pair *w, const float *init, float *y,
                                    int64_t y_row) {
    rows_by_rows(n, m, links, 1, x, w, init, y, y_row);
}
