/* lm_gemm_multiply on the shapes of training steps, on all threads, in each precision. At bf16 the
 * operands have the types that they have in a step: the head's weights fp32, all others bf16. */
#include <inttypes.h>
#include <stdio.h>

#include "bench/report.h"
#include "bench/sections.h"
#include "bench/shapes.h"

const lm_bench_shape lm_bench_shapes[] = {
    {"124m qkv forward", LM_BENCH_FORWARD, 1024, 2304, 768},
    {"124m projection forward", LM_BENCH_FORWARD, 1024, 768, 768},
    {"124m mlp up forward", LM_BENCH_FORWARD, 1024, 3072, 768},
    {"124m mlp down forward", LM_BENCH_FORWARD, 1024, 768, 3072},
    {"124m mlp up dx", LM_BENCH_BACKWARD, 1024, 768, 3072},
    {"124m mlp down dx", LM_BENCH_BACKWARD, 1024, 3072, 768},
    {"124m projection dx", LM_BENCH_BACKWARD, 1024, 768, 768},
    {"124m qkv dW", LM_BENCH_WEIGHTS, 2304, 768, 1024},
    {"124m projection dW", LM_BENCH_WEIGHTS, 768, 768, 1024},
    {"124m mlp up dW", LM_BENCH_WEIGHTS, 3072, 768, 1024},
    {"124m mlp down dW", LM_BENCH_WEIGHTS, 768, 3072, 1024},
    {"124m head logits", LM_BENCH_HEAD, 50304, 256, 768},
    {"124m head dx", LM_BENCH_HEAD_DX, 256, 768, 50304},
    {"124m head dW", LM_BENCH_HEAD_DW, 50304, 768, 256},
    {"384 qkv forward", LM_BENCH_FORWARD, 4096, 1152, 384},
    {"384 projection forward", LM_BENCH_FORWARD, 4096, 384, 384},
    {"384 mlp up forward", LM_BENCH_FORWARD, 4096, 1536, 384},
    {"384 mlp down dx", LM_BENCH_BACKWARD, 4096, 1536, 384},
    {"384 mlp up dW", LM_BENCH_WEIGHTS, 1536, 384, 4096},
    {"128 mlp up forward", LM_BENCH_FORWARD, 768, 512, 128},
    {"128 mlp down forward", LM_BENCH_FORWARD, 768, 128, 512},
    {"128 qkv forward", LM_BENCH_FORWARD, 768, 384, 128},
    {"128 projection forward", LM_BENCH_FORWARD, 768, 128, 128},
    {"128 mlp up dx", LM_BENCH_BACKWARD, 768, 128, 512},
    {"128 mlp down dx", LM_BENCH_BACKWARD, 768, 512, 128},
    {"128 mlp up dW", LM_BENCH_WEIGHTS, 512, 128, 768},
    {"128 projection dW", LM_BENCH_WEIGHTS, 128, 128, 768},
    {"128 head logits", LM_BENCH_HEAD, 65, 768, 128},
    {"tiny forward", LM_BENCH_FORWARD, 64, 64, 64},
    {"prompt of 16 forward", LM_BENCH_FORWARD, 16, 768, 768},
};
const int lm_bench_shape_count = sizeof lm_bench_shapes / sizeof *lm_bench_shapes;

typedef struct work {
    const lm_compute *compute;
    lm_gemm gemm;
} work;

static void multiply(void *argument) {
    const work *w = argument;
    lm_gemm_multiply(w->compute, &w->gemm);
}

lm_gemm lm_bench_product(const lm_bench_shape *s, lm_array a, lm_array b, float *c) {
    lm_gemm g = {.m = s->m, .n = s->n, .k = s->k, .a = a, .b = b, .c = c, .c_row = s->n};
    bool a_transposed = s->form == LM_BENCH_WEIGHTS || s->form == LM_BENCH_HEAD_DX;
    bool b_transposed = s->form == LM_BENCH_FORWARD || s->form == LM_BENCH_HEAD;
    g.a_row = a_transposed ? 1 : s->k;
    g.a_col = a_transposed ? s->m : 1;
    g.b_row = b_transposed ? 1 : s->n;
    g.b_col = b_transposed ? s->k : 1;
    if (s->form == LM_BENCH_WEIGHTS || s->form == LM_BENCH_HEAD_DW) {
        g.init = c;
        g.init_row = s->n;
    }
    return g;
}

/* Small whole numbers over a power of two: values do not change the speed unless they are
 * denormal. */
static lm_array operand(lm_arena *arena, int64_t count, int64_t period, lm_precision type) {
    float *x = lm_arena_floats(arena, count);
    lm_bf16 *rounded = (lm_bf16 *)(void *)x;
    for (int64_t i = 0; i < count; i++) {
        float value = (float)(i % period - period / 2) * 0x1p-6f;
        if (type == LM_BF16)
            rounded[i] = lm_bf16_from_f32(value);
        else
            x[i] = value;
    }
    return (lm_array){x, type};
}

static lm_status measure(lm_bench *b, const lm_bench_shape *which, lm_error *err) {
    lm_bench_row row = {.section = LM_BENCH_GEMM};
    snprintf(row.name, sizeof row.name, "%s %s %" PRId64 "x%" PRId64 "x%" PRId64,
             lm_precision_name((int)b->session.compute.precision), which->name, which->m, which->n,
             which->k);
    if (!lm_bench_wants(b, row.name)) return LM_OK;
    lm_arena arena = {0};
    size_t floats = (size_t)(which->m * which->k + which->k * which->n + which->m * which->n);
    size_t bytes = floats * sizeof(float) + 3 * LM_ALIGNMENT;
    lm_status status = lm_arena_init(&arena, bytes, "operands", err);
    if (status != LM_OK) return status;
    lm_precision precision = b->session.compute.precision;
    lm_array x = operand(&arena, which->m * which->k, 17,
                         which->form == LM_BENCH_HEAD ? LM_FP32 : precision);
    lm_array y = operand(&arena, which->k * which->n, 13,
                         which->form == LM_BENCH_HEAD_DX ? LM_FP32 : precision);
    float *z = lm_arena_floats(&arena, which->m * which->n);
    work w = {.compute = &b->session.compute, .gemm = lm_bench_product(which, x, y, z)};
    lm_bench_subject s = {.run = multiply,
                          .argument = &w,
                          .peak = lm_bench_peak_of_precision(precision),
                          .seconds = b->o->seconds};
    row.work = 2.0 * (double)which->m * (double)which->n * (double)which->k;
    lm_bench_measure_row(b, &s, &row);
    lm_arena_free(&arena);
    return lm_bench_report(b, &row, err);
}

lm_status lm_bench_gemm(lm_bench *b, lm_error *err) {
    lm_status status = lm_compute_reserve(&b->session.compute, lm_gemm_scratch_bytes(), err);
    if (status != LM_OK) return status;
    status = lm_bench_begin(b, LM_BENCH_GEMM, "C[m,n] = A[m,k] B[k,n], named m x n x k", err);
    for (int p = 0; p < LM_PRECISION_COUNT; p++) {
        b->session.compute.precision = (lm_precision)p;
        for (int i = 0; i < lm_bench_shape_count && status == LM_OK && !lm_bench_stopped(); i++)
            status = measure(b, &lm_bench_shapes[i], err);
    }
    lm_bench_end(b);
    lm_compute_free(&b->session.compute);
    return status;
}
