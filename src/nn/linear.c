#include "nn/linear.h"

/* Columns a task of the bias gradient owns: each column is summed by one worker, rows rising, so
 * the split changes no bit. */
enum { BIAS_COLUMNS = 128 };
/* Below this many elements the bias gradient is one task. */
enum { BIAS_SERIAL = 16384 };
/* Weights a decode task reads at least: 256 kB, about 10 us of memory traffic. */
enum { DECODE_ELEMENTS = 65536 };

void lm_linear_forward(const lm_compute *compute, int64_t rows, int64_t in, int64_t out,
                       const float *x, const float *w, const float *bias, float *y) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_GEMM);
    lm_gemm g = {.m = rows,
                 .n = out,
                 .k = in,
                 .a = lm_array_f32(x),
                 .a_row = in,
                 .a_col = 1,
                 .b = lm_array_f32(w),
                 .b_row = 1,
                 .b_col = in,
                 .init = bias,
                 .init_row = 0,
                 .c = y,
                 .c_row = out};
    lm_gemm_multiply(compute, &g);
    lm_phase_leave(compute->phases, before);
}

typedef struct residual_job {
    const lm_kernels *kernels;
    const float *bias; /* [O] */
    float *y;          /* [M, O] */
    int64_t out;
} residual_job;

/* y += bias on a block that is still in cache. */
static void add_bias(void *argument, int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
    const residual_job *j = argument;
    for (int64_t i = m0; i < m1; i++)
        j->kernels->add_f32(n1 - n0, j->bias + n0, j->y + i * j->out + n0);
}

void lm_linear_forward_residual(const lm_compute *compute, int64_t rows, int64_t in, int64_t out,
                                const float *x, const float *w, const float *bias,
                                const float *residual, float *y) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_GEMM);
    residual_job j = {.kernels = compute->kernels, .bias = bias, .y = y, .out = out};
    lm_gemm g = {.m = rows,
                 .n = out,
                 .k = in,
                 .a = lm_array_f32(x),
                 .a_row = in,
                 .a_col = 1,
                 .b = lm_array_f32(w),
                 .b_row = 1,
                 .b_col = in,
                 .init = residual,
                 .init_row = out,
                 .c = y,
                 .c_row = out,
                 .finish = bias ? add_bias : NULL,
                 .argument = &j};
    lm_gemm_multiply(compute, &g);
    lm_phase_leave(compute->phases, before);
}

typedef struct bias_job {
    const lm_kernels *kernels;
    const float *dy; /* [M, O] */
    float *dbias;    /* [O] */
    int64_t rows, out, chunk;
} bias_job;

static void bias_task(void *argument, int64_t task, int worker) {
    const bias_job *j = argument;
    int64_t begin = task * j->chunk;
    int64_t n = j->out - begin < j->chunk ? j->out - begin : j->chunk;
    (void)worker;
    j->kernels->sum_rows_f32(j->rows, n, j->dy + begin, j->out, j->dbias + begin);
}

void lm_linear_backward(const lm_compute *compute, int64_t rows, int64_t in, int64_t out,
                        const float *x, const float *w, const float *dy, float *dx, float *dw,
                        float *dbias) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_GEMM);
    if (dx) {
        lm_gemm g = {.m = rows,
                     .n = in,
                     .k = out,
                     .a = lm_array_f32(dy),
                     .a_row = out,
                     .a_col = 1,
                     .b = lm_array_f32(w),
                     .b_row = in,
                     .b_col = 1,
                     .c = dx,
                     .c_row = in};
        lm_gemm_multiply(compute, &g);
    }
    lm_gemm g = {.m = out,
                 .n = in,
                 .k = rows,
                 .a = lm_array_f32(dy),
                 .a_row = 1,
                 .a_col = out,
                 .b = lm_array_f32(x),
                 .b_row = in,
                 .b_col = 1,
                 .init = dw,
                 .init_row = in,
                 .c = dw,
                 .c_row = in};
    lm_gemm_multiply(compute, &g);
    if (dbias) {
        int64_t chunk = rows * out <= BIAS_SERIAL ? out : BIAS_COLUMNS;
        bias_job j = {.kernels = compute->kernels,
                      .dy = dy,
                      .dbias = dbias,
                      .rows = rows,
                      .out = out,
                      .chunk = chunk};
        lm_pool_run(compute->pool, (out + chunk - 1) / chunk, bias_task, &j);
    }
    lm_phase_leave(compute->phases, before);
}

typedef struct decode_job {
    const lm_kernels *kernels;
    int64_t in, out, chunk;
    const float *x, *w, *bias;
    float *y;
} decode_job;

static void decode_task(void *argument, int64_t task, int worker) {
    const decode_job *j = argument;
    int64_t begin = task * j->chunk;
    int64_t n = j->out - begin < j->chunk ? j->out - begin : j->chunk;
    (void)worker;
    j->kernels->gemv_f32(n, j->in, j->w + begin * j->in, j->in, j->x,
                         j->bias ? j->bias + begin : NULL, j->y + begin);
}

void lm_linear_decode(const lm_compute *compute, int64_t in, int64_t out, const float *x,
                      const float *w, const float *bias, float *y) {
    int64_t chunk = (DECODE_ELEMENTS / in + 15) / 16 * 16;
    if (chunk < 16) chunk = 16;
    decode_job j = {.kernels = compute->kernels,
                    .in = in,
                    .out = out,
                    .chunk = chunk,
                    .x = x,
                    .w = w,
                    .bias = bias,
                    .y = y};
    lm_pool_run(compute->pool, (out + chunk - 1) / chunk, decode_task, &j);
}

size_t lm_linear_scratch_bytes(const lm_kernels *kernels, int64_t in, int64_t out) {
    (void)in;
    (void)out;
    return lm_gemm_scratch_bytes(kernels);
}
