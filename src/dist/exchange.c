#include "dist/exchange.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_MOST = 1 << 18, /* elements of a block: long enough for a network, short for caches */
    BLOCK_LEAST = 1 << 12,
    PIECE = 1 << 14 /* elements of a block that a task adds */
};
#define MEMORY ((int64_t)64 << 20) /* bytes for blocks that arrive, about */

/* ---- creating ---------------------------------------------------------------------------------*/

static int count_trees(int64_t lanes, int ranks, int rank) {
    lm_lanes_tree trees[LM_LANES_TREES_MOST];
    return lm_lanes_trees(lm_lanes_of_rank(lanes, ranks, rank), trees);
}

static int count_others(int64_t lanes, int ranks, int rank) {
    int n = 0;
    for (int r = 0; r < ranks; r++) n += r == rank ? 0 : count_trees(lanes, ranks, r);
    return n;
}

/* The same for all ranks. */
static int64_t choose_block(int64_t lanes, int ranks, int64_t longest) {
    int64_t block = BLOCK_MOST, n = count_others(lanes, ranks, -1);
    while (block > BLOCK_LEAST && 2 * n * block * (int64_t)sizeof(float) > MEMORY) block /= 2;
    return lm_min(block, lm_max(lm_divide_up(longest, 16) * 16, 16));
}

uint64_t lm_exchange_bytes(int64_t lanes, int ranks, int rank, int64_t longest_slice) {
    if (ranks == 1) return 0;
    return 2 * (uint64_t)count_others(lanes, ranks, rank) *
           lm_size_align((size_t)choose_block(lanes, ranks, longest_slice) * sizeof(float));
}

static void list_trees(lm_exchange *x, int64_t lanes, int ranks) {
    for (int r = 0; r < ranks; r++) {
        lm_lanes_tree trees[LM_LANES_TREES_MOST];
        int n = lm_lanes_trees(lm_lanes_of_rank(lanes, ranks, r), trees);
        if (r == lm_comm_rank(x->comm)) x->own = x->n_trees;
        for (int i = 0; i < n; i++)
            x->trees[x->n_trees++] =
                (lm_exchange_tree){.first = trees[i].first, .lanes = trees[i].lanes, .rank = r};
    }
}

lm_status lm_exchange_create(lm_exchange *x, lm_comm *comm, int64_t lanes, const int64_t *bounds,
                             lm_error *err) {
    const int ranks = lm_comm_size(comm), rank = lm_comm_rank(comm);
    const size_t n = (size_t)count_others(lanes, ranks, -1);
    int64_t longest = 0;
    *x = (lm_exchange){.comm = comm};
    if (!comm) return LM_OK;
    x->bounds = calloc((size_t)ranks + 1, sizeof *x->bounds);
    x->bytes = calloc((size_t)ranks + 1, sizeof *x->bytes);
    x->trees = calloc(n, sizeof *x->trees);
    for (int i = 0; i < 2; i++) {
        x->way[i] = lm_comm_batch_create(comm);
        x->blocks[i] = calloc(n, sizeof *x->blocks[i]);
    }
    if (!x->bounds || !x->bytes || !x->trees || !x->way[0] || !x->way[1] || !x->blocks[0] ||
        !x->blocks[1])
        return lm_error_no_memory(err, NULL);
    for (int r = 0; r <= ranks; r++) {
        x->bounds[r] = bounds[r];
        x->bytes[r] = (size_t)bounds[r] * sizeof(float);
        if (r > 0) longest = lm_max(longest, bounds[r] - bounds[r - 1]);
    }
    list_trees(x, lanes, ranks);
    x->block = choose_block(lanes, ranks, longest);
    lm_status status = lm_arena_init(&x->arena, lm_exchange_bytes(lanes, ranks, rank, longest),
                                     "gradients of other ranks", err);
    for (int i = 0; i < 2 && status == LM_OK; i++)
        for (int t = 0; t < x->n_trees; t++)
            if (x->trees[t].rank != rank) x->blocks[i][t] = lm_arena_floats(&x->arena, x->block);
    return status;
}

void lm_exchange_free(lm_exchange *x) {
    for (int i = 0; i < 2; i++) {
        lm_comm_batch_free(x->way[i]);
        free(x->blocks[i]);
    }
    lm_arena_free(&x->arena);
    free(x->trees);
    free(x->bytes);
    free(x->bounds);
    *x = (lm_exchange){0};
}

/* ---- the sum ----------------------------------------------------------------------------------*/

/* Elements of block k of a rank's slice, from *first on. */
static int64_t block_of(const lm_exchange *x, int rank, int64_t k, int64_t *first) {
    *first = x->bounds[rank] + k * x->block;
    return lm_max(lm_min(x->bounds[rank + 1] - *first, x->block), 0);
}

/* Begins to send the k-th block of everybody's slice, and to receive that of this rank's own. */
static void post(lm_exchange *x, const lm_lanes *own, int64_t k) {
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    lm_comm_batch *way = x->way[k % 2];
    int64_t first, n = block_of(x, rank, k, &first);
    for (int t = 0; t < x->n_trees; t++)
        if (x->trees[t].rank != rank)
            lm_comm_receive(way, x->trees[t].rank, x->blocks[k % 2][t], (size_t)n * sizeof(float));
    for (int i = 1; i < ranks; i++) {
        int to = (rank + i) % ranks;
        n = block_of(x, to, k, &first);
        for (int t = 0; t < own->count; t++)
            lm_comm_send(way, to, own->trees[t].sum + first, (size_t)n * sizeof(float));
    }
}

