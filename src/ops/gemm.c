#include "ops/gemm.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

/* The loops around the micro-kernel (Goto & van de Geijn 2008), which take operands in elements of
 * four bytes: one float, or one pair of bf16 (kernels.h), which are two steps of k.
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
    BLOCK_K = 1024,
    PAD = 16, /* elements between copied rows of A: one cache line, so that no two share a set */
    BLOCK_M = 192,    /* rows of A packed at once; a multiple of every mr, or it is rounded down */
    SHARE_N = 1024,   /* columns of B that each worker's scratch holds */
    PACK_PANELS = 4,  /* panels of B that a task packs */
    FAR_C = 1 << 22,  /* elements of C that are more than the caches hold */
    PREFETCH_K = 256, /* below it, asking for the next tile of C costs more than it brings */
    FINISH_N =
        256, /* columns that are finished at once: C[192,256] is in cache yet; double where A is
                       small, so that what finish reads and writes comes in long runs */
    SMALL_WORK = 1 << 16, /* multiply-adds below which waking the pool costs more than it brings */
};

/* A worker's scratch. An element of A and B is a float or a pair of bf16. */
typedef struct worker_scratch {
    float a[BLOCK_M * (BLOCK_K + PAD)]; /* a block of A, copied or packed */
    float b[BLOCK_K * SHARE_N];         /* its share of the panels of B */
    float c[BLOCK_M * 2 * FINISH_N];    /* a block of C that only finish wants */
    float room[LM_GEMM_ROOM];           /* for finish */
} worker_scratch;

size_t lm_gemm_scratch_bytes(void) {
    return sizeof(worker_scratch);
}

/* Where the micro-kernel reads A. */
typedef enum a_form {
    A_IN_PLACE,
    A_COPIED, /* rows, in scratch, BLOCK_K + PAD apart */
    A_PACKED, /* panels of mr rows, in scratch */
} a_form;

typedef struct job {
    const lm_compute *compute;
    const lm_gemm *g;
    int64_t steps; /* of k in an element: 1, or 2 for bf16 */
    int workers;   /* whose scratch holds panels of B */
    int64_t mr, nr;
    int64_t n0, n, k0, k;       /* this block of B; k in elements */
    int64_t blocks_m, blocks_n; /* how C[:, n0..n0+n] is cut into tasks */
    int64_t pack_parts, pack_k; /* how k is cut into tasks of packing */
    a_form a;
    bool pack_b, first, last, prefetch_c;
} job;

/* Size of each of the equal blocks that total is cut into, a multiple of `multiple`, so that none
 * exceeds limit (itself a multiple). */
static int64_t even_block(int64_t total, int64_t limit, int64_t multiple) {
    int64_t blocks = lm_max(lm_divide_up(total, limit), 1);
    return lm_max(lm_divide_up(lm_divide_up(total, blocks), multiple), 1) * multiple;
}

static void *element(const void *x, int64_t i) {
    return (char *)x + i * (int64_t)sizeof(float);
}

static worker_scratch *scratch_of(const job *j, int worker) {
    lm_arena scratch = lm_compute_scratch(j->compute, worker);
    return lm_arena_take(&scratch, sizeof(worker_scratch));
}

/* Panel p of the packed block of B: SHARE_N / nr of them in each worker's scratch. */
static void *panel_of_b(const job *j, int64_t p) {
    int64_t each = SHARE_N / j->nr;
    float *share = scratch_of(j, (int)(p / each))->b;
    return share + p % each * (j->k * j->nr); /* close together: no two in the same sets */
}

/* Steps k0.. of this block, `k` elements of them, of one panel: `count` <= width lines of x. */
static void pack(const job *j, int64_t k0, int64_t k, int64_t count, int64_t width, lm_array x,
                 int64_t x_row, int64_t x_col, void *out) {
    const lm_kernels *kernel = j->compute->kernels;
    int64_t steps = lm_min(k * j->steps, j->g->k - (j->k0 + k0) * j->steps); /* half a pair: last */
    x = lm_array_from(x, k0 * j->steps * x_col);
    out = element(out, k0 * width);
    if (x.type == LM_BF16)
        kernel->pack_bf16_from_bf16(count, width, steps, x.at, x_row, x_col, out);
    else if (j->steps == 2)
        kernel->pack_bf16_from_f32(count, width, steps, x.at, x_row, x_col, out);
    else
        kernel->pack_f32(count, width, steps, x.at, x_row, x_col, out);
}

