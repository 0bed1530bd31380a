/* Few rows of A by columns of B that lie along k, as the weights of a linear layer do: C' = B' A',
 * whose long operand B' is then read in place. Packing it would take as long as multiplying. */
#include "ops/gemm_pack.h"

enum { COLUMNS = 96 }; /* of C in a task at most: whole register tiles of 6 and of 12 */

typedef struct few_job {
    gemm_job gemm;   /* for its scratch */
    int64_t columns; /* of a task */
    int64_t pass;    /* of k that a register tile takes at once */
} few_job;

/* out[i,r] = x[r,i] */
static void transpose(int64_t rows, int64_t n, const float *x, int64_t x_row, float *out,
                      int64_t out_row) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < rows; r++) out[i * out_row + r] = x[r * x_row + i];
}

/* C' of `rows` columns of C from n0 on, [rows, nr]: all of k. */
static void multiply(const few_job *f, int64_t n0, int64_t rows, const float *panel, float *ct) {
    const gemm_job *j = &f->gemm;
    const lm_gemm *g = j->g;
    const float *w = lm_array_from(g->b, n0 * g->b_col).at;
    if (g->init)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t i = 0; i < g->m; i++)
                ct[r * j->nr + i] = g->init[i * g->init_row + n0 + r];
    for (int64_t k0 = 0; k0 < g->k || k0 == 0; k0 += f->pass) {
        const float *init = k0 > 0 || g->init ? ct : NULL;
        j->compute->kernels->gemm_f32(rows, g->m, lm_min(g->k - k0, f->pass), w + k0, g->b_col, 1,
                                      panel + k0 * j->nr, j->nr, init, j->nr, ct, j->nr);
    }
}

static void few_task(void *argument, int64_t task, int worker) {
    const few_job *f = argument;
    const gemm_job *j = &f->gemm;
    const lm_gemm *g = j->g;
    gemm_scratch *scratch = lm_gemm_scratch_of(j, worker);
    int64_t n0 = task * f->columns, rows = lm_min(g->n - n0, f->columns);
    lm_gemm_block block = {.m1 = g->m, .n0 = n0, .n1 = n0 + rows, .room = scratch->room};
    block.c = g->finish_only ? scratch->c : g->c + n0;
    block.c_row = g->finish_only ? rows : g->c_row;
    if (!j->packed[worker])
        j->compute->kernels->pack_f32(g->m, j->nr, g->k, g->a.at, g->a_row, g->a_col, scratch->b);
    j->packed[worker] = 1;
    multiply(f, n0, rows, scratch->b, scratch->a);
    transpose(rows, g->m, scratch->a, j->nr, block.c, block.c_row);
    if (g->finish) g->finish(g->argument, &block);
}

/* Rows of B' that share a set of the first cache are better packed. */
static bool suits(const lm_compute *compute, const lm_gemm *g) {
    return compute->precision == LM_FP32 && g->m <= compute->kernels->gemm_f32_nr &&
           g->n >= 4 * g->m && g->b_row == 1 && g->b_col >= g->k && g->k > 0 &&
           g->k * compute->kernels->gemm_f32_nr <= ROOM_B && !g->upper &&
           !lm_gemm_same_set(g->b_col * (int64_t)sizeof(float)) &&
           lm_pool_threads(compute->pool) <= LM_GEMM_OWN_WORKERS;
}

bool lm_gemm_few_rows(const lm_compute *compute, const lm_gemm *g) {
    if (!suits(compute, g)) return false;
    int64_t packed[LM_GEMM_OWN_WORKERS] = {0};
    bool small = (double)g->m * (double)g->n * (double)g->k < LM_GEMM_SMALL_WORK;
    few_job f = {.gemm = {.compute = compute,
                          .g = g,
                          .nr = compute->kernels->gemm_f32_nr,
                          .mr = compute->kernels->gemm_f32_mr,
                          .workers = small ? 1 : lm_pool_threads(compute->pool),
                          .packed = packed},
                 .pass = lm_compute_blocks(compute).k};
    int64_t least = f.gemm.workers > 1 ? 2 * lm_gemm_least_tasks(&f.gemm) : 1;
    int64_t each = lm_round_up(lm_divide_up(g->n, least), f.gemm.mr);
    f.columns = lm_min(each, COLUMNS / f.gemm.mr * f.gemm.mr);
    int64_t tasks = lm_divide_up(g->n, f.columns);
    if (f.gemm.workers == lm_pool_threads(compute->pool))
        lm_pool_run_named(compute->pool, tasks, few_task, &f, "gemm.c:multiply");
    else
        for (int64_t i = 0; i < tasks; i++) few_task(&f, i, 0);
    return true;
}
