#include "kernels/v16/functions.h"

/* An activation of one argument: forward, y = value(x); backward, dx = dy * slope(x) and y too. */
#define FORWARD(n, x, y, value16) EACH_16(i, n, put(y + i, lanes, value16(get(x + i, lanes)));)
#define BACKWARD(n, x, dy, dx, y, both)                           \
    EACH_16(i, n, {                                               \
        both16 z = both(get(x + i, lanes));                       \
        put(dx + i, lanes, v16_mul(get(dy + i, lanes), z.slope)); \
        put(y + i, lanes, z.value);                               \
    })

void ISA(gelu_tanh_forward_f32)(int64_t n, const float *x, float *y) {
    FORWARD(n, x, y, gelu_tanh16);
}
void ISA(gelu_tanh_backward_f32)(int64_t n, const float *x, const float *dy, float *dx, float *y) {
    BACKWARD(n, x, dy, dx, y, gelu_tanh_both16);
}

void ISA(gelu_erf_forward_f32)(int64_t n, const float *x, float *y) {
    FORWARD(n, x, y, gelu_erf16);
}
void ISA(gelu_erf_backward_f32)(int64_t n, const float *x, const float *dy, float *dx, float *y) {
    BACKWARD(n, x, dy, dx, y, gelu_erf_both16);
}

static inline v16 relu16(v16 x) {
    return v16_add(v16_if_gt(v16_zero(), x, v16_zero(), x), v16_zero());
}
static inline v16 relu2_16(v16 x) {
    return v16_mul(relu16(x), relu16(x));
}
static inline both16 relu2_both16(v16 x) {
    v16 r = relu16(x);
    both16 result = {.value = v16_mul(r, r), .slope = v16_add(r, r)};
    return result;
}

void ISA(relu2_forward_f32)(int64_t n, const float *x, float *y) {
    FORWARD(n, x, y, relu2_16);
}
void ISA(relu2_backward_f32)(int64_t n, const float *x, const float *dy, float *dx, float *y) {
    BACKWARD(n, x, dy, dx, y, relu2_both16);
}

/* ---- SwiGLU ---------------------------------------------------------------------------------- */
APART v16 swiglu_any16(v16 gate, v16 up) {
    return v16_mul(v16_mul(gate, sigmoid16(gate)), up);
}

INLINE v16 swiglu16(v16 gate, v16 up) {
    if (!all_within16(gate, SILU_CLAMP)) return swiglu_any16(gate, up);
    return v16_mul(v16_mul(gate, share16(exp_inside16(v16_neg(gate)))), up);
}

void ISA(swiglu_forward_f32)(int64_t n, const float *gate, const float *up, float *y) {
    EACH_16(i, n, put(y + i, lanes, swiglu16(get(gate + i, lanes), get(up + i, lanes))););
}

typedef struct swiglu16_gradient {
    v16 gate, up, y;
} swiglu16_gradient;

INLINE swiglu16_gradient swiglu16_backward(v16 gate, v16 up, v16 dy) {
    both16 z = silu_both16(gate);
    swiglu16_gradient result = {.gate = v16_mul(v16_mul(dy, up), z.slope),
                                .up = v16_mul(dy, z.value),
                                .y = v16_mul(z.value, up)};
    if (!all_within16(gate, SILU_CLAMP)) result.y = swiglu_any16(gate, up);
    return result;
}

void ISA(swiglu_backward_f32)(int64_t n, const float *gate, const float *up, const float *dy,
                              float *dgate, float *dup, float *y) {
    EACH_16(i, n, {
        swiglu16_gradient d =
            swiglu16_backward(get(gate + i, lanes), get(up + i, lanes), get(dy + i, lanes));
        put(dgate + i, lanes, d.gate);
        put(dup + i, lanes, d.up);
        put(y + i, lanes, d.y);
    });
}
