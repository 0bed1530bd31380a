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

/* ---- leaving ----------------------------------------------------------------------------------*/

/* Begins to send block i of another rank's slice, of all trees of this one. */
static void send(lm_exchange *x, int to, int64_t i) {
    const lm_exchange_peer *p = &x->peers[to];
    const lm_span at = p->blocks[i].at;
    for (int t = 0; t < x->n_final; t++)
        lm_comm_send(p->leaving[i % LM_EXCHANGE_LEAVING], to, x->final[t].sum + at.first,
                     (size_t)(at.end - at.first) * sizeof(float));
}

/* To one rank, the blocks that are final and have room. */
static void send_to(lm_exchange *x, int to) {
    lm_exchange_peer *p = &x->peers[to];
    for (;; p->done++) {
        const int64_t end = lm_min(p->n_blocks, p->done + LM_EXCHANGE_LEAVING);
        while (p->left < end && p->blocks[p->left].order < x->finished) send(x, to, p->left++);
        lm_comm_batch *first = p->leaving[p->done % LM_EXCHANGE_LEAVING];
        if (p->done == p->left || first == x->awaited || x->leaving_status != LM_OK ||
            !lm_comm_test(first))
            return;
        x->leaving_status = lm_comm_wait(first, &x->leaving_error);
    }
}

/* Each rank begins with the one after it, so that not all send to the same one at once. */
static void send_all(lm_exchange *x) {
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    for (int i = 1; i < ranks; i++) send_to(x, (rank + i) % ranks);
}

/* Until all has left, which is final by now. */
static lm_status finish_sending(lm_exchange *x, lm_error *err) {
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    lm_status status = LM_OK;
    for (int i = 1; i < ranks && status == LM_OK; i++) {
        lm_exchange_peer *p = &x->peers[(rank + i) % ranks];
        while (status == LM_OK && p->done < p->n_blocks) {
            send_all(x);
            status = x->leaving_status;
            if (status != LM_OK) *err = x->leaving_error;
            if (status == LM_OK && p->done < p->left)
                status = lm_exchange_await(x, p->leaving[p->done % LM_EXCHANGE_LEAVING], err);
        }
    }
    return status;
}

/* ---- adding -----------------------------------------------------------------------------------*/

/* What is added to is never one of this rank's own trees, which are on their way to others; two of
 * these are never halves of one, or they would be one. */
void lm_exchange_add(const lm_exchange *x, float *const *others, int64_t at,
                     const lm_lanes_tree *own, int64_t own_at, int64_t n, float *to) {
    struct {
        int64_t first, lanes;
        float *data;
        bool own;
    } stack[LM_LANES_TREES_MOST + 1];
    int top = 0;
    for (int t = 0; t < x->n_trees; t++) {
        const lm_exchange_tree *tree = &x->trees[t];
        const bool is_own = t >= x->own && t < x->own + x->n_final;
        stack[top].first = tree->first;
        stack[top].lanes = tree->lanes;
        stack[top].data = is_own ? own[t - x->own].sum + own_at : others[t] + at;
        stack[top++].own = is_own;
        while (top > 1 && stack[top - 2].lanes == stack[top - 1].lanes &&
               stack[top - 2].first % (2 * stack[top - 2].lanes) == 0) {
            bool left = !stack[top - 2].own;
            LM_ASSERT(left || !stack[top - 1].own);
            float *sum = stack[left ? top - 2 : top - 1].data;
            x->compute->kernels->add_f32(n, stack[left ? top - 1 : top - 2].data, sum);
            top--;
            stack[top - 1].data = sum;
            stack[top - 1].own = false;
            stack[top - 1].lanes *= 2;
        }
    }
    LM_ASSERT(top == 1);
    memcpy(to, stack[0].data, (size_t)n * sizeof *to);
}

typedef struct folding {
    const lm_exchange *x;
    float **trees; /* the block in those of others */
    lm_span at;
    bool late; /* lines in it are late */
} folding;

