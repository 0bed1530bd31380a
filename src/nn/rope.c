#include "nn/rope.h"

#include "base/elementary.h"
#include "base/error.h"

/* Elements a task turns: about 5 us, several times what waking a worker costs. */
enum { CHUNK_ELEMENTS = 16384 };

void lm_rope_table(int64_t positions, int64_t head_size, double theta, float *cos, float *sin) {
    int64_t half = head_size / 2;
    LM_ASSERT(head_size % 2 == 0);
    for (int64_t j = 0; j < half; j++) {
        double frequency = lm_pow(theta, -2.0 * (double)j / (double)head_size);
        for (int64_t p = 0; p < positions; p++) {
            double angle = (double)p * frequency;
            cos[p * half + j] = (float)lm_cos(angle);
            sin[p * half + j] = (float)lm_sin(angle);
        }
    }
}

typedef struct job {
    const lm_compute *compute;
    int64_t batch, time, heads, head_size, x_row;
    int64_t chunk;          /* positions a task */
    const float *cos, *sin; /* [T, D/2] */
    float *x;
    lm_array out;
    int backward;
} job;

static void turn_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t half = j->head_size / 2, begin = task * j->chunk;
    int64_t end = j->time - begin < j->chunk ? j->time : begin + j->chunk;
    float *back = NULL; /* [D/2]: -sin */
    if (j->backward)
        back = lm_compute_scratch(j->compute, worker, lm_rope_scratch_bytes(j->head_size));
    for (int64_t t = begin; t < end; t++) {
        const float *sin = j->sin + t * half;
        if (back) {
            for (int64_t i = 0; i < half; i++) back[i] = -sin[i];
            sin = back;
        }
        for (int64_t b = 0; b < j->batch; b++) {
            int64_t at = (b * j->time + t) * j->x_row;
            j->compute->kernels->rope_f32(j->heads, j->head_size, j->cos + t * half, sin,
                                          j->x + at);
            if (j->out.at)
                lm_array_store(j->compute->kernels, j->x_row, j->x + at, lm_array_from(j->out, at));
        }
    }
}

static void turn(const lm_compute *compute, int64_t batch, int64_t time, int64_t heads,
                 int64_t head_size, const float *cos, const float *sin, float *x, int64_t x_row,
                 lm_array out, int backward) {
    LM_ASSERT(head_size % 2 == 0);
    int64_t chunk = CHUNK_ELEMENTS / (batch * heads * head_size + 1);
    if (chunk < 1) chunk = 1;
    job j = {.compute = compute,
             .batch = batch,
             .time = time,
             .heads = heads,
             .head_size = head_size,
             .x_row = x_row,
             .chunk = chunk,
             .cos = cos,
             .sin = sin,
             .x = x,
             .out = out,
             .backward = backward};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    lm_pool_run(compute->pool, (time + chunk - 1) / chunk, turn_task, &j);
    lm_phase_leave(compute->phases, before);
}

void lm_rope_forward(const lm_compute *compute, int64_t batch, int64_t time, int64_t heads,
                     int64_t head_size, const float *cos, const float *sin, float *x, int64_t x_row,
                     lm_array out) {
    turn(compute, batch, time, heads, head_size, cos, sin, x, x_row, out, 0);
}

void lm_rope_backward(const lm_compute *compute, int64_t batch, int64_t time, int64_t heads,
                      int64_t head_size, const float *cos, const float *sin, float *dx,
                      int64_t dx_row, lm_array out) {
    turn(compute, batch, time, heads, head_size, cos, sin, dx, dx_row, out, 1);
}

size_t lm_rope_scratch_bytes(int64_t head_size) {
    return (size_t)(head_size / 2) * sizeof(float);
}
