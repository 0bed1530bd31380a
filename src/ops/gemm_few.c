/* Few rows of A by columns of B that lie along k, as the weights of a linear layer do: C' = B' A',
 * whose long operand B' is then read in place. Packing it would take as long as multiplying. Pairs
 * of bf16 are read in place too; where they have to be wide, a task widens its rows of B'. */
#include "ops/gemm_pack.h"

enum {
    COLUMNS = 96,      /* of C in a task at most: whole register tiles of 6 and of 12 */
    WIDE_COLUMNS = 48, /* where they are copied: with 3 KiB of each, in the second cache */
};

typedef struct few_job {
    gemm_job gemm;    /* for its scratch */
    int64_t columns;  /* of a task */
    int64_t elements; /* along k */
    int64_t pass;     /* of them that a register tile takes at once */
} few_job;

/* out[i,r] = x[r,i] */
static void transpose(int64_t rows, int64_t n, const float *x, int64_t x_row, float *out,
                      int64_t out_row) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = 0; r < rows; r++) out[i * out_row + r] = x[r * x_row + i];
}

/* Rows of B', `row` words apart. */
typedef struct rows_of_b {
    const void *at;
    int64_t row;
} rows_of_b;

/* C' of `rows` columns of C from n0 on, [rows, nr]: all of k. */
static void multiply(const few_job *f, int64_t n0, int64_t rows, rows_of_b b, const void *panel,
                     float *ct) {
    const gemm_job *j = &f->gemm;
    const lm_gemm *g = j->g;
    const lm_kernels *kernel = j->compute->kernels;
    if (g->init)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t i = 0; i < g->m; i++)
                ct[r * j->nr + i] = g->init[i * g->init_row + n0 + r];
    for (int64_t e = 0; e < f->elements; e += f->pass) {
        const float *init = e > 0 || g->init ? ct : NULL;
        int64_t from = e * j->words, k = lm_min(f->elements - e, f->pass) * j->words;
        const void *w = lm_gemm_word(b.at, from), *x = lm_gemm_word(panel, from * j->nr);
        if (j->steps == 2 && j->words == 1)
            kernel->gemm_bf16(rows, g->m, k, w, b.row, 1, x, j->nr, init, j->nr, ct, j->nr);
        else
            kernel->gemm_f32(rows, g->m, k, w, b.row, 1, x, j->nr, init, j->nr, ct, j->nr);
    }
}

/* A as a panel [elements, nr]. */
static void pack_rows(const gemm_job *j, void *out) {
    const lm_gemm *g = j->g;
    lm_pack_panel(j->compute->kernels, lm_gemm_element(j), g->m, j->nr, g->k, g->a, g->a_row,
                  g->a_col, out);
}

/* Columns n0 .. n0+rows of B as they lie, or copied to `room`. */
static rows_of_b rows_from(const few_job *f, int64_t n0, int64_t rows, float *room) {
    const gemm_job *j = &f->gemm;
    const lm_gemm *g = j->g;
    const void *at = lm_array_from(g->b, n0 * g->b_col).at;
    if (j->words == 1) return (rows_of_b){at, g->b_col / j->steps};
    int64_t row = lm_gemm_copied_row(f->elements * j->words);
    j->compute->kernels->wide_from_bf16(rows, g->k, at, g->b_col, room, row);
    return (rows_of_b){room, row};
}

static void few_task(void *argument, int64_t task, int worker) {
    const few_job *f = argument;
    const gemm_job *j = &f->gemm;
    const lm_gemm *g = j->g;
    gemm_scratch *scratch = lm_gemm_scratch_of(j, worker);
    float *ct = scratch->a, *room = scratch->a + COLUMNS * j->nr;
    int64_t n0 = task * f->columns, rows = lm_min(g->n - n0, f->columns);
    lm_gemm_block block = {.m1 = g->m, .n0 = n0, .n1 = n0 + rows, .room = scratch->room};
    block.c = g->finish_only ? scratch->c : g->c + n0;
    block.c_row = g->finish_only ? rows : g->c_row;
    if (!j->packed[worker]) pack_rows(j, scratch->b);
    j->packed[worker] = 1;
    multiply(f, n0, rows, rows_from(f, n0, rows, room), scratch->b, ct);
    transpose(rows, g->m, ct, j->nr, block.c, block.c_row);
    if (g->finish) g->finish(g->argument, &block);
}

/* Whether rows of B' can be read as they lie, or widened row by row. Those that share a set of the
 * first cache are better packed. */
static bool has_rows(const gemm_job *j) {
    const lm_gemm *g = j->g;
    int64_t bytes = g->b_col * (int64_t)lm_array_element_bytes(g->b.type);
    if (g->b_row != 1 || g->b_col < g->k) return false;
    if (j->words == 2) return g->b.type == LM_BF16;
    if (j->steps == 2 && (g->b.type != LM_BF16 || !lm_bf16_is_pairs(g->b.at, g->b_col, g->k)))
        return false;
    return !lm_gemm_same_set(bytes);
}

static bool suits(const few_job *f) {
    const gemm_job *j = &f->gemm;
    const lm_gemm *g = j->g;
    int64_t words = f->elements * j->words;
    return g->m <= j->nr && g->n >= 4 * g->m && g->k > 0 && words * j->nr <= ROOM_B &&
           lm_gemm_copied_row(words) * WIDE_COLUMNS <= ROOM_A - COLUMNS * j->nr &&
           j->part == g->k && !g->upper && has_rows(j) &&
           lm_pool_threads(j->compute->pool) <= LM_GEMM_OWN_WORKERS;
}

bool lm_gemm_few_rows(const gemm_job *job) {
    int64_t packed[LM_GEMM_OWN_WORKERS] = {0};
    few_job f = {.gemm = *job};
    gemm_job *j = &f.gemm;
    const lm_gemm *g = j->g;
    f.elements = lm_gemm_cut_k(j);
    if (!suits(&f)) return false;
    j->packed = packed;
    f.pass = lm_max(lm_compute_blocks(j->compute).k / j->words, 1);
    int64_t least = j->workers > 1 ? 2 * lm_gemm_least_tasks(j) : 1;
    int64_t each = lm_round_up(lm_divide_up(g->n, least), j->mr);
    f.columns = lm_min(each, (j->words == 2 ? WIDE_COLUMNS : COLUMNS) / j->mr * j->mr);
    int64_t tasks = lm_divide_up(g->n, f.columns);
    if (j->workers == lm_pool_threads(j->compute->pool))
        lm_pool_run_named(j->compute->pool, tasks, few_task, &f, "gemm.c:multiply");
    else
        for (int64_t i = 0; i < tasks; i++) few_task(&f, i, 0);
    return true;
}
