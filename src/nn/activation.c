#include "nn/activation.h"

#include "base/error.h"

static const struct {
    const char *name;
    bool gated;
} kinds[LM_MLP_COUNT] = {
    [LM_MLP_GELU_TANH] = {"gelu_tanh", false},
    [LM_MLP_GELU] = {"gelu", false},
    [LM_MLP_SWIGLU] = {"swiglu", true},
    [LM_MLP_RELU2] = {"relu2", false},
};

const char *lm_mlp_name(int kind) {
    return kind >= 0 && kind < LM_MLP_COUNT ? kinds[kind].name : NULL;
}

bool lm_mlp_is_gated(lm_mlp_kind kind) {
    return kinds[kind].gated;
}

static void forward_block(const lm_kernels *k, lm_mlp_kind kind, int64_t n, const float *x,
                          const float *up, float *y) {
    switch (kind) {
    case LM_MLP_GELU_TANH:
        k->gelu_tanh_forward_f32(n, x, y);
        break;
    case LM_MLP_GELU:
        k->gelu_erf_forward_f32(n, x, y);
        break;
    case LM_MLP_SWIGLU:
        k->swiglu_forward_f32(n, x, up, y);
        break;
    case LM_MLP_RELU2:
        k->relu2_forward_f32(n, x, y);
        break;
    case LM_MLP_COUNT:
        break;
    }
}

static void backward_block(const lm_kernels *k, lm_mlp_kind kind, int64_t n, const float *x,
                           const float *up, const float *dy, float *dx, float *dup, float *y) {
    switch (kind) {
    case LM_MLP_GELU_TANH:
        k->gelu_tanh_backward_f32(n, x, dy, dx, y);
        break;
    case LM_MLP_GELU:
        k->gelu_erf_backward_f32(n, x, dy, dx, y);
        break;
    case LM_MLP_SWIGLU:
        k->swiglu_backward_f32(n, x, up, dy, dx, dup, y);
        break;
    case LM_MLP_RELU2:
        k->relu2_backward_f32(n, x, dy, dx, y);
        break;
    case LM_MLP_COUNT:
        break;
    }
}

/* A block: the arrays may be bf16, the kernels take floats. */
static void forward_part(const lm_kernels *k, const lm_activation *a, int64_t at, int64_t n,
                         float *room) {
    const float *x = lm_array_widen(k, n, lm_array_from(a->x, at), room), *up = NULL;
    lm_array y = lm_array_from(a->y, at);
    float *to = lm_array_target(y, room + 2 * n);
    if (kinds[a->kind].gated) up = lm_array_widen(k, n, lm_array_from(a->up, at), room + n);
    forward_block(k, a->kind, n, x, up, to);
    lm_array_store(k, n, to, y);
}

static void backward_part(const lm_kernels *k, const lm_activation *a, int64_t at, int64_t n,
                          float *dy, float *room) {
    lm_array x = lm_array_from(a->x, at), up = lm_array_from(a->up, at);
    lm_array y = lm_array_from(a->y, at);
    const float *wide_x = lm_array_widen(k, n, x, room), *wide_up = NULL;
    float *to_y = lm_array_target(y, room + 2 * n), *dup = NULL;
    if (kinds[a->kind].gated) {
        wide_up = lm_array_widen(k, n, up, room + n);
        dup = lm_array_target(up, room + 3 * n);
    }
    backward_block(k, a->kind, n, wide_x, wide_up, dy, dy, dup, to_y);
    lm_array_store(k, n, dy, x);
    lm_array_store(k, n, to_y, y);
    if (dup) lm_array_store(k, n, dup, up);
}

void lm_activation_forward(const lm_kernels *kernels, const lm_activation *a, int64_t at, int64_t n,
                           float *room) {
    LM_ASSERT(room && a->kind < LM_MLP_COUNT && (a->up.at || !kinds[a->kind].gated));
    for (int64_t i = 0; i < n; i += LM_ACTIVATION_BLOCK)
        forward_part(kernels, a, at + i, lm_min(n - i, LM_ACTIVATION_BLOCK), room);
}

void lm_activation_backward(const lm_kernels *kernels, const lm_activation *a, int64_t at,
                            int64_t n, float *dy, float *room) {
    LM_ASSERT(room && a->kind < LM_MLP_COUNT && (a->up.at || !kinds[a->kind].gated));
    for (int64_t i = 0; i < n; i += LM_ACTIVATION_BLOCK)
        backward_part(kernels, a, at + i, lm_min(n - i, LM_ACTIVATION_BLOCK), dy + i, room);
}
