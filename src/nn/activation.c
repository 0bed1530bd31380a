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

/* Elements a task: about 10 us of GELU, several times what waking a worker costs. The split changes
 * no bit: every element stands alone. */
enum { CHUNK = 16384 };

typedef struct job {
    const lm_kernels *kernels;
    lm_mlp_kind kind;
    int64_t count;
    const float *x, *up, *dy; /* [count] */
    float *y;                 /* forward [count] */
    float *dx, *dup;          /* backward [count] */
} job;

static int64_t chunk_length(const job *j, int64_t at) {
    return j->count - at < CHUNK ? j->count - at : CHUNK;
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t at = task * CHUNK, n = chunk_length(j, at);
    (void)worker;
    switch (j->kind) {
    case LM_MLP_GELU_TANH:
        j->kernels->gelu_tanh_forward_f32(n, j->x + at, j->y + at);
        break;
    case LM_MLP_GELU:
        j->kernels->gelu_erf_forward_f32(n, j->x + at, j->y + at);
        break;
    case LM_MLP_SWIGLU:
        j->kernels->swiglu_forward_f32(n, j->x + at, j->up + at, j->y + at);
        break;
    case LM_MLP_RELU2:
        j->kernels->relu2_forward_f32(n, j->x + at, j->y + at);
        break;
    case LM_MLP_COUNT:
        break;
    }
}

static void backward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t at = task * CHUNK, n = chunk_length(j, at);
    (void)worker;
    switch (j->kind) {
    case LM_MLP_GELU_TANH:
        j->kernels->gelu_tanh_backward_f32(n, j->x + at, j->dy + at, j->dx + at);
        break;
    case LM_MLP_GELU:
        j->kernels->gelu_erf_backward_f32(n, j->x + at, j->dy + at, j->dx + at);
        break;
    case LM_MLP_SWIGLU:
        j->kernels->swiglu_backward_f32(n, j->x + at, j->up + at, j->dy + at, j->dx + at,
                                        j->dup + at);
        break;
    case LM_MLP_RELU2:
        j->kernels->relu2_backward_f32(n, j->x + at, j->dy + at, j->dx + at);
        break;
    case LM_MLP_COUNT:
        break;
    }
}

void lm_activation_forward(const lm_compute *compute, lm_mlp_kind kind, int64_t count,
                           const float *x, const float *up, float *y) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ACTIVATION);
    LM_ASSERT(kind < LM_MLP_COUNT && (up || !kinds[kind].gated));
    job j = {.kernels = compute->kernels, .kind = kind, .count = count, .x = x, .up = up, .y = y};
    lm_pool_run(compute->pool, (count + CHUNK - 1) / CHUNK, forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

void lm_activation_backward(const lm_compute *compute, lm_mlp_kind kind, int64_t count,
                            const float *x, const float *up, const float *dy, float *dx,
                            float *dup) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ACTIVATION);
    LM_ASSERT(kind < LM_MLP_COUNT && ((up && dup) || !kinds[kind].gated));
    job j = {.kernels = compute->kernels,
             .kind = kind,
             .count = count,
             .x = x,
             .up = up,
             .dy = dy,
             .dx = dx,
             .dup = dup};
    lm_pool_run(compute->pool, (count + CHUNK - 1) / CHUNK, backward_task, &j);
    lm_phase_leave(compute->phases, before);
}