/* A piece of a block, but for late lines. */
static void fold_task(void *argument, int64_t task, int worker) {
    const folding *f = argument;
    const lm_exchange *x = f->x;
    const int64_t first = f->at.first + task * PIECE, last = lm_min(f->at.end, first + PIECE);
    (void)worker;
    for (int64_t at = first, end = last; at < last; at = end) {
        bool late = false;
        if (f->late) end = lm_min(lm_exchange_late_stretch(x, at, &late), last);
        if (!late)
            lm_exchange_add(x, f->trees, at - f->at.first, x->final, at, end - at, x->sum + at);
    }
}

static void fold(lm_exchange *x, int64_t i, bool within) {
    folding f = {.x = x,
                 .trees = x->slot[i % x->slots].trees,
                 .at = x->blocks[i].at,
                 .late = x->late.count > 0 && x->blocks[i].order == 0};
    lm_pool_run(within ? NULL : x->compute->pool, lm_divide_up(f.at.end - f.at.first, PIECE),
                fold_task, &f);
}

/* Is the block final in this rank, and is known what to leave out of it? */
static bool is_ready(lm_exchange *x, const lm_exchange_block *block) {
    return block->order < x->finished && (block->order > 0 || lm_exchange_late_know(x, false));
}

/* Takes the next block in when it is here, or once it is; false: it is not, or there is none. */
static bool advance(lm_exchange *x, bool wait, bool within) {
    if (x->folded == x->posted || x->status != LM_OK) return false;
    lm_comm_batch *way = x->slot[x->folded % x->slots].way;
    if (!wait && (!lm_comm_test(way) || !is_ready(x, &x->blocks[x->folded]))) return false;
    x->status = lm_comm_wait(way, &x->error);
    if (x->status != LM_OK) return false;
    fold(x, x->folded++, within);
    if (x->posted < x->n_blocks) post(x, x->posted);
    return true;
}

void lm_exchange_progress(lm_exchange *x, bool within) {
    if (!x->compute && x->done == x->n_blocks && x->arrived == x->n_spans) return;
    if (x->compute && !x->adding) {
        x->adding = true; /* which is parallel regions too, between whose tasks this is called */
        while (advance(x, false, within)) continue;
        x->adding = false;
    }
    if (x->compute) send_all(x);
    if (x->done < x->n_blocks) lm_exchange_send_blocks(x);
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
    x->finished = 0;
    x->posted = x->folded = 0;
    for (int r = 0; r < lm_comm_size(x->comm); r++) x->peers[r].left = x->peers[r].done = 0;
    x->status = LM_OK;
    if (x->late.of.columns > 0) lm_exchange_late_begin(x);
    while (x->posted < lm_min(x->slots, x->n_blocks)) post(x, x->posted);
    x->compute = compute;
}

/* So many spans are final, in the order in which they are finished. */
static void finish(lm_exchange *x, int64_t n) {
    for (; x->finished < n; x->finished++) {
        const int64_t span = lm_exchange_finishes(x, x->finished);
        if (x->late.told && x->finished == 0)
            lm_exchange_late_add_others(x);
        else
            lm_lanes_add_span(&x->lanes, x->compute, x->lane, x->spans[span]);
    }
    lm_exchange_progress(x, false);
}

void lm_exchange_sum_late(lm_exchange *x, const int32_t *lines, int64_t n) {
    LM_ASSERT(x->compute && x->late.of.columns > 0);
    lm_exchange_late_tell(x, lines, n);
    finish(x, 1);
}

void lm_exchange_sum_final(lm_exchange *x, int64_t n) {
    const bool late = x->late.of.columns > 0;
    if (!x->compute) return;
    if (late && !x->late.told) lm_exchange_sum_late(x, NULL, 0);
    finish(x, x->n_spans - n + (late && x->late.of.span < n));
}

lm_status lm_exchange_sum_end(lm_exchange *x, lm_exchange_line *line, const void *argument,
                              lm_error *err) {
    if (!x->comm) return LM_OK;
    lm_exchange_sum_final(x, 0);
    x->adding = true;
    lm_exchange_late_know(x, true);
    while (advance(x, true, false)) continue;
    if (x->status == LM_OK) x->status = finish_sending(x, &x->error);
    if (x->status == LM_OK) x->status = lm_exchange_late_sum(x, line, argument, &x->error);
    x->adding = false;
    x->compute = NULL;
    if (x->status != LM_OK) *err = x->error;
    return x->status;
}
