/* Speed of lm_gemm_multiply on the shapes of a training step, as a share of the machine's own peak.
 *
 *     make bench-gemm && build/gcc/tests/bench/gemm [--threads N] [--cpu ISA] [--bf16] [--seconds S] [text]
 *
 * The peak (a loop of fused multiply-adds on every thread) is measured again around each shape and
 * the best counts, because other work on the machine slows both. `best` is the fastest repetition,
 * `median` the typical one. Only shapes whose name contains `text` are run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "machine/cpu.h"
#include "machine/peak.h"
#include "ops/gemm.h"

typedef enum form {
    FORWARD,  /* y[M,N] = x[M,K] W[N,K]^T + bias */
    BACKWARD, /* dx[M,N] = dy[M,K] W[K,N] */
    WEIGHTS,  /* dW[M,N] += dy[K,M]^T x[K,N] */
    HEAD_DX,  /* dx[M,N] = dlogits[K,M]^T W[K,N] */
    PLAIN,    /* C[M,N] += A[M,K] B[K,N] */
} form;

typedef struct shape {
    const char *name;
    form form;
    int64_t m, n, k;
} shape;

static const shape shapes[] = {
    {"124M qkv forward", FORWARD, 1024, 2304, 768},
    {"124M projection forward", FORWARD, 1024, 768, 768},
    {"124M mlp up forward", FORWARD, 1024, 3072, 768},
    {"124M mlp down forward", FORWARD, 1024, 768, 3072},
    {"124M mlp up dx", BACKWARD, 1024, 768, 3072},
    {"124M mlp down dx", BACKWARD, 1024, 3072, 768},
    {"124M projection dx", BACKWARD, 1024, 768, 768},
    {"124M qkv dW", WEIGHTS, 2304, 768, 1024},
    {"124M projection dW", WEIGHTS, 768, 768, 1024},
    {"124M mlp up dW", WEIGHTS, 3072, 768, 1024},
    {"124M mlp down dW", WEIGHTS, 768, 3072, 1024},
    {"124M head logits", FORWARD, 50304, 256, 768},
    {"124M head dx", HEAD_DX, 256, 768, 50304},
    {"124M head dW", PLAIN, 50304, 768, 256},
    {"384 qkv forward", FORWARD, 4096, 1152, 384},
    {"384 projection forward", FORWARD, 4096, 384, 384},
    {"384 mlp up forward", FORWARD, 4096, 1536, 384},
    {"384 mlp down dx", BACKWARD, 4096, 1536, 384},
    {"384 mlp up dW", WEIGHTS, 1536, 384, 4096},
    {"small mlp up forward", FORWARD, 768, 512, 128},
    {"small mlp down forward", FORWARD, 768, 128, 512},
    {"small qkv forward", FORWARD, 768, 384, 128},
    {"small projection forward", FORWARD, 768, 128, 128},
    {"small mlp up dx", BACKWARD, 768, 128, 512},
    {"small mlp down dx", BACKWARD, 768, 512, 128},
    {"small mlp up dW", WEIGHTS, 512, 128, 768},
    {"small projection dW", WEIGHTS, 128, 128, 768},
    {"small head logits", FORWARD, 65, 768, 128},
    {"tiny forward", FORWARD, 64, 64, 64},
    {"prompt of 16 forward", FORWARD, 16, 768, 768},
    {"square 2048", PLAIN, 2048, 2048, 2048},
};

