#include "ops/gemm.h"

#include <stdbool.h>

#include "base/error.h"
#include "ops/gemm_pack.h"

/* The loops around the micro-kernel (Goto & van de Geijn 2008).
 *
 *     for a block of columns (n0, what the shared panels hold)
 *       for a block of k (k0, BLOCK_K)
 *         all workers pack B[k0.., n0..] into panels of nr columns, kept in everybody's scratch
 *         for each task, a block of rows by a range of those panels, shared out among the workers:
 *           pack A[m0.., k0..] into panels of mr rows in this worker's scratch
 *           for each panel of B, for each panel of A: one register tile
 *
 * A panel of B (BLOCK_K * nr elements: 64 KiB) and the worker's block of A (384 KiB) stay in the
 * second-level cache, the panels of B of all workers in the third; the tile of C is read and
 * written once per BLOCK_K steps. */
enum {
    FAR_C = 1 << 22,      /* elements of C that are more than the caches hold */
    PREFETCH_K = 256,     /* below it, asking for the next tile of C costs more than it brings */
    SMALL_WORK = 1 << 16, /* multiply-adds below which waking the pool costs more than it brings */
};

size_t lm_gemm_scratch_bytes(void) {
    return sizeof(gemm_scratch);
}

/* ---- a task ---------------------------------------------------------------------------------- */
/* Prefetches a tile of C that is computed after the one at hand. */
static void prefetch_tile(const float *c, int64_t c_row, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j += 16) __builtin_prefetch(c + i * c_row + j, 0, 2);
}

/* A panel of C, and what its sums begin with. */
typedef struct panel_of_c {
    int64_t n; /* columns */
    float *c;
    const float *init;
    int64_t c_row, init_row;
} panel_of_c;

static void multiply_tile(const gemm_job *j, int64_t rows, const panel_of_c *c, int64_t i,
                          const rows_of_a *a, const void *b, int64_t b_row) {
    const lm_kernels *kernel = j->compute->kernels;
    const void *a_tile = lm_gemm_word(a->a, i * a->next);
    const float *init = c->init ? c->init + i * c->init_row : NULL;
    float *to = c->c + i * c->c_row;
    int64_t k = j->k * j->words;
    if (j->steps == 2 && j->words == 1)
        kernel->gemm_bf16(rows, c->n, k, a_tile, a->row, a->col, b, b_row, init, c->init_row, to,
                          c->c_row);
    else
        kernel->gemm_f32(rows, c->n, k, a_tile, a->row, a->col, b, b_row, init, c->init_row, to,
                         c->c_row);
}

/* Panel p of B by the block's rows. */
static void multiply_panel(const gemm_job *j, const rows_of_a *a, const lm_gemm_block *block,
                           int64_t p) {
    const lm_gemm *g = j->g;
    int64_t n0 = j->n0 + p * j->nr, m = block->m1 - block->m0;
    const void *b =
        j->pack_b ? lm_gemm_panel_of_b(j, p) : lm_array_from(g->b, j->k0 * g->b_row + n0).at;
    int64_t b_row = j->pack_b ? j->nr : g->b_row;
    panel_of_c c = {
        .n = lm_min(block->n1 - n0, j->nr), .c = block->c + n0 - block->n0, .c_row = block->c_row};
    c.init = j->first ? g->init : c.c;
    c.init_row = j->first ? g->init_row : c.c_row;
    if (j->first && c.init) c.init += block->m0 * c.init_row + n0;
    int64_t step = !j->prefetch_c && a->next == a->row ? m : j->mr;
    for (int64_t i = 0; i < m; i += step) {
        int64_t rows = lm_min(m - i, step), after = lm_min(m - i - rows, step);
        if (j->prefetch_c) prefetch_tile(c.c + (i + rows) * c.c_row, c.c_row, after, c.n);
        multiply_tile(j, rows, &c, i, a, b, b_row);
    }
}

/* C[m0..m1] by panels p0..p1; in this worker's scratch if it is final and only finish reads it. */
static lm_gemm_block block_of(const gemm_job *j, int worker, int64_t m0, int64_t m1, int64_t p0,
                              int64_t p1) {
    const lm_gemm *g = j->g;
    gemm_scratch *scratch = lm_gemm_scratch_of(j, worker);
    lm_gemm_block b = {.m0 = m0,
                       .m1 = m1,
                       .n0 = j->n0 + p0 * j->nr,
                       .n1 = j->n0 + lm_min(p1 * j->nr, j->n),
                       .room = scratch->room};
    bool in_scratch = g->finish_only && j->first && j->last;
    b.c = in_scratch ? scratch->c : g->c + m0 * g->c_row + b.n0;
    b.c_row = in_scratch ? (p1 - p0) * j->nr : g->c_row;
    return b;
}

/* C[m0..m1] by panels p0..p1 over this block of k. */
static void multiply(const gemm_job *j, int worker, int64_t m0, int64_t m1, int64_t p0,
                     int64_t p1) {
    const lm_gemm *g = j->g;
    rows_of_a a = lm_gemm_prepare_a(j, worker, m0, m1 - m0);
    int64_t panels = FINISH_N * (j->k * j->words < PREFETCH_K ? 2 : 1) / j->nr;
    for (int64_t p = p0, next; p < p1; p = next) {
        next = lm_min(p + panels, p1);
        lm_gemm_block block = block_of(j, worker, m0, m1, p, next);
        for (int64_t q = p; q < next; q++) multiply_panel(j, &a, &block, q);
        if (j->last && g->finish) g->finish(g->argument, &block);
    }
}

