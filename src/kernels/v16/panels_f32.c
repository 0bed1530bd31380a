#include "kernels/v16/v16.h"

#include ISA_FILE(vec.h)

#define PANELS_ELEMENT      float
#define PANELS_OPERAND      vec
#define PANELS_LOAD(x)      vec_load(x)
#define PANELS_BROADCAST(x) vec_broadcast(x)
#define PANELS_FMA(x, w, s) vec_fma(x, w, s)
#include "kernels/v16/panels.inc"

void ISA(dots_panels_f32)(int64_t n, int64_t m, int64_t links, int each, const float *x,
                          const float *w, const float *init, float *y, int64_t y_row) {
    if (each == 1)
        rows_by_rows(n, m, links, 1, x, w, init, y, y_row);
    else
        rows_by_rows(n, m, links, 2, x, w, init, y, y_row);
}