static lm_gemm describe(const shape *s, const float *a, const float *b, float *c) {
    lm_gemm g = {.m = s->m, .n = s->n, .k = s->k, .a = a, .b = b, .c = c, .c_row = s->n};
    bool a_transposed = s->form == WEIGHTS || s->form == HEAD_DX;
    g.a_row = a_transposed ? 1 : s->k;
    g.a_col = a_transposed ? s->m : 1;
    g.b_row = s->form == FORWARD ? 1 : s->n;
    g.b_col = s->form == FORWARD ? s->k : 1;
    if (s->form == WEIGHTS || s->form == PLAIN) {
        g.init = c;
        g.init_row = s->n;
    }
    return g;
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void measure(const lm_compute *compute, const shape *s, double seconds, double *peak) {
    enum { MOST = 2000 };
    static double times[MOST];
    lm_error err;
    lm_arena arena = {0};
    size_t floats = (size_t)(s->m * s->k + s->k * s->n + s->m * s->n) + 64;
    if (lm_arena_init(&arena, floats * sizeof(float), "operands", &err) != LM_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    float *a = lm_arena_floats(&arena, s->m * s->k), *b = lm_arena_floats(&arena, s->k * s->n);
    float *c = lm_arena_floats(&arena, s->m * s->n);
    for (int64_t i = 0; i < s->m * s->k; i++) a[i] = (float)(i % 17 - 8) * 0x1p-6f;
    for (int64_t i = 0; i < s->k * s->n; i++) b[i] = (float)(i % 13 - 6) * 0x1p-6f;
    lm_gemm g = describe(s, a, b, c);
    lm_gemm_multiply(compute, &g);
    int count = 0;
    double end = lm_clock_seconds() + seconds, start;
    do {
        double burst = lm_peak_flops(compute->pool, lm_compute_peak_loop(compute), 0.02);
        if (burst > *peak) *peak = burst;
        double pause = lm_clock_seconds() + 0.05;
        do {
            start = lm_clock_seconds();
            lm_gemm_multiply(compute, &g);
            times[count++] = lm_clock_seconds() - start;
        } while (count < MOST && start < pause);
    } while (count < MOST && (count < 5 || start < end));
    qsort(times, (size_t)count, sizeof *times, by_value);
    double work = 2.0 * (double)s->m * (double)s->n * (double)s->k;
    double best = work / times[0], median = work / times[count / 2];
    printf("%-26s %6lld x %5lld x %5lld %8.1f %8.1f %6.1f%% %6.1f%%\n", s->name, (long long)s->m,
           (long long)s->n, (long long)s->k, best * 1e-9, median * 1e-9, 100 * best / *peak,
           100 * median / *peak);
    fflush(stdout);
    lm_arena_free(&arena);
}

int main(int argc, char **argv) {
    lm_error err = {0};
    lm_isa_mask mask = lm_cpu_detect();
    int threads = lm_cpu_usable();
    double seconds = 0.3;
    lm_precision precision = LM_FP32;
    const char *wanted = "";
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--threads")) {
            threads = atoi(value), i++;
        } else if (!strcmp(argv[i], "--seconds")) {
            seconds = atof(value), i++;
        } else if (!strcmp(argv[i], "--cpu")) {
            if (lm_cpu_limit(value, &mask, &err) != LM_OK) goto failed;
            i++;
        } else if (!strcmp(argv[i], "--bf16")) {
            precision = LM_BF16;
        } else {
            wanted = argv[i];
        }
    }
    lm_kernels kernels;
    lm_kernels_fill(&kernels, mask);
    lm_compute compute = {.kernels = &kernels, .precision = precision};
    if (lm_pool_create(&compute.pool, threads, &err) != LM_OK) goto failed;
    if (lm_compute_reserve(&compute, lm_gemm_scratch_bytes(&kernels), &err) != LM_OK) goto failed;
    double peak = lm_peak_flops(compute.pool, lm_compute_peak_loop(&compute), 0.3);
    printf("%s, %s, %d threads\n%-26s %6s   %5s   %5s %8s %8s %7s %7s\n",
           lm_isa_name((int)lm_cpu_best(mask)), lm_precision_name((int)precision), threads, "shape",
           "m", "n", "k", "best", "median", "best", "median");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strstr(shapes[i].name, wanted)) measure(&compute, &shapes[i], seconds, &peak);
    printf("peak %.1f GFLOP/s\n", peak * 1e-9);
    lm_compute_free(&compute);
    lm_pool_free(compute.pool);
    return 0;
failed:
    fprintf(stderr, "%s\n", err.message);
    return 1;
}
