#include "ops/gemm.h"

#include <stdbool.h>

#include "base/error.h"
#include "ops/gemm_pack.h"

/* The loops around the micro-kernel (Goto & van de Geijn 2008), with blocks from the sizes of the
 * caches (gemm_blocks.c).
 *
 *     for a block of columns (n0, what the shared panels hold)
 *       for a block of k (k0)
 *         all workers pack B[k0.., n0..] into panels of nr columns, kept in everybody's scratch
 *         for each task, a block of rows by a range of those panels, shared out among the workers:
 *           pack A[m0.., k0..] into panels of mr rows in this worker's scratch
 *           for each panel of B, for each panel of A: one register tile
 *
 * A panel of B and the worker's block of A stay in the second-level cache, the panels of B of all
 * workers in the third; the tile of C is read and written once per block of k.
 *
 * Small products have each worker pack the panels of B that it multiplies: a region less, and no
 * line passes from core to core. Few rows are one block, cut by columns, each task's panels packed
 * just before they are used; of a small B each worker packs all.
 *
 * Few rows by columns of B that lie along k go another way (gemm_few.c).
 *
 * Where only finish reads C, a block of k is all of k: a task's sums wait in its scratch, and its
 * tiles pass over k in several steps. */
enum {
    FAR_C = 1 << 22,  /* elements of C that are more than the caches hold */
    PREFETCH_K = 256, /* below it, asking for the next tile of C costs more than it brings */
    /* Where each worker packs for itself: */
    OWN_PANELS = 1 << 16, /* words of B at a time for few rows: a part of the second cache */
    OWN_B = 1 << 17,      /* words of all of B, for more rows */
    OWN_ROWS = 64,        /* of A for each worker, which repay packing all of B */
    /* A register tile of fewer rows takes as long as one of so many: two units of multiply-adds
     * have eight of them on their way, and a row of a tile is two vectors. */
    LEAST_ROWS = 4,
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

/* `k` words of A and B. */
static void multiply_tile(const gemm_job *j, int64_t k, int64_t rows, const panel_of_c *c,
                          int64_t i, const rows_of_a *a, const void *b, int64_t b_row) {
    const lm_kernels *kernel = j->compute->kernels;
    const void *a_tile = lm_gemm_word(a->a, i * a->next);
    const float *init = c->init ? c->init + i * c->init_row : NULL;
    float *to = c->c + i * c->c_row;
    if (j->steps == 2 && j->words == 1)
        kernel->gemm_bf16(rows, c->n, k, a_tile, a->row, a->col, b, b_row, init, c->init_row, to,
                          c->c_row);
    else
        kernel->gemm_f32(rows, c->n, k, a_tile, a->row, a->col, b, b_row, init, c->init_row, to,
                         c->c_row);
}

/* What a task multiplies: its rows of A, and panels p0 .. p1 of B. */
typedef struct task_operands {
    rows_of_a a;
    void *own; /* panels from p0 on; NULL: they are everybody's, or B stays in place */
    int64_t p0, p1;
} task_operands;

/* Elements k0 .. k0+k of panel p, counted from j->k0. */
static const void *panel_of(const gemm_job *j, const task_operands *t, int64_t p, int64_t k0) {
    const lm_gemm *g = j->g;
    if (!j->pack_b) return lm_array_from(g->b, (j->k0 + k0) * g->b_row + j->n0 + p * j->nr).at;
    const void *panel = t->own ? lm_gemm_word(t->own, (p - t->p0) * j->k * j->words * j->nr)
                               : lm_gemm_panel_of_b(j, p);
    return lm_gemm_word(panel, k0 * j->words * j->nr);
}

/* Rows i0 .. i1 of a block by a panel of B, `k` words of both. `next`: columns of the panel of C
 * after this one. */
static void multiply_rows(const gemm_job *j, int64_t k, int64_t i0, int64_t i1, const rows_of_a *a,
                          const void *b, int64_t b_row, const panel_of_c *c, int64_t next) {
    int64_t step = !j->prefetch_c && a->next == a->row ? i1 - i0 : j->mr;
    for (int64_t i = i0; i < i1; i += step) {
        int64_t of = lm_min(i1 - i, step), after = lm_min(i1 - i - of, step);
        if (j->prefetch_c && after > 0)
            prefetch_tile(c->c + (i + of) * c->c_row, c->c_row, after, c->n);
        else if (j->prefetch_c) /* the next panel's first */
            prefetch_tile(c->c + j->nr, c->c_row, lm_min(i1, step), lm_min(next, j->nr));
        multiply_tile(j, k, of, c, i, a, b, b_row);
    }
}

/* The block's rows that a panel of B at column n0 of C meets: all, or for a triangle those down to
 * the diagonal. Of these, rows from *half on lie below its left half. */
static int64_t rows_above(const gemm_job *j, const lm_gemm_block *block, const rows_of_a *a,
                          int64_t n0, int64_t n, int64_t *half) {
    int64_t m = block->m1 - block->m0, left = j->nr / 2;
    *half = m;
    if (!j->g->upper) return m;
    m = lm_max(lm_min(m, n0 + n - block->m0), 0);
    int64_t from = lm_max(n0 + left - block->m0, 0);
    if (a->next != a->row) from = lm_round_up(from, j->mr); /* whole panels of A */
    *half = n > left && left % 8 == 0 ? lm_min(from, m) : m;
    return m;
}

/* Elements k0 .. k0+k of panel p of B by the block's rows; both count from j->k0. */
static void multiply_panel(const gemm_job *j, int64_t k0, int64_t k, const task_operands *t,
                           const lm_gemm_block *block, int64_t p) {
    const lm_gemm *g = j->g;
    int64_t n0 = j->n0 + p * j->nr, half, left = j->nr / 2;
    int64_t end = j->n0 + lm_min(t->p1 * j->nr, j->n);
    rows_of_a a = t->a;
    a.a = lm_gemm_word(a.a, k0 * j->words * a.col);
    const void *b = panel_of(j, t, p, k0);
    int64_t b_row = j->pack_b ? j->nr : g->b_row;
    panel_of_c c = {
        .n = lm_min(block->n1 - n0, j->nr), .c = block->c + n0 - block->n0, .c_row = block->c_row};
    bool first = j->first && k0 == 0;
    c.init = first ? g->init : c.c;
    c.init_row = first ? g->init_row : c.c_row;
    if (first && c.init) c.init += block->m0 * c.init_row + n0;
    int64_t m = rows_above(j, block, &t->a, n0, lm_min(j->nr, j->n0 + j->n - n0), &half);
    multiply_rows(j, k * j->words, 0, half, &a, b, b_row, &c, end - n0 - j->nr);
    if (half == m) return;
    c.n -= left;
    c.c += left;
    if (c.init) c.init += left;
    multiply_rows(j, k * j->words, half, m, &a, lm_gemm_word(b, left), b_row, &c, 0);
}

/* C[m0..m1] by panels p0..p1; in this worker's scratch if only finish reads it. */
static lm_gemm_block block_of(const gemm_job *j, int worker, int64_t m0, int64_t m1, int64_t p0,
                              int64_t p1) {
    const lm_gemm *g = j->g;
    gemm_scratch *scratch = lm_gemm_scratch_of(j, worker);
    lm_gemm_block b = {.m0 = m0,
                       .m1 = m1,
                       .n0 = j->n0 + p0 * j->nr,
                       .n1 = j->n0 + lm_min(p1 * j->nr, j->n),
                       .room = scratch->room};
    b.c = g->finish_only ? scratch->c : g->c + m0 * g->c_row + b.n0;
    b.c_row = g->finish_only ? (p1 - p0) * j->nr : g->c_row;
    return b;
}

/* C[m0..m1] by the task's panels over this block of k. */
static void multiply(const gemm_job *j, int worker, int64_t m0, int64_t m1,
                     const task_operands *t) {
    const lm_gemm *g = j->g;
    int64_t panels = lm_max(FINISH_N * (j->k * j->words < PREFETCH_K ? 2 : 1) / j->nr, 1);
    for (int64_t p = t->p0, next; p < t->p1; p = next) {
        next = lm_min(p + panels, t->p1);
        lm_gemm_block block = block_of(j, worker, m0, m1, p, next);
        for (int64_t k0 = 0; k0 < j->k || k0 == 0; k0 += j->pass_k)
            for (int64_t q = p; q < next; q++)
                multiply_panel(j, k0, lm_min(j->k - k0, j->pass_k), t, &block, q);
        if (j->last && g->finish) g->finish(g->argument, &block);
    }
}

/* Where part i of `parts` equal parts of total begins. */
static int64_t part(int64_t total, int64_t parts, int64_t i) {
    return total * i / parts;
}

/* Where block i of rows begins, if blocks are so many units. */
static int64_t begin_of_block(const gemm_job *j, int64_t unit, int64_t i) {
    return lm_min(part(lm_divide_up(j->g->m, unit), j->blocks_m, i) * unit, j->g->m);
}

static int64_t block_row(const gemm_job *j, int64_t i) {
    return begin_of_block(j, j->unit, i);
}

static void multiply_task(void *argument, int64_t index, int worker) {
    const gemm_job *j = argument;
    int64_t bm = index / j->blocks_n, bn = index % j->blocks_n, panels = lm_divide_up(j->n, j->nr);
    int64_t m0 = block_row(j, bm), m1 = block_row(j, bm + 1);
    task_operands t = {.p0 = part(panels, j->blocks_n, bn),
                       .p1 = part(panels, j->blocks_n, bn + 1)};
    int64_t *packed = j->packed ? &j->packed[worker] : NULL;
    t.a = lm_gemm_prepare_a(j, worker, m0, m1 - m0, packed && *packed > 0 && j->blocks_m == 1);
    if (packed && *packed == bn + 1)
        t.own = lm_gemm_scratch_of(j, worker)->b;
    else if (packed)
        t.own = lm_gemm_pack_own(j, worker, t.p0, t.p1);
    if (packed) *packed = bn + 1;
    multiply(j, worker, m0, m1, &t);
}

/* Rows of A that a task takes at most: a multiple of mr where that many have room. */
static int64_t most_rows(const gemm_job *j) {
    int64_t most = lm_min(lm_compute_blocks(j->compute).m, ROOM_A / j->a_row);
    return lm_max(most / j->mr * j->mr, j->mr);
}

/* Whether each worker packs for itself what it multiplies; cuts the tasks, if so. */
static bool cut_own_tasks(gemm_job *j) {
    int64_t m = j->g->m, panel = lm_max(j->k * j->words * j->nr, 1);
    int64_t panels = lm_divide_up(j->n, j->nr);
    if (!j->pack_b || j->workers > LM_GEMM_OWN_WORKERS || j->g->k == 0) return false;
    if (m <= most_rows(j) && panels >= 2 * j->workers) {
        int64_t at_once = lm_max(OWN_PANELS / panel, 1);
        int64_t tasks = lm_max(lm_divide_up(panels, at_once), lm_gemm_least_tasks(j));
        if (j->workers > 1) tasks = lm_max(lm_round_up(tasks, j->workers), 2 * j->workers);
        j->blocks_m = 1;
        j->blocks_n = lm_min(tasks, panels);
        return true;
    }
    return j->workers > 1 && j->blocks_n == 1 && panels * panel <= OWN_B &&
           m >= OWN_ROWS * j->workers;
}

/* Rows that all of a run of tasks compute, those of a small tile as LEAST_ROWS. */
static int64_t rows_of_run(const gemm_job *j, int64_t unit, int64_t task, int64_t end) {
    int64_t sum = 0;
    for (; task < end; task++) {
        int64_t block = task / j->blocks_n;
        int64_t rows = begin_of_block(j, unit, block + 1) - begin_of_block(j, unit, block);
        sum += rows % j->mr > 0 ? rows / j->mr * j->mr + lm_max(rows % j->mr, LEAST_ROWS) : rows;
    }
    return sum;
}

/* What the worker with most has to do. */
static int64_t longest_run(const gemm_job *j, int64_t unit) {
    int64_t tasks = j->blocks_m * j->blocks_n, longest = 0;
    for (int64_t w = 0; w < j->workers; w++) {
        int64_t end = part(tasks, j->workers, w + 1);
        longest = lm_max(longest, rows_of_run(j, unit, part(tasks, j->workers, w), end));
    }
    return longest;
}

/* Blocks of rows are whole register tiles, where each worker has several blocks, or where that is
 * less work than blocks of equal length, each of which may end in a small tile. */
static int64_t unit_of_blocks(const gemm_job *j) {
    if (j->blocks_m >= 4 * (int64_t)j->workers) return j->mr;
    return longest_run(j, j->mr) < longest_run(j, 1) ? j->mr : 1;
}

/* Cuts rows into blocks no larger than most_rows, their number a multiple of the workers if
 * there are rows enough; if not, cuts columns too. */
static void cut_tasks(gemm_job *j) {
    int64_t m = j->g->m, limit = most_rows(j), panels = lm_divide_up(j->n, j->nr);
    int64_t least = lm_divide_up(m, limit), wanted = lm_round_up(least, j->workers);
    if (j->workers > 1) wanted = lm_max(wanted, lm_pool_shares(j->compute->pool));
    j->blocks_m = lm_max(lm_min(wanted, lm_divide_up(m, j->mr)), least);
    j->blocks_n = 1;
    if (j->blocks_m < lm_gemm_least_tasks(j))
        j->blocks_n = lm_min(
            panels, lm_divide_up(lm_max(2 * j->workers, lm_gemm_least_tasks(j)), j->blocks_m));
    j->unit = unit_of_blocks(j);
}

/* ---- the loops ------------------------------------------------------------------------------- */
/* Cuts total into equal blocks, none larger than limit: their size. It is a multiple of `multiple`,
 * as limit is. */
static int64_t even_block(int64_t total, int64_t limit, int64_t multiple) {
    int64_t blocks = lm_max(lm_divide_up(total, limit), 1);
    return lm_max(lm_round_up(lm_divide_up(total, blocks), multiple), multiple);
}

/* Small products do not wake the other threads. */
static void run(const gemm_job *j, int64_t tasks, lm_pool_task *task) {
    if (j->workers == lm_pool_threads(j->compute->pool)) {
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

/* What is the same in all blocks of the product. */
static gemm_job begin(const lm_compute *compute, const lm_gemm *g) {
    const lm_kernels *kernel = compute->kernels;
    bool bf16 = compute->precision == LM_BF16, wide = bf16 && kernel->pairs_are_wide;
    bool small = (double)g->m * (double)g->n * (double)g->k < LM_GEMM_SMALL_WORK;
    gemm_job j = {.compute = compute,
                  .g = g,
                  .steps = bf16 ? 2 : 1,
                  .words = wide ? 2 : 1,
                  .workers = small ? 1 : lm_pool_threads(compute->pool),
                  .mr = bf16 && !wide ? kernel->gemm_bf16_mr : kernel->gemm_f32_mr,
                  .nr = bf16 && !wide ? kernel->gemm_bf16_nr : kernel->gemm_f32_nr};
    return j;
}

/* Cuts k and the columns of B: *k and *n are the sizes of blocks. */
static void cut_blocks(gemm_job *j, int64_t elements, int64_t *k, int64_t *n) {
    lm_gemm_blocks most = lm_compute_blocks(j->compute);
    j->pass_k = even_block(elements, lm_max(most.k / j->words, 1), 8);
    *k = j->g->finish_only ? lm_max(elements, 1) : j->pass_k;
    int64_t words = *k * j->words;
    j->nr = lm_max(lm_min(j->nr, ROOM_B / words), 1);
    j->share = ROOM_B / words / j->nr;
    j->a_row = lm_gemm_copied_row(words);
    j->mr = lm_min(j->mr, ROOM_A / j->a_row);
    int64_t panels = lm_min(j->share * j->workers, lm_max(most.n / j->nr, 1));
    *n = even_block(j->g->n, panels * j->nr, j->nr);
}

/* A region that multiplies one block of k and packs the next one, so that a worker that is done
 * with its part of the one goes on with the other. */
typedef struct overlap {
    const gemm_job *now;
    gemm_job next;
    int64_t tasks; /* those that multiply, which come first: they are the long ones */
} overlap;

static void overlap_task(void *argument, int64_t index, int worker) {
    overlap *o = argument;
    if (index < o->tasks)
        multiply_task((void *)(uintptr_t)o->now, index, worker);
    else
        lm_gemm_pack_task(&o->next, index - o->tasks, worker);
}

/* Block `k0` of k. */
static void set_block(gemm_job *j, int64_t k0, int64_t block_k, int64_t elements) {
    j->k0 = k0;
    j->k = lm_min(elements - k0, block_k);
    j->first = k0 == 0;
    j->last = k0 + j->k >= elements;
    j->prefetch_c = prefetches_c(j);
}

/* All blocks of k, in rooms of two halves: one is read while the other one is filled. */
static void run_overlapped(gemm_job *j, int64_t block_k, int64_t elements) {
    j->share /= 2;
    for (int64_t k0 = 0; k0 < elements; k0 += block_k) {
        overlap o = {.now = j, .tasks = j->blocks_m * j->blocks_n};
        set_block(j, k0, block_k, elements);
        j->at_b = k0 / block_k % 2 * (ROOM_B / 2);
        if (j->first) run(j, lm_gemm_cut_packing(j), lm_gemm_pack_task);
        o.next = *j;
        int64_t packing = 0;
        if (!j->last) {
            set_block(&o.next, k0 + block_k, block_k, elements);
            o.next.at_b = ROOM_B / 2 - j->at_b;
            packing = lm_gemm_cut_packing(&o.next);
        }
        lm_pool_run_in_order_named(j->compute->pool, o.tasks + packing, overlap_task, &o,
                                   "gemm.c:multiply");
    }
    j->share *= 2;
    j->at_b = 0;
}

void lm_gemm_multiply(const lm_compute *compute, const lm_gemm *g) {
    if (g->m <= 0 || g->n <= 0) return;
    LM_ASSERT(compute->precision == LM_BF16 || (g->a.type == LM_FP32 && g->b.type == LM_FP32));
    LM_ASSERT(!g->finish_only || (g->finish && !g->k_part && (!g->init || g->init != g->c)));
    LM_ASSERT(g->c || g->finish_only);
    gemm_job j = begin(compute, g);
    if (lm_gemm_few_rows(&j)) return;
    int64_t packed[LM_GEMM_OWN_WORKERS];
    int64_t elements = lm_gemm_cut_k(&j), block_k, block_n;
    LM_ASSERT(!g->finish_only || elements * j.words <= LM_GEMM_FINISH_K);
    cut_blocks(&j, elements, &block_k, &block_n);
    lm_gemm_choose_forms(&j);
    for (j.n0 = 0; j.n0 < g->n; j.n0 += block_n) {
        j.n = lm_min(g->n - j.n0, block_n);
        cut_tasks(&j);
        if (j.pack_b && j.workers > 1 && block_k < elements &&
            lm_divide_up(j.n, j.nr) <= j.share / 2 * j.workers) {
            run_overlapped(&j, block_k, elements);
            continue;
        }
        for (int64_t k0 = 0; k0 < elements || k0 == 0; k0 += block_k) {
            set_block(&j, k0, block_k, elements);
            j.packed = cut_own_tasks(&j) ? packed : NULL;
            for (int i = 0; j.packed && i < j.workers; i++) packed[i] = 0;
            if (j.pack_b && !j.packed) run(&j, lm_gemm_cut_packing(&j), lm_gemm_pack_task);
            run(&j, j.blocks_m * j.blocks_n, multiply_task);
        }
    }
}
