/* The sum of gradients: blocks of slices leave and arrive in the order in which backward finishes
 * them, which is the same in all ranks. */
#include <string.h>

#include "dist/exchange.h"

enum { PIECE = 1 << 14 }; /* elements of a block that a task adds */

/* Begins to receive block i of this rank's slice, from all trees of others. */
static void post(lm_exchange *x, int64_t i) {
    const int rank = lm_comm_rank(x->comm);
    const lm_span at = x->blocks[i].at;
    lm_exchange_slot *slot = &x->slot[i % x->slots];
    for (int t = 0; t < x->n_trees; t++)
        if (x->trees[t].rank != rank)
            lm_comm_receive(slot->way, x->trees[t].rank, slot->trees[t],
                            (size_t)(at.end - at.first) * sizeof(float));
    x->posted++;
}

/* Sends all blocks of a span, block by block as their owners receive them. */
static void send_span(lm_exchange *x, int64_t span) {
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    for (int i = 1; i < ranks; i++) {
        const int to = (rank + i) % ranks;
        const lm_span part = lm_exchange_part(x, span, to);
        for (int64_t at = part.first; at < part.end; at += x->block)
            for (int t = 0; t < x->n_final; t++)
                lm_comm_send(x->gradients, to, x->final[t].sum + at,
                             (size_t)lm_min(part.end - at, x->block) * sizeof(float));
    }
}

typedef struct folding {
    const lm_exchange *x;
    float **trees; /* the block in those of others */
    lm_span at;
} folding;

/* Adds one piece of all trees. What is added to is never one of this rank's own trees, which are
 * on their way to others; two of these are never halves of one, or they would be one. */
static void fold_task(void *argument, int64_t task, int worker) {
    const folding *f = argument;
    const lm_exchange *x = f->x;
    const int64_t at = task * PIECE, n = lm_min(f->at.end - f->at.first - at, PIECE);
    struct {
        int64_t first, lanes;
        float *data;
        bool own;
    } stack[LM_LANES_TREES_MOST + 1];
    int top = 0;
    (void)worker;
    for (int t = 0; t < x->n_trees; t++) {
        const lm_exchange_tree *tree = &x->trees[t];
        bool own = t >= x->own && t < x->own + x->n_final;
        float *data = own ? x->final[t - x->own].sum + f->at.first : f->trees[t];
        stack[top].first = tree->first;
        stack[top].lanes = tree->lanes;
        stack[top].data = data + at;
        stack[top++].own = own;
        while (top > 1 && stack[top - 2].lanes == stack[top - 1].lanes &&
               stack[top - 2].first % (2 * stack[top - 2].lanes) == 0) {
            bool left = !stack[top - 2].own;
            LM_ASSERT(left || !stack[top - 1].own);
            float *to = stack[left ? top - 2 : top - 1].data;
            x->compute->kernels->add_f32(n, stack[left ? top - 1 : top - 2].data, to);
            top--;
            stack[top - 1].data = to;
            stack[top - 1].own = false;
            stack[top - 1].lanes *= 2;
        }
    }
    LM_ASSERT(top == 1);
    memcpy(x->sum + f->at.first + at, stack[0].data, (size_t)n * sizeof(float));
}

static void fold(lm_exchange *x, int64_t i, bool within) {
    folding f = {.x = x, .trees = x->slot[i % x->slots].trees, .at = x->blocks[i].at};
    lm_pool_run(within ? NULL : x->compute->pool, lm_divide_up(f.at.end - f.at.first, PIECE),
                fold_task, &f);
}

/* Takes the next block in when it is here, or once it is; false: it is not, or there is none. */
static bool advance(lm_exchange *x, bool wait, bool within) {
    if (x->folded == x->posted || x->status != LM_OK) return false;
    lm_comm_batch *way = x->slot[x->folded % x->slots].way;
    if (!wait && (!lm_comm_test(way) || x->blocks[x->folded].span < x->not_final)) return false;
    x->status = lm_comm_wait(way, &x->error);
    if (x->status != LM_OK) return false;
    fold(x, x->folded++, within);
    if (x->posted < x->n_blocks) post(x, x->posted);
    return true;
}

void lm_exchange_progress(lm_exchange *x, bool within) {
    if (x->busy || (!x->compute && x->done == x->n_blocks && x->arrived == x->n_spans)) return;
    x->busy = true; /* adding is parallel regions too */
    if (x->compute) {
        while (advance(x, false, within)) continue;
        lm_comm_test(x->gradients);
    }
    if (x->done < x->n_blocks) lm_exchange_send_blocks(x);
    x->busy = false;
}

void lm_exchange_sum_begin(lm_exchange *x, const lm_compute *compute, const lm_lanes *l,
                           int64_t lane, float *sum) {
    lm_lanes after = *l;
    if (!x->comm) return;
    LM_ASSERT(!x->compute);
    lm_lanes_take(&after, lane);
    x->n_final = after.count;
    memcpy(x->final, after.trees, sizeof x->final);
    x->lanes = *l;
    x->lane = lane;
    x->sum = sum;
    x->not_final = x->n_spans;
    x->posted = x->folded = 0;
    x->status = LM_OK;
    while (x->posted < lm_min(x->slots, x->n_blocks)) post(x, x->posted);
    x->compute = compute;
}

void lm_exchange_sum_final(lm_exchange *x, int64_t n) {
    if (!x->compute) return;
    while (x->not_final > n) {
        const int64_t span = x->not_final - 1;
        lm_lanes_add_span(&x->lanes, x->compute, x->lane, x->spans[span]);
        send_span(x, span);
        x->not_final--;
    }
    lm_exchange_progress(x, false);
}

lm_status lm_exchange_sum_end(lm_exchange *x, lm_error *err) {
    if (!x->comm) return LM_OK;
    lm_exchange_sum_final(x, 0);
    x->busy = true;
    while (advance(x, true, false)) continue;
    if (x->status == LM_OK) x->status = lm_comm_wait(x->gradients, &x->error);
    x->busy = false;
    x->compute = NULL;
    if (x->status != LM_OK) *err = x->error;
    return x->status;
}