/* Elements k0..k1 of this block of `count` lines of x as panels of `width`. Where k goes from line to
 * line of memory, all panels take a few lines before going on: a panel alone would use little of each
 * page. */
static void pack_panels(const job *j, int64_t k0, int64_t k1, int64_t count, int64_t width,
                        lm_array x, int64_t x_row, int64_t x_col, void *out) {
    int64_t chunk = x_row == 1 ? LM_PACK_STEPS : k1 - k0;
    for (int64_t next; k0 < k1; k0 = next) {
        next = lm_min(k0 + chunk, k1);
        for (int64_t i = 0; i < count; i += width)
            pack(j, k0, next - k0, lm_min(count - i, width), width, lm_array_from(x, i * x_row),
                 x_row, x_col, element(out, i * j->k));
    }
}

/* Task t packs a part of k of PACK_PANELS panels of B, which may lie in two workers' scratch. */
static void pack_task(void *argument, int64_t t, int worker) {
    (void)worker;
    const job *j = argument;
    const lm_gemm *g = j->g;
    int64_t run = t / j->pack_parts, k0 = t % j->pack_parts * j->pack_k;
    int64_t k1 = lm_min(k0 + j->pack_k, j->k);
    int64_t each = SHARE_N / j->nr;
    int64_t end = lm_min((run + 1) * PACK_PANELS, lm_divide_up(j->n, j->nr));
    for (int64_t p = run * PACK_PANELS, next; p < end; p = next) {
        next = lm_min(end, (p / each + 1) * each); /* of one worker's scratch */
        int64_t n = lm_min(j->n - p * j->nr, (next - p) * j->nr);
        int64_t at = (j->n0 + p * j->nr) * g->b_col + j->k0 * j->steps * g->b_row;
        pack_panels(j, k0, k1, n, j->nr, lm_array_from(g->b, at), g->b_col, g->b_row,
                    panel_of_b(j, p));
    }
}

/* Element (i,k) of the block at a[i*next + k*col] where i begins a tile, its further rows `row`
 * apart. */
typedef struct rows_of_a {
    const void *a;
    int64_t next, row, col;
} rows_of_a;

/* One row of the block, as it lies. */
static void copy_row(const job *j, lm_array x, void *out) {
    int64_t steps = lm_min(j->k * j->steps, j->g->k - j->k0 * j->steps);
    if (x.type == LM_FP32 && j->steps == 2)
        j->compute->kernels->bf16_from_f32(1, steps, x.at, steps, out, steps);
    else
        memcpy(out, x.at, lm_array_element_bytes(x.type) * (size_t)steps);
    if (steps < j->k * j->steps) ((lm_bf16 *)out)[steps] = 0; /* half a pair */
}

static rows_of_a prepare_a(const job *j, int worker, int64_t m0, int64_t m) {
    const lm_gemm *g = j->g;
    lm_array a = lm_array_from(g->a, m0 * g->a_row + j->k0 * j->steps * g->a_col);
    float *scratch = scratch_of(j, worker)->a;
    switch (j->a) {
    case A_COPIED:
        for (int64_t i = 0; i < m; i++)
            copy_row(j, lm_array_from(a, i * g->a_row), element(scratch, i * (BLOCK_K + PAD)));
        return (rows_of_a){scratch, BLOCK_K + PAD, BLOCK_K + PAD, 1};
    case A_PACKED:
        pack_panels(j, 0, j->k, m, j->mr, a, g->a_row, g->a_col, scratch);
        return (rows_of_a){scratch, j->k, 1, j->mr};
    case A_IN_PLACE:
        break;
    }
    int64_t row = g->a_row / j->steps; /* pairs run along k */
    return (rows_of_a){a.at, row, row, g->a_col};
}

/* Ask for the lines of a tile that will be wanted after the one now being computed. */
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

