#include "kernels/scalar/scalar.h"
#include "kernels/v16/isa.h"

#include ISA_FILE(v16.h)

void ISA(wide_from_f32)(int64_t rows, int64_t n, const float *x, int64_t x_row, float *y,
                        int64_t y_row) {
    for (int64_t i = 0; i < rows; i++, x += x_row, y += y_row) {
        int64_t j = 0;
        for (; j + 16 <= n; j += 16) v16_store(y + j, v16_swap(v16_round_bf16(v16_load(x + j))));
        lm_scalar_wide_from_f32(1, n - j, x + j, 0, y + j, 0);
    }
}

void ISA(wide_from_bf16)(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row, float *y,
                         int64_t y_row) {
    for (int64_t i = 0; i < rows; i++, x += x_row, y += y_row) {
        int64_t j = 0;
        for (; j + 16 <= n; j += 16) v16_store(y + j, v16_swap(v16_load_bf16(x + j)));
        lm_scalar_wide_from_bf16(1, n - j, x + j, 0, y + j, 0);
    }
}
