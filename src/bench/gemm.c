/* lm_gemm_multiply on the shapes of training steps, on all threads, in each precision. At bf16 the
 * operands have the types that they have in a step: the head's weights fp32, all others bf16. */
#include <inttypes.h>
#include <stdio.h>

#include "bench/report.h"
#include "bench/sections.h"
#include "ops/gemm.h"

typedef enum form {
    FORWARD,  /* y[M,N] = x[M,K] W[N,K]^T */
    BACKWARD, /* dx[M,N] = dy[M,K] W[K,N] */
    WEIGHTS,  /* dW[M,N] += dy[K,M]^T x[K,N] */
    HEAD,     /* logits[M,N] = W[M,K] x[N,K]^T */
    HEAD_DX,  /* dx[M,N] = dlogits[K,M]^T W[K,N] */
    HEAD_DW,  /* dW[M,N] += dlogits[M,K] x[K,N] */
} form;

typedef struct shape {
    const char *name; /* the preset whose step multiplies it, the layer, the direction */
    form form;
    int64_t m, n, k;
} shape;

static const shape shapes[] = {
    {"124m qkv forward", FORWARD, 1024, 2304, 768},
    {"124m projection forward", FORWARD, 1024, 768, 768},
    {"124m mlp up forward", FORWARD, 1024, 3072, 768},
    {"124m mlp down forward", FORWARD, 1024, 768, 3072},
    {"124m mlp up dx", BACKWARD, 1024, 768, 3072},
    {"124m mlp down dx", BACKWARD, 1024, 3072, 768},
    {"124m projection dx", BACKWARD, 1024, 768, 768},
    {"124m qkv dW", WEIGHTS, 2304, 768, 1024},
    {"124m projection dW", WEIGHTS, 768, 768, 1024},
    {"124m mlp up dW", WEIGHTS, 3072, 768, 1024},
    {"124m mlp down dW", WEIGHTS, 768, 3072, 1024},
    {"124m head logits", HEAD, 50304, 256, 768},
    {"124m head dx", HEAD_DX, 256, 768, 50304},
    {"124m head dW", HEAD_DW, 50304, 768, 256},
    {"384 qkv forward", FORWARD, 4096, 1152, 384},
    {"384 projection forward", FORWARD, 4096, 384, 384},
    {"384 mlp up forward", FORWARD, 4096, 1536, 384},
    {"384 mlp down dx", BACKWARD, 4096, 1536, 384},
    {"384 mlp up dW", WEIGHTS, 1536, 384, 4096},
    {"128 mlp up forward", FORWARD, 768, 512, 128},
    {"128 mlp down forward", FORWARD, 768, 128, 512},
    {"128 qkv forward", FORWARD, 768, 384, 128},
    {"128 projection forward", FORWARD, 768, 128, 128},
    {"128 mlp up dx", BACKWARD, 768, 128, 512},
    {"128 mlp down dx", BACKWARD, 768, 512, 128},
    {"128 mlp up dW", WEIGHTS, 512, 128, 768},
    {"128 projection dW", WEIGHTS, 128, 128, 768},
    {"128 head logits", HEAD, 65, 768, 128},
    {"tiny forward", FORWARD, 64, 64, 64},
    {"prompt of 16 forward", FORWARD, 16, 768, 768},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct work {
    const lm_compute *compute;
    lm_gemm gemm;
} work;

static void multiply(void *argument) {
    const work *w = argument;
    lm_gemm_multiply(w->compute, &w->gemm);
}

static lm_gemm describe(const shape *s, lm_array a, lm_array b, float *c) {
    lm_gemm g = {.m = s->m, .n = s->n, .k = s->k, .a = a, .b = b, .c = c, .c_row = s->n};
    bool a_transposed = s->form == WEIGHTS || s->form == HEAD_DX;
    bool b_transposed = s->form == FORWARD || s->form == HEAD;
    g.a_row = a_transposed ? 1 : s->k;
    g.a_col = a_transposed ? s->m : 1;
    g.b_row = b_transposed ? 1 : s->n;
    g.b_col = b_transposed ? s->k : 1;
    if (s->form == WEIGHTS || s->form == HEAD_DW) {
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

static lm_status measure(lm_bench *b, const shape *which, lm_error *err) {
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
    lm_array x =
        operand(&arena, which->m * which->k, 17, which->form == HEAD ? LM_FP32 : precision);
    lm_array y =
        operand(&arena, which->k * which->n, 13, which->form == HEAD_DX ? LM_FP32 : precision);
    float *z = lm_arena_floats(&arena, which->m * which->n);
    work w = {.compute = &b->session.compute, .gemm = describe(which, x, y, z)};
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
        for (int i = 0; i < SHAPES && status == LM_OK && !lm_bench_stopped(); i++)
            status = measure(b, &shapes[i], err);
    }
    lm_bench_end(b);
    lm_compute_free(&b->session.compute);
    return status;
}