static void multiply_tile(const job *j, int64_t rows, const panel_of_c *c, int64_t i,
                          const rows_of_a *a, const void *b, int64_t b_row) {
    const lm_kernels *kernel = j->compute->kernels;
    const void *a_tile = element(a->a, i * a->next);
    const float *init = c->init ? c->init + i * c->init_row : NULL;
    float *to = c->c + i * c->c_row;
    if (j->steps == 2)
        kernel->gemm_bf16(rows, c->n, j->k, a_tile, a->row, a->col, b, b_row, init, c->init_row, to,
                          c->c_row);
    else
        kernel->gemm_f32(rows, c->n, j->k, a_tile, a->row, a->col, b, b_row, init, c->init_row, to,
                         c->c_row);
}

/* Panel p of B by the block's rows. */
static void multiply_panel(const job *j, const rows_of_a *a, const lm_gemm_block *block,
                           int64_t p) {
    const lm_gemm *g = j->g;
    int64_t n0 = j->n0 + p * j->nr, m = block->m1 - block->m0;
    const void *b = j->pack_b ? panel_of_b(j, p) : lm_array_from(g->b, j->k0 * g->b_row + n0).at;
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

/* C[m0..m1] by panels p0..p1: in this worker's scratch where C passes and has no more to come. */
static lm_gemm_block block_of(const job *j, int worker, int64_t m0, int64_t m1, int64_t p0,
                              int64_t p1) {
    const lm_gemm *g = j->g;
    worker_scratch *scratch = scratch_of(j, worker);
    lm_gemm_block b = {.m0 = m0,
                       .m1 = m1,
                       .n0 = j->n0 + p0 * j->nr,
                       .n1 = j->n0 + lm_min(p1 * j->nr, j->n),
                       .room = scratch->room};
    bool passes = g->passing && j->first && j->last;
    b.c = passes ? scratch->c : g->c + m0 * g->c_row + b.n0;
    b.c_row = passes ? (p1 - p0) * j->nr : g->c_row;
    return b;
}

/* C[m0..m1] by panels p0..p1 over this block of k. */
static void multiply(const job *j, int worker, int64_t m0, int64_t m1, int64_t p0, int64_t p1) {
    const lm_gemm *g = j->g;
    rows_of_a a = prepare_a(j, worker, m0, m1 - m0);
    int64_t panels = FINISH_N * (j->k < PREFETCH_K ? 2 : 1) / j->nr;
    for (int64_t p = p0, next; p < p1; p = next) {
        next = lm_min(p + panels, p1);
        lm_gemm_block block = block_of(j, worker, m0, m1, p, next);
        for (int64_t q = p; q < next; q++) multiply_panel(j, &a, &block, q);
        if (j->last && g->finish) g->finish(g->argument, &block);
    }
}

/* Where equal part i of `parts` begins. */
static int64_t part(int64_t total, int64_t parts, int64_t i) {
    return total * i / parts;
}

static void multiply_task(void *argument, int64_t index, int worker) {
    const job *j = argument;
    int64_t bm = index / j->blocks_n, bn = index % j->blocks_n, panels = lm_divide_up(j->n, j->nr);
    int64_t m0 = part(j->g->m, j->blocks_m, bm), m1 = part(j->g->m, j->blocks_m, bm + 1);
    multiply(j, worker, m0, m1, part(panels, j->blocks_n, bn), part(panels, j->blocks_n, bn + 1));
}

/* Blocks of rows no larger than the scratch holds, a multiple of the workers where there are rows
 * enough; columns are cut too when there are not. */
static void cut_tasks(job *j) {
    int64_t limit = BLOCK_M / j->mr * j->mr, panels = lm_divide_up(j->n, j->nr);
    int64_t blocks = lm_divide_up(j->g->m, limit);
    blocks = lm_divide_up(blocks, j->workers) * j->workers;
    j->blocks_m =
        lm_max(lm_min(blocks, lm_divide_up(j->g->m, j->mr)), lm_divide_up(j->g->m, limit));
    j->blocks_n = 1;
    if (j->blocks_m < j->workers)
        j->blocks_n = lm_min(panels, lm_divide_up(2 * j->workers, j->blocks_m));
}

/* Few panels are cut along k too, so that all workers pack. */
static void cut_packing(job *j) {
    int64_t runs = lm_divide_up(j->n, PACK_PANELS * j->nr);
    int64_t parts = runs < j->workers ? lm_divide_up(2 * j->workers, runs) : 1;
    j->pack_k = lm_max(lm_divide_up(lm_divide_up(j->k, parts), LM_PACK_STEPS), 1) * LM_PACK_STEPS;
    j->pack_parts = lm_max(lm_divide_up(j->k, j->pack_k), 1);
}

static void run(const job *j, int64_t tasks, lm_pool_task *task) {
    if (j->workers > 1) {
        lm_pool_run(j->compute->pool, tasks, task, (void *)j);
    } else {
        for (int64_t i = 0; i < tasks; i++) task((void *)j, i, 0);
    }
}

/* Rows so many bytes apart fall into the same set of a 4 KiB way of the first-level cache, and push
 * each other out when a tile reads them side by side. */
static bool same_set(int64_t bytes) {
    bytes &= 4095;
    return bytes < 64 || bytes > 4096 - 64;
}

static int64_t row_bytes(lm_array x, int64_t row) {
    return row * (int64_t)lm_array_element_bytes(x.type);
}

/* bf16 along k whose every row can be read as pairs. */
static bool has_pairs(const lm_gemm *g) {
    return g->a.type == LM_BF16 && g->a_col == 1 && lm_bf16_is_pairs(g->a.at, g->a_row, g->k);
}

/* In place is best, as a tile's rows of A are short streams; unless they collide in the cache, or use
 * little of each line they touch, and are used often enough to repay moving them. */
static a_form form_of_a(const job *j) {
    const lm_gemm *g = j->g;
    if (j->steps == 2 && g->a_col != 1) return A_PACKED;
    if (j->steps == 2 && !has_pairs(g)) return A_COPIED;
    if (g->n <= 2 * j->nr) return A_IN_PLACE;
    if (g->a_col == 1) return same_set(row_bytes(g->a, g->a_row)) ? A_COPIED : A_IN_PLACE;
    return g->a_row == 1 && j->mr >= 8 ? A_IN_PLACE : A_PACKED;
}

/* Whether a tile of C is far away when its turn comes, and worth the instructions that ask for it. */
static bool prefetches_c(const job *j) {
    const lm_gemm *g = j->g;
    bool reads_c = !j->first || g->init == g->c;
    return (j->k >= PREFETCH_K && !g->passing) || (reads_c && g->m * g->n >= FAR_C);
}

void lm_gemm_multiply(const lm_compute *compute, const lm_gemm *g) {
    if (g->m <= 0 || g->n <= 0) return;
    const lm_kernels *kernel = compute->kernels;
    bool bf16 = compute->precision == LM_BF16;
    LM_ASSERT(bf16 || (g->a.type == LM_FP32 && g->b.type == LM_FP32));
    LM_ASSERT(!g->passing || (g->finish && g->init != g->c));
    bool small = (double)g->m * (double)g->n * (double)g->k < SMALL_WORK;
    job j = {.compute = compute,
             .g = g,
             .steps = bf16 ? 2 : 1,
             .workers = small ? 1 : lm_pool_threads(compute->pool),
             .mr = bf16 ? kernel->gemm_bf16_mr : kernel->gemm_f32_mr,
             .nr = bf16 ? kernel->gemm_bf16_nr : kernel->gemm_f32_nr};
    int64_t elements = lm_divide_up(g->k, j.steps);
    int64_t block_n = even_block(g->n, SHARE_N / j.nr * j.nr * j.workers, j.nr);
    int64_t block_k = even_block(elements, BLOCK_K, 8);
    j.a = form_of_a(&j);
    j.pack_b = bf16 || g->b_col != 1 ||
               (g->m > 4 * j.mr && (same_set(row_bytes(g->b, g->b_row)) || g->m >= 256));
    for (j.n0 = 0; j.n0 < g->n; j.n0 += block_n) {
        j.n = lm_min(g->n - j.n0, block_n);
        cut_tasks(&j);
        for (j.k0 = 0; j.k0 < elements || j.k0 == 0; j.k0 += block_k) {
            j.k = lm_min(elements - j.k0, block_k);
            j.first = j.k0 == 0;
            j.last = j.k0 + j.k >= elements;
            j.prefetch_c = prefetches_c(&j);
            cut_packing(&j);
            if (j.pack_b) run(&j, lm_divide_up(j.n, PACK_PANELS * j.nr) * j.pack_parts, pack_task);
            run(&j, j.blocks_m * j.blocks_n, multiply_task);
        }
    }
}
