#include "nn/rope.h"

#include <stdbool.h>

#include "base/elementary.h"
#include "base/error.h"
#include "nn/tasks.h"

const char *lm_rope_scaling_name(int kind) {
    static const char *const names[LM_ROPE_SCALING_COUNT] = {"none", "linear", "llama3"};
    return kind >= 0 && kind < LM_ROPE_SCALING_COUNT ? names[kind] : NULL;
}

static double llama3_frequency(const lm_rope_frequencies *f, double g) {
    const double two_pi = 6.283185307179586;
    double turns = (double)f->original_context * g / two_pi;
    double share = (turns - f->low) / (f->high - f->low);
    if (turns > f->high) return g;
    if (turns < f->low) return g / f->factor;
    return (1.0 - share) * (g / f->factor) + share * g;
}

/* f_j */
double lm_rope_frequency(const lm_rope_frequencies *f, int64_t j) {
    double g = lm_pow(f->theta, -2.0 * (double)j / (double)f->turned);
    switch (f->scaling) {
    case LM_ROPE_SCALING_LINEAR:
        return g / f->factor;
    case LM_ROPE_SCALING_LLAMA3:
        return llama3_frequency(f, g);
    default:
        return g;
    }
}

void lm_rope_table(const lm_rope_frequencies *f, int64_t positions, float *cos, float *sin) {
    int64_t half = f->turned / 2;
    LM_ASSERT(f->turned % 2 == 0);
    for (int64_t j = 0; j < half; j++) {
        double frequency = lm_rope_frequency(f, j);
        for (int64_t p = 0; p < positions; p++) {
            double angle = (double)p * frequency;
            cos[p * half + j] = (float)lm_cos(angle);
            sin[p * half + j] = (float)lm_sin(angle);
        }
    }
}

typedef struct job {
    const lm_compute *compute;
    const lm_rope *r;
    int64_t chunk; /* rows per task */
    float *x;
    lm_array out;
    bool backward;
} job;

/* [R/2]: -sin, for backward. */
static float *take_back(lm_arena *scratch, int64_t turned) {
    return lm_arena_floats(scratch, turned / 2);
}

size_t lm_rope_scratch_bytes(int64_t turned) {
    lm_arena measure = lm_arena_measuring();
    take_back(&measure, turned);
    return measure.used;
}

static void turn_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_rope *r = j->r;
    const lm_kernels *kernels = j->compute->kernels;
    int64_t half = r->turned / 2, begin = task * j->chunk;
    int64_t end = lm_min(begin + j->chunk, r->batch * r->time);
    float *back = NULL;
    if (j->backward) {
        lm_arena scratch = lm_compute_scratch(j->compute, worker);
        back = take_back(&scratch, r->turned);
    }
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i * r->row, table = i % r->time * half;
        const float *sin = r->sin + table;
        for (int64_t k = 0; k < half && back; k++) back[k] = -sin[k];
        kernels->rope_f32(r->heads, r->head_size, r->turned, r->cos + table, back ? back : sin,
                          j->x + at);
        if (j->out.at) lm_array_store(kernels, r->row, j->x + at, lm_array_from(j->out, at));
    }
}

static void turn(const lm_compute *compute, const lm_rope *r, float *x, lm_array out,
                 bool backward) {
    LM_ASSERT(r->turned % 2 == 0 && r->turned <= r->head_size);
    job j = {.compute = compute,
             .r = r,
             .chunk = lm_task_rows(compute, r->batch * r->time, r->heads * r->head_size),
             .x = x,
             .out = out,
             .backward = backward};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    lm_pool_run(compute->pool, lm_divide_up(r->batch * r->time, j.chunk), turn_task, &j);
    lm_phase_leave(compute->phases, before);
}

void lm_rope_forward(const lm_compute *compute, const lm_rope *r, float *x, lm_array out) {
    turn(compute, r, x, out, false);
}

void lm_rope_backward(const lm_compute *compute, const lm_rope *r, float *dx, lm_array out) {
    turn(compute, r, dx, out, true);
}
