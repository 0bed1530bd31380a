#include "nn/gate.h"

#include "base/elementary.h"
#include "base/error.h"
#include "nn/sums.h"
#include "nn/tasks.h"

enum { ELEMENTS = 256 }; /* that a task would move in the time of one gate: an exp in double */

typedef struct forward_job {
    const lm_kernels *kernels;
    const lm_gate *g;
    int64_t chunk; /* tokens per task */
    float *y;
} forward_job;

typedef struct job {
    const lm_kernels *kernels;
    const lm_gate *g;
    const float *y, *dy;
    float *dx;
} job;

static void forward_task(void *argument, int64_t task, int worker) {
    const forward_job *j = argument;
    const lm_gate *g = j->g;
    int64_t end = lm_min((task + 1) * j->chunk, g->tokens);
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++) {
        float room[LM_GATE_CHANNELS];
        const float *x =
            lm_array_widen(j->kernels, g->channels, lm_array_from(g->x, i * g->row), room);
        for (int64_t k = 0; k < g->gates; k++) {
            double sum = (double)j->kernels->dot_f32(g->channels, x, g->w + k * g->channels);
            j->y[i * g->gates + k] = (float)((double)g->most / (1 + lm_exp(-sum)));
        }
    }
}

void lm_gate_forward(const lm_compute *compute, const lm_gate *g, float *y) {
    LM_ASSERT(g->channels <= LM_GATE_CHANNELS);
    forward_job j = {.kernels = compute->kernels, .g = g, .y = y};
    j.chunk = lm_task_rows(compute, g->tokens, ELEMENTS * g->gates);
    lm_pool_run(compute->pool, lm_divide_up(g->tokens, j.chunk), forward_task, &j);
}

static void add_tokens(void *argument, int64_t first, int64_t count, int worker, float *dw) {
    const job *j = argument;
    const lm_gate *g = j->g;
    (void)worker;
    for (int64_t i = first; i < first + count; i++) {
        float room[LM_GATE_CHANNELS];
        const float *x =
            lm_array_widen(j->kernels, g->channels, lm_array_from(g->x, i * g->row), room);
        for (int64_t k = 0; k < g->gates; k++) {
            const float y = j->y[i * g->gates + k];
            const float slope = j->dy[i * g->gates + k] * y * (1 - y / g->most);
            for (int64_t c = 0; c < g->channels; c++) {
                dw[k * g->channels + c] += slope * x[c];
                j->dx[i * g->row + c] += slope * g->w[k * g->channels + c];
            }
        }
    }
}

void lm_gate_backward(const lm_compute *compute, const lm_gate *g, const float *y, const float *dy,
                      float *dx, float *dw) {
    job j = {.kernels = compute->kernels, .g = g, .y = y, .dy = dy, .dx = dx};
    lm_token_sums sums = {.tokens = g->tokens,
                          .window = g->window,
                          .elements = 4 * g->gates * g->channels,
                          .width = g->gates * g->channels,
                          .out = {dw, NULL},
                          .add = add_tokens,
                          .argument = &j};
    lm_arena scratch = lm_compute_scratch(compute, 0);
    lm_token_sums_run(compute, &sums, &scratch);
}

size_t lm_gate_scratch_bytes(int64_t gates) {
    lm_arena measure = lm_arena_measuring();
    lm_token_sums_take(&measure, gates * LM_GATE_CHANNELS);
    return measure.used;
}