/* Where part i of `parts` equal parts of total begins. */
static int64_t part(int64_t total, int64_t parts, int64_t i) {
    return total * i / parts;
}

static void multiply_task(void *argument, int64_t index, int worker) {
    const gemm_job *j = argument;
    int64_t bm = index / j->blocks_n, bn = index % j->blocks_n, panels = lm_divide_up(j->n, j->nr);
    int64_t m0 = part(j->g->m, j->blocks_m, bm), m1 = part(j->g->m, j->blocks_m, bm + 1);
    multiply(j, worker, m0, m1, part(panels, j->blocks_n, bn), part(panels, j->blocks_n, bn + 1));
}

/* Cuts rows into blocks no larger than the scratch holds, their number a multiple of the workers if
 * there are rows enough; if those are too few tasks, cuts columns too. */
static void cut_tasks(gemm_job *j) {
    int64_t m = j->g->m, limit = BLOCK_M / j->mr * j->mr, panels = lm_divide_up(j->n, j->nr);
    int64_t least = lm_divide_up(m, limit), wanted = lm_round_up(least, j->workers);
    j->blocks_m = lm_max(lm_min(wanted, lm_divide_up(m, j->mr)), least);
    j->blocks_n = 1;
    if (j->blocks_m < lm_gemm_least_tasks(j))
        j->blocks_n = lm_min(panels, lm_divide_up(2 * j->workers, j->blocks_m));
}

/* ---- the loops ------------------------------------------------------------------------------- */
/* Cuts total into equal blocks, none larger than limit: their size. It is a multiple of `multiple`,
 * as limit is. */
static int64_t even_block(int64_t total, int64_t limit, int64_t multiple) {
    int64_t blocks = lm_max(lm_divide_up(total, limit), 1);
    return lm_max(lm_round_up(lm_divide_up(total, blocks), multiple), multiple);
}

static void run(const gemm_job *j, int64_t tasks, lm_pool_task *task) {
    if (j->workers > 1) {
        lm_pool_run_named(j->compute->pool, tasks, task, (void *)j,
                          task == multiply_task ? "gemm.c:multiply" : "gemm.c:pack");
    } else {
        for (int64_t i = 0; i < tasks; i++) task((void *)j, i, 0);
    }
}

/* Whether a tile of C is out of cache when its turn comes, and prefetching it repays. */
static bool prefetches_c(const gemm_job *j) {
    const lm_gemm *g = j->g;
    bool reads_c = !j->first || (g->init && g->init == g->c);
    return (j->k * j->words >= PREFETCH_K && !g->finish_only) || (reads_c && g->m * g->n >= FAR_C);
}

static int64_t steps_per_element(lm_precision precision) {
    return precision == LM_BF16 ? 2 : 1;
}

bool lm_gemm_uses_c(lm_precision precision, int64_t k) {
    return lm_divide_up(k, steps_per_element(precision)) > BLOCK_K;
}

void lm_gemm_multiply(const lm_compute *compute, const lm_gemm *g) {
    if (g->m <= 0 || g->n <= 0) return;
    const lm_kernels *kernel = compute->kernels;
    bool bf16 = compute->precision == LM_BF16, wide = bf16 && kernel->pairs_are_wide;
    LM_ASSERT(bf16 || (g->a.type == LM_FP32 && g->b.type == LM_FP32));
    LM_ASSERT(!g->finish_only || (g->finish && !g->k_part && (!g->init || g->init != g->c)));
    LM_ASSERT(g->c || (g->finish_only && !lm_gemm_uses_c(compute->precision, g->k)));
    bool small = (double)g->m * (double)g->n * (double)g->k < SMALL_WORK;
    gemm_job j = {.compute = compute,
                  .g = g,
                  .steps = steps_per_element(compute->precision),
                  .words = wide ? 2 : 1,
                  .workers = small ? 1 : lm_pool_threads(compute->pool),
                  .mr = bf16 && !wide ? kernel->gemm_bf16_mr : kernel->gemm_f32_mr,
                  .nr = bf16 && !wide ? kernel->gemm_bf16_nr : kernel->gemm_f32_nr};
    int64_t elements = lm_gemm_cut_k(&j);
    int64_t block_n = even_block(g->n, SHARE_N / j.nr * j.nr * j.workers, j.nr);
    int64_t block_k = even_block(elements, BLOCK_K / j.words, 8);
    lm_gemm_choose_forms(&j);
    for (j.n0 = 0; j.n0 < g->n; j.n0 += block_n) {
        j.n = lm_min(g->n - j.n0, block_n);
        cut_tasks(&j);
        for (j.k0 = 0; j.k0 < elements || j.k0 == 0; j.k0 += block_k) {
            j.k = lm_min(elements - j.k0, block_k);
            j.first = j.k0 == 0;
            j.last = j.k0 + j.k >= elements;
            j.prefetch_c = prefetches_c(&j);
            if (j.pack_b) run(&j, lm_gemm_cut_packing(&j), lm_gemm_pack_task);
            run(&j, j.blocks_m * j.blocks_n, multiply_task);
        }
    }
}
