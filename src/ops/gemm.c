#include "ops/gemm.h"

/* Blocks of the k dimension and of n: a packed panel of B is BLOCK_K x BLOCK_N. */
enum { BLOCK_M = 48, BLOCK_N = 64, BLOCK_K = 256 };

size_t lm_gemm_scratch_bytes(const lm_kernels *kernels) {
    (void)kernels;
    return sizeof(float) * BLOCK_K * BLOCK_N;
}

/* C[m0..m0+m, n0..n0+n], all of k. */
static void block(const lm_compute *compute, const lm_gemm *g, int worker, int64_t m0, int64_t n0) {
    const lm_kernels *kernel = compute->kernels;
    int64_t m = g->m - m0 < BLOCK_M ? g->m - m0 : BLOCK_M;
    int64_t n = g->n - n0 < BLOCK_N ? g->n - n0 : BLOCK_N;
    float *panel = lm_compute_scratch(compute, worker, lm_gemm_scratch_bytes(kernel));
    float *c = g->c + m0 * g->c_row + n0;
    const float *init = g->init ? g->init + m0 * g->init_row + n0 : NULL;
    int64_t init_row = g->init_row;
    for (int64_t k0 = 0; k0 < g->k || k0 == 0; k0 += BLOCK_K) {
        int64_t k = g->k - k0 < BLOCK_K ? g->k - k0 : BLOCK_K;
        const float *a = g->a + m0 * g->a_row + k0 * g->a_col;
        const float *b = g->b + n0 * g->b_col + k0 * g->b_row;
        int64_t b_row = g->b_row;
        if (g->b_col != 1) {
            kernel->pack_f32(n, BLOCK_N, k, b, g->b_col, g->b_row, panel);
            b = panel;
            b_row = BLOCK_N;
        }
        kernel->gemm_f32(m, n, k, a, g->a_row, g->a_col, b, b_row, init, init_row, c, g->c_row);
        init = c;
        init_row = g->c_row;
    }
    if (g->finish) g->finish(g->argument, m0, m0 + m, n0, n0 + n);
}

typedef struct job {
    const lm_compute *compute;
    const lm_gemm *g;
    int64_t blocks_m;
} job;

static void task(void *argument, int64_t index, int worker) {
    const job *j = argument;
    block(j->compute, j->g, worker, index % j->blocks_m * BLOCK_M, index / j->blocks_m * BLOCK_N);
}

void lm_gemm_f32(const lm_compute *compute, const lm_gemm *g) {
    job j = {compute, g, (g->m + BLOCK_M - 1) / BLOCK_M};
    lm_pool_run(compute->pool, j.blocks_m * ((g->n + BLOCK_N - 1) / BLOCK_N), task, &j);
}

void lm_gemm_f32_serial(const lm_compute *compute, const lm_gemm *g, int worker) {
    for (int64_t n0 = 0; n0 < g->n; n0 += BLOCK_N)
        for (int64_t m0 = 0; m0 < g->m; m0 += BLOCK_M) block(compute, g, worker, m0, n0);
}