typedef struct folding {
    const lm_exchange *x;
    const lm_compute *compute;
    float **blocks;      /* of the trees of others */
    const lm_lanes *own; /* those of this rank, */
    int64_t first;       /* whose block begins there */
    int64_t length;
    float *sum; /* [length] */
} folding;

/* Adds one piece of all trees. What is added to is never one of this rank's own trees, which are
 * on their way to others; two of these are never halves of one, or they would be one. */
static void fold_task(void *argument, int64_t task, int worker) {
    const folding *f = argument;
    const lm_exchange *x = f->x;
    const int64_t at = task * PIECE, n = lm_min(f->length - at, PIECE);
    struct {
        int64_t first, lanes;
        float *data;
        bool own;
    } stack[LM_LANES_TREES_MOST + 1];
    int top = 0;
    (void)worker;
    for (int t = 0; t < x->n_trees; t++) {
        const lm_exchange_tree *tree = &x->trees[t];
        bool own = t >= x->own && t < x->own + f->own->count;
        float *data = own ? f->own->trees[t - x->own].sum + f->first : f->blocks[t];
        stack[top].first = tree->first;
        stack[top].lanes = tree->lanes;
        stack[top].data = data + at;
        stack[top++].own = own;
        while (top > 1 && stack[top - 2].lanes == stack[top - 1].lanes &&
               stack[top - 2].first % (2 * stack[top - 2].lanes) == 0) {
            bool left = !stack[top - 2].own;
            LM_ASSERT(left || !stack[top - 1].own);
            float *to = stack[left ? top - 2 : top - 1].data;
            f->compute->kernels->add_f32(n, stack[left ? top - 1 : top - 2].data, to);
            top--;
            stack[top - 1].data = to;
            stack[top - 1].own = false;
            stack[top - 1].lanes *= 2;
        }
    }
    LM_ASSERT(top == 1);
    memcpy(f->sum + at, stack[0].data, (size_t)n * sizeof(float));
}

static void fold(lm_exchange *x, const lm_compute *compute, const lm_lanes *own, int64_t k,
                 float *sum) {
    folding f = {.x = x, .compute = compute, .blocks = x->blocks[k % 2], .own = own};
    f.length = block_of(x, lm_comm_rank(x->comm), k, &f.first);
    f.sum = sum + f.first;
    lm_pool_run(compute->pool, lm_divide_up(f.length, PIECE), fold_task, &f);
}

lm_status lm_exchange_reduce(lm_exchange *x, const lm_compute *compute, const lm_lanes *own,
                             float *sum, lm_error *err) {
    int64_t blocks = 0;
    lm_status status = LM_OK;
    if (!x->comm) return LM_OK;
    for (int r = 0; r < lm_comm_size(x->comm); r++)
        blocks = lm_max(blocks, lm_divide_up(x->bounds[r + 1] - x->bounds[r], x->block));
    for (int64_t k = 0; k <= blocks && status == LM_OK; k++) {
        if (k < blocks) post(x, own, k);
        if (k == 0) continue;
        status = lm_comm_wait(x->way[(k - 1) % 2], err);
        if (status == LM_OK) fold(x, compute, own, k - 1, sum);
    }
    return status;
}

lm_status lm_exchange_gather(lm_exchange *x, float *array, lm_error *err) {
    return lm_comm_all(x->comm, array, x->bytes, err);
}

lm_status lm_exchange_collect(lm_exchange *x, float *array, lm_error *err) {
    return lm_comm_collect(x->comm, array, x->bytes, err);
}

/* ---- runs -------------------------------------------------------------------------------------*/

int64_t lm_exchange_runs(const lm_exchange *x, int rank, int64_t grain, int64_t *first) {
    *first = lm_divide_up(x->bounds[rank], grain);
    return lm_divide_up(x->bounds[rank + 1], grain) - *first;
}

/* Where the last run of a rank ends: at its slice's end, or beyond. */
static int64_t end_of_runs(const lm_exchange *x, int rank, int64_t grain) {
    int64_t first, n = lm_exchange_runs(x, rank, grain, &first), end = x->bounds[rank + 1];
    if (n == 0) return end;
    return lm_min((first + n) * grain, x->bounds[lm_comm_size(x->comm)]);
}

lm_status lm_exchange_complete_runs(lm_exchange *x, int64_t grain, float *array, lm_error *err) {
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    if (!x->comm) return LM_OK;
    for (int to = 0; to < ranks; to++) {
        int64_t begin = x->bounds[to + 1], end = end_of_runs(x, to, grain);
        for (int from = to + 1; from < ranks; from++) {
            int64_t a = lm_max(begin, x->bounds[from]), b = lm_min(end, x->bounds[from + 1]);
            if (a >= b) continue;
            size_t size = (size_t)(b - a) * sizeof(float);
            if (rank == from) lm_comm_send(x->way[0], to, array + a, size);
            if (rank == to) lm_comm_receive(x->way[0], from, array + a, size);
        }
    }
    return lm_comm_wait(x->way[0], err);
}
