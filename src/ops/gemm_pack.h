/* The operands of a matrix product as the micro-kernel reads them: in place, copied, or packed into
 * panels. Inside the room; the loops are in gemm.c.
 *
 * k is counted in elements: at fp32 a step, at bf16 a pair of steps. An operand in scratch has four
 * bytes for one, a float or a pair (kernels.h), or where pairs are wide two floats. */
#ifndef LM_OPS_GEMM_PACK_H
#define LM_OPS_GEMM_PACK_H

#include "ops/gemm.h"
#include "ops/pack.h"

enum {
    PAD = 16,       /* words between copied rows of A: one cache line, so that no two share a set */
    FINISH_N = 256, /* columns that are finished at once: C[192,256] is still in cache; double where
                       k is small, so that what finish reads and writes comes in long runs */
    /* What a worker's scratch holds, in words, whatever the blocks: */
    ROOM_A = LM_GEMM_MOST_M * (LM_GEMM_MOST_K + PAD), /* a block of A, copied or packed */
    ROOM_B = LM_GEMM_MOST_K * 1024,                   /* its share of the panels of B */
    ROOM_C = LM_GEMM_MOST_M * 2 * FINISH_N,           /* a block of C that only finish reads */
    LM_GEMM_SMALL_WORK = 1 << 16, /* multiply-adds below which waking the pool does not repay */
    LM_GEMM_OWN_WORKERS = 64,     /* that pack for themselves, at most */
};

typedef struct gemm_scratch {
    float a[ROOM_A], b[ROOM_B], c[ROOM_C];
    float room[LM_GEMM_ROOM]; /* for finish */
} gemm_scratch;
_Static_assert((int)LM_GEMM_FINISH_K <= (int)ROOM_A - 2 * PAD - 16 &&
                   (int)LM_GEMM_FINISH_K <= (int)ROOM_B,
               "a row of A and a column of B have room");

/* Where the micro-kernel reads A. */
typedef enum a_form {
    A_IN_PLACE,
    A_COPIED, /* rows, in scratch, a_row apart */
    A_PACKED, /* panels of mr rows, in scratch */
} a_form;

typedef struct gemm_job {
    const lm_compute *compute;
    const lm_gemm *g;
    int64_t steps;            /* of k per element: 1, or 2 for bf16 */
    int64_t words;            /* of four bytes per element: 1, or 2 where pairs are wide */
    int64_t part, first_part; /* of k, in steps; both k where pairs meet the parts' ends anyway */
    int workers;              /* how many take part, each with panels of B in its scratch */
    int64_t mr, nr;           /* the micro-kernel's register tile */
    a_form a_form;
    int64_t a_row; /* words from one copied row of A to the next */
    bool pack_b;
    int64_t share;   /* panels of B in each worker's scratch */
    int64_t at_b;    /* words from the beginning of everybody's room for panels to the first one */
    int64_t *packed; /* [workers] where each packs for itself: 1 + the last range of columns whose
                        panels its scratch holds; NULL: all pack for all */
    /* this block of B: columns n0 .. n0+n, elements k0 .. k0+k of k */
    int64_t n0, n, k0, k;
    int64_t pass_k;             /* elements of k that a register tile takes at once */
    bool first, last;           /* of the blocks of k */
    bool prefetch_c;            /* prefetch the next tile of C while computing this one */
    int64_t blocks_m, blocks_n; /* how C[:, n0..n0+n] is cut into tasks */
    int64_t unit;               /* of rows: a block of them is so many, but for the last one */
    int64_t pack_panels;        /* that a task of packing takes */
    int64_t pack_parts, pack_k; /* how k is cut into tasks of packing */
} gemm_job;

static inline lm_element lm_gemm_element(const gemm_job *j) {
    if (j->steps == 1) return LM_ELEMENT_FLOAT;
    return j->words == 2 ? LM_ELEMENT_WIDE : LM_ELEMENT_PAIR;
}

/* x + i words */
static inline void *lm_gemm_word(const void *x, int64_t i) {
    return (char *)x + i * (int64_t)sizeof(float);
}

/* Few workers have equal tasks, one or several each. Among many, one is always late: at least two
 * tasks each, so that the others take some of its work. And as many as the pool asks for. */
static inline int64_t lm_gemm_least_tasks(const gemm_job *j) {
    int64_t shares = j->workers > 1 ? lm_pool_shares(j->compute->pool) : 1;
    return lm_max(shares, j->workers < 8 ? j->workers : 2 * j->workers);
}

gemm_scratch *lm_gemm_scratch_of(const gemm_job *j, int worker);

/* Rows so many bytes apart fall into the same set of a 4 KiB way of the first-level cache: they
 * push each other out when a tile reads them side by side. */
bool lm_gemm_same_set(int64_t bytes);

/* gemm_few.c: the whole product, if that is the way for its shape. Of j the parts that are the same
 * in all blocks are set. */
bool lm_gemm_few_rows(const gemm_job *j);

/* Words from one copied row of A to the next. */
int64_t lm_gemm_copied_row(int64_t words);

/* Sets part and first_part; returns the elements along the whole of k. */
int64_t lm_gemm_cut_k(gemm_job *j);

/* Sets a_form and pack_b, once for the whole product. */
void lm_gemm_choose_forms(gemm_job *j);

/* Cuts the packing of this block of B into tasks; returns how many. */
int64_t lm_gemm_cut_packing(gemm_job *j);
void lm_gemm_pack_task(void *job, int64_t task, int worker);

/* Panel p of the packed block of B, [k * words, nr]. */
void *lm_gemm_panel_of_b(const gemm_job *j, int64_t p);

/* Packs panels p0..p1 into this worker's scratch, one after the other; returns the first. */
void *lm_gemm_pack_own(const gemm_job *j, int worker, int64_t p0, int64_t p1);

/* Word (i,k) of a block of A at a[i*next + k*col] where row i begins a register tile; the tile's
 * further rows are `row` apart. */
typedef struct rows_of_a {
    const void *a;
    int64_t next, row, col;
} rows_of_a;
/* Rows m0 .. m0+m of A over this block of k, in this worker's scratch unless they stay in place;
 * ready: there they are from the call before. */
rows_of_a lm_gemm_prepare_a(const gemm_job *j, int worker, int64_t m0, int64_t m, bool ready);

#endif
