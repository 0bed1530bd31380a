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
 * no bit: every element stands alone. BLOCK of them, with what they are widened to and rounded from,
 * fit the first cache. */
enum { CHUNK = 16384, BLOCK = 1024 };

typedef struct job {
    const lm_compute *compute;
    lm_mlp_kind kind;
    int64_t count;
    lm_array x, up;   /* [count] */
    lm_array y;       /* [count] */
    const float *dy;  /* backward [count] */
    lm_array dx, dup; /* backward [count] */
} job;

/* Room for each array's block. */
typedef struct rooms {
    float *x, *up, *y, *dx, *dup;
} rooms;

static rooms rooms_of(const job *j, int worker) {
    float *room = lm_compute_scratch(j->compute, worker, lm_activation_scratch_bytes());
    return (rooms){room, room + BLOCK, room + 2 * BLOCK, room + 3 * BLOCK, room + 4 * BLOCK};
}

size_t lm_activation_scratch_bytes(void) {
    return 5 * BLOCK * sizeof(float);
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

static int64_t chunk_end(const job *j, int64_t task) {
    return j->count - task * CHUNK < CHUNK ? j->count : (task + 1) * CHUNK;
}

static int64_t block_length(int64_t at, int64_t end) {
    return end - at < BLOCK ? end - at : BLOCK;
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_kernels *k = j->compute->kernels;
    rooms room = rooms_of(j, worker);
    for (int64_t at = task * CHUNK, end = chunk_end(j, task); at < end; at += BLOCK) {
        int64_t n = block_length(at, end);
        const float *x = lm_array_widen(k, n, lm_array_from(j->x, at), room.x), *up = NULL;
        if (kinds[j->kind].gated) up = lm_array_widen(k, n, lm_array_from(j->up, at), room.up);
        lm_array y = lm_array_from(j->y, at);
        float *to = lm_array_target(y, room.y);
        forward_block(k, j->kind, n, x, up, to);
        lm_array_store(k, n, to, y);
    }
}

static void backward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_kernels *k = j->compute->kernels;
    rooms room = rooms_of(j, worker);
    for (int64_t at = task * CHUNK, end = chunk_end(j, task); at < end; at += BLOCK) {
        int64_t n = block_length(at, end);
        const float *x = lm_array_widen(k, n, lm_array_from(j->x, at), room.x), *up = NULL;
        lm_array dx = lm_array_from(j->dx, at), dup = lm_array_from(j->dup, at);
        lm_array y = lm_array_from(j->y, at);
        float *to = lm_array_target(dx, room.dx), *to_up = lm_array_target(dup, room.dup);
        float *to_y = lm_array_target(y, room.y);
        if (kinds[j->kind].gated) up = lm_array_widen(k, n, lm_array_from(j->up, at), room.up);
        backward_block(k, j->kind, n, x, up, j->dy + at, to, to_up, to_y);
        lm_array_store(k, n, to, dx);
        lm_array_store(k, n, to_y, y);
        if (kinds[j->kind].gated) lm_array_store(k, n, to_up, dup);
    }
}

void lm_activation_forward(const lm_compute *compute, lm_mlp_kind kind, int64_t count, lm_array x,
                           lm_array up, lm_array y) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ACTIVATION);
    LM_ASSERT(kind < LM_MLP_COUNT && (up.at || !kinds[kind].gated));
    job j = {.compute = compute, .kind = kind, .count = count, .x = x, .up = up, .y = y};
    lm_pool_run(compute->pool, (count + CHUNK - 1) / CHUNK, forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

void lm_activation_backward(const lm_compute *compute, lm_mlp_kind kind, int64_t count, lm_array x,
                            lm_array up, const float *dy, lm_array dx, lm_array dup, lm_array y) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ACTIVATION);
    LM_ASSERT(kind < LM_MLP_COUNT && ((up.at && dup.at) || !kinds[kind].gated));
    job j = {.compute = compute,
             .kind = kind,
             .count = count,
             .x = x,
             .up = up,
             .dy = dy,
             .dx = dx,
             .dup = dup,
             .y = y};
    lm_pool_run(compute->pool, (count + CHUNK - 1) / CHUNK, backward_task, &j);
    lm_phase_leave(compute->phases, before);
}
