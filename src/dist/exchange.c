#include "dist/exchange.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_MOST = 1 << 18, /* elements of a block: long enough for a network, short for caches */
    BLOCK_LEAST = 1 << 12,
    SLOTS_LEAST = 2
};
#define MEMORY ((int64_t)64 << 20) /* bytes for blocks that arrive, about */

/* ---- creating ---------------------------------------------------------------------------------*/

static int count_others(int64_t lanes, int ranks, int rank) {
    int n = 0;
    for (int r = 0; r < ranks; r++) n += r == rank ? 0 : lm_lanes_subtrees(lanes, ranks, r);
    return n;
}

/* Both are the same for all ranks. */
static int64_t choose_block(int64_t lanes, int ranks, int64_t longest) {
    int64_t block = BLOCK_MOST, n = count_others(lanes, ranks, -1);
    while (block > BLOCK_LEAST && SLOTS_LEAST * n * block * (int64_t)sizeof(float) > MEMORY)
        block /= 2;
    return lm_min(block, lm_max(lm_divide_up(longest, 16) * 16, 16));
}

/* Several blocks are on their way at a time: between two calls of lm_exchange_progress more than
 * one may arrive. */
static int choose_slots(int64_t lanes, int ranks, int64_t block, int64_t longest) {
    int64_t n = MEMORY / (count_others(lanes, ranks, -1) * block * (int64_t)sizeof(float));
    n = lm_min(n, lm_divide_up(longest, block) + 1);
    return (int)lm_max(lm_min(n, LM_EXCHANGE_SLOTS_MOST), SLOTS_LEAST);
}

uint64_t lm_exchange_bytes(int64_t lanes, int ranks, int rank, int64_t longest_slice) {
    if (ranks == 1) return 0;
    int64_t block = choose_block(lanes, ranks, longest_slice);
    return (uint64_t)choose_slots(lanes, ranks, block, longest_slice) *
           (uint64_t)count_others(lanes, ranks, rank) *
           lm_size_align((size_t)block * sizeof(float));
}

static void list_trees(lm_exchange *x, int64_t lanes, int ranks) {
    for (int r = 0; r < ranks; r++) {
        lm_lanes_tree trees[LM_LANES_TREES_MOST];
        int n = lm_lanes_trees(lm_lanes_of_rank(lanes, ranks, r), trees);
        if (r == lm_comm_rank(x->comm)) x->own = x->n_trees;
        if (r == lm_comm_rank(x->comm)) x->n_own = n;
        for (int i = 0; i < n; i++)
            x->trees[x->n_trees++] =
                (lm_exchange_tree){.first = trees[i].first, .lanes = trees[i].lanes, .rank = r};
    }
}

const lm_span *lm_exchange_shares(const lm_exchange *x, int rank) {
    return x->shares + rank * x->n_spans;
}

/* Elements of the longest slice. */
static int64_t longest_slice(const lm_exchange *x) {
    int64_t longest = 0;
    for (int r = 0; r < lm_comm_size(x->comm); r++) {
        const lm_span *share = lm_exchange_shares(x, r);
        int64_t n = 0;
        for (int64_t s = 0; s < x->n_spans; s++) n += share[s].end - share[s].first;
        longest = lm_max(longest, n);
    }
    return longest;
}

int64_t lm_exchange_finishes(const lm_exchange *x, int64_t i) {
    const int64_t late = x->late.of.columns > 0 ? x->late.of.span : -1;
    if (late >= 0 && i == 0) return late;
    const int64_t s = x->n_spans - 1 - (late >= 0 ? i - 1 : i);
    return s > late ? s : s - 1;
}

/* Blocks of a rank's slice in the order of the spans, or in that in which they are finished;
 * returns how many. blocks NULL: only counts. */
static int64_t cut_blocks(const lm_exchange *x, int rank, bool finished,
                          lm_exchange_block *blocks) {
    int64_t n = 0;
    for (int64_t i = 0; i < x->n_spans; i++) {
        const int64_t s = finished ? lm_exchange_finishes(x, i) : i;
        const lm_span share = lm_exchange_shares(x, rank)[s];
        for (int64_t at = share.first; at < share.end; at += x->block, n++)
            if (blocks)
                blocks[n] =
                    (lm_exchange_block){.at = {at, lm_min(at + x->block, share.end)}, .order = i};
    }
    return n;
}

static lm_status create_peer(lm_exchange *x, int rank, lm_error *err) {
    lm_exchange_peer *p = &x->peers[rank];
    p->n_blocks = cut_blocks(x, rank, true, NULL);
    p->blocks = calloc((size_t)p->n_blocks + 1, sizeof *p->blocks);
    if (!p->blocks) return lm_error_no_memory(err, NULL);
    cut_blocks(x, rank, true, p->blocks);
    for (int i = 0; i < LM_EXCHANGE_LEAVING && rank != lm_comm_rank(x->comm); i++) {
        p->leaving[i] = lm_comm_batch_create(x->comm, LM_COMM_GRADIENTS);
        if (!p->leaving[i]) return lm_error_no_memory(err, NULL);
    }
    return LM_OK;
}

/* Backward finishes the last spans first, forward reads the first ones first. */
static lm_status list_blocks(lm_exchange *x, lm_error *err) {
    const int ranks = lm_comm_size(x->comm), rank = lm_comm_rank(x->comm);
    lm_status status = LM_OK;
    x->peers = calloc((size_t)ranks, sizeof *x->peers);
    if (!x->peers) return lm_error_no_memory(err, NULL);
    for (int r = 0; r < ranks && status == LM_OK; r++) status = create_peer(x, r, err);
    if (status != LM_OK) return status;
    x->blocks = x->peers[rank].blocks;
    x->n_blocks = x->peers[rank].n_blocks;
    x->out = calloc((size_t)x->n_blocks + 1, sizeof *x->out);
    if (!x->out) return lm_error_no_memory(err, NULL);
    cut_blocks(x, rank, false, x->out);
    x->left = x->done = x->n_blocks;
    return LM_OK;
}

static lm_status create_slots(lm_exchange *x, lm_error *err) {
    const int rank = lm_comm_rank(x->comm);
    for (int i = 0; i < x->slots; i++) {
        lm_exchange_slot *slot = &x->slot[i];
        slot->way = lm_comm_batch_create(x->comm, LM_COMM_GRADIENTS);
        slot->trees = calloc((size_t)x->n_trees, sizeof *slot->trees);
        if (!slot->way || !slot->trees) return lm_error_no_memory(err, NULL);
        for (int t = 0; t < x->n_trees; t++)
            if (x->trees[t].rank != rank) slot->trees[t] = lm_arena_floats(&x->arena, x->block);
    }
    return LM_OK;
}

static lm_status create_batches(lm_exchange *x, lm_error *err) {
    x->runs = lm_comm_batch_create(x->comm, LM_COMM_MAIN);
    x->arriving = calloc((size_t)x->n_spans, sizeof *x->arriving);
    if (!x->runs || !x->arriving) return lm_error_no_memory(err, NULL);
    for (int i = 0; i < LM_EXCHANGE_LEAVING; i++) {
        x->leaving[i] = lm_comm_batch_create(x->comm, LM_COMM_WEIGHTS);
        if (!x->leaving[i]) return lm_error_no_memory(err, NULL);
    }
    for (int64_t s = 0; s < x->n_spans; s++) {
        x->arriving[s] = lm_comm_batch_create(x->comm, LM_COMM_WEIGHTS);
        if (!x->arriving[s]) return lm_error_no_memory(err, NULL);
    }
    x->arrived = x->n_spans;
    return LM_OK;
}

/* While something else is waited for. */
static void take_turn(void *argument) {
    lm_exchange_progress(argument, false);
}

lm_status lm_exchange_create(lm_exchange *x, lm_comm *comm, int64_t lanes, const lm_span *spans,
                             int64_t n, const lm_span *shares, const lm_exchange_late_of *late,
                             lm_error *err) {
    const int ranks = lm_comm_size(comm), rank = lm_comm_rank(comm);
    *x = (lm_exchange){.comm = comm};
    if (!comm) return LM_OK;
    x->n_spans = n;
    x->offsets = calloc((size_t)ranks + 1, sizeof *x->offsets);
    x->trees = calloc((size_t)count_others(lanes, ranks, -1), sizeof *x->trees);
    x->spans = calloc((size_t)n, sizeof *x->spans);
    x->shares = calloc((size_t)(ranks * n), sizeof *x->shares);
    if (!x->offsets || !x->trees || !x->spans || !x->shares) return lm_error_no_memory(err, NULL);
    memcpy(x->spans, spans, (size_t)n * sizeof *spans);
    memcpy(x->shares, shares, (size_t)(ranks * n) * sizeof *shares);
    const int64_t longest = longest_slice(x);
    list_trees(x, lanes, ranks);
    x->block = choose_block(lanes, ranks, longest);
    x->slots = choose_slots(lanes, ranks, x->block, longest);
    lm_status status = lm_arena_init(&x->arena, lm_exchange_bytes(lanes, ranks, rank, longest),
                                     "gradients of other ranks", err);
    if (status == LM_OK && late) status = lm_exchange_late_create(x, lanes, late, err);
    if (status == LM_OK) status = list_blocks(x, err);
    if (status == LM_OK) status = create_slots(x, err);
    if (status == LM_OK) status = create_batches(x, err);
    if (status == LM_OK) lm_comm_set_turn(comm, take_turn, x);
    return status;
}

void lm_exchange_free(lm_exchange *x) {
    lm_comm_set_turn(x->comm, NULL, NULL);
    for (int r = 0; x->peers && r < lm_comm_size(x->comm); r++) {
        for (int i = 0; i < LM_EXCHANGE_LEAVING; i++) lm_comm_batch_free(x->peers[r].leaving[i]);
        free(x->peers[r].blocks);
    }
    for (int i = 0; i < x->slots; i++) {
        lm_comm_batch_free(x->slot[i].way);
        free(x->slot[i].trees);
    }
    for (int64_t s = 0; x->arriving && s < x->n_spans; s++) lm_comm_batch_free(x->arriving[s]);
    free(x->arriving);
    for (int i = 0; i < LM_EXCHANGE_LEAVING; i++) lm_comm_batch_free(x->leaving[i]);
    lm_comm_batch_free(x->runs);
    lm_exchange_late_free(&x->late);
    lm_arena_free(&x->arena);
    free(x->peers);
    free(x->out);
    free(x->spans);
    free(x->trees);
    free(x->offsets);
    free(x->shares);
    *x = (lm_exchange){0};
}

/* ---- weights ----------------------------------------------------------------------------------*/

/* Weights of a span arrive in the blocks in which they leave. */
static void receive_span(lm_exchange *x, int64_t span, float *array) {
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    for (int i = 1; i < ranks; i++) {
        const int from = (rank + ranks - i) % ranks;
        const lm_span share = lm_exchange_shares(x, from)[span];
        for (int64_t at = share.first; at < share.end; at += x->block)
            lm_comm_receive(x->arriving[span], from, array + at,
                            (size_t)lm_min(share.end - at, x->block) * sizeof(float));
    }
}

/* Begins to send a block to all others. */
static void send_block(lm_exchange *x, int64_t i) {
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    const lm_span at = x->out[i].at;
    for (int k = 1; k < ranks; k++)
        lm_comm_send(x->leaving[i % LM_EXCHANGE_LEAVING], (rank + k) % ranks, x->array + at.first,
                     (size_t)(at.end - at.first) * sizeof(float));
}

void lm_exchange_send_blocks(lm_exchange *x) {
    for (;; x->done++) {
        for (; x->left < x->n_blocks && x->left < x->done + LM_EXCHANGE_LEAVING; x->left++)
            send_block(x, x->left);
        lm_comm_batch *first = x->leaving[x->done % LM_EXCHANGE_LEAVING];
        if (x->done == x->left || first == x->awaited || x->leaving_status != LM_OK ||
            !lm_comm_test(first))
            return;
        x->leaving_status = lm_comm_wait(first, &x->leaving_error);
    }
}

void lm_exchange_spread_begin(lm_exchange *x, float *array) {
    if (!x->comm) return;
    LM_ASSERT(x->arrived == x->n_spans && x->done == x->n_blocks);
    x->arrived = 0;
    x->array = array;
    x->left = x->done = 0;
    x->leaving_status = LM_OK;
    for (int64_t s = 0; s < x->n_spans; s++) receive_span(x, s, array);
    lm_exchange_send_blocks(x);
}

lm_status lm_exchange_spread_need(lm_exchange *x, int64_t n, lm_error *err) {
    lm_status status = LM_OK;
    for (; x->arrived < n && status == LM_OK; x->arrived++)
        status = lm_comm_wait(x->arriving[x->arrived], err);
    return status;
}

/* Others of what leaves go on meanwhile. */
lm_status lm_exchange_await(lm_exchange *x, lm_comm_batch *leaving, lm_error *err) {
    x->awaited = leaving;
    lm_status status = lm_comm_wait(leaving, err);
    x->awaited = NULL;
    return status;
}

lm_status lm_exchange_spread_end(lm_exchange *x, lm_error *err) {
    lm_status status = lm_exchange_spread_need(x, x->n_spans, err);
    while (x->comm && status == LM_OK && x->done < x->n_blocks) {
        lm_exchange_send_blocks(x);
        status = x->leaving_status;
        if (status != LM_OK) *err = x->leaving_error;
        if (status != LM_OK || x->done == x->left) continue;
        status = lm_exchange_await(x, x->leaving[x->done % LM_EXCHANGE_LEAVING], err);
    }
    return status;
}

lm_status lm_exchange_collect(lm_exchange *x, float *array, lm_error *err) {
    const int ranks = lm_comm_size(x->comm);
    lm_status status = LM_OK;
    for (int64_t s = 0; s < x->n_spans && status == LM_OK; s++) {
        const lm_span span = x->spans[s];
        for (int r = 0; r < ranks; r++)
            x->offsets[r + 1] =
                (size_t)(lm_exchange_shares(x, r)[s].end - span.first) * sizeof *array;
        status = lm_comm_collect(x->comm, array + span.first, x->offsets, err);
    }
    return status;
}

/* ---- runs -------------------------------------------------------------------------------------*/

int64_t lm_exchange_runs(const lm_exchange *x, int rank, int64_t span, int64_t grain,
                         int64_t *first) {
    const lm_span share = lm_exchange_shares(x, rank)[span];
    *first = lm_divide_up(share.first, grain);
    return lm_divide_up(share.end, grain) - *first;
}

/* Whose share the element is in: of those that begin at it or before it, the last one, since empty
 * shares begin where the next one does. */
static int owner_of(const lm_exchange *x, int64_t element) {
    int64_t s = 0;
    while (element < x->spans[s].first || element >= x->spans[s].end) s++;
    int low = 0, high = lm_comm_size(x->comm);
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (lm_exchange_shares(x, middle)[s].first <= element)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* What the rank has of a run that begins in another's share goes there. */
static void complete_run(lm_exchange *x, int from, lm_span share, int64_t grain, float *array) {
    const int rank = lm_comm_rank(x->comm);
    const int64_t begin = share.first / grain * grain;
    if (share.first == share.end || begin == share.first) return;
    const int to = owner_of(x, begin);
    const int64_t end = lm_min(share.end, begin + grain);
    const size_t size = (size_t)(end - share.first) * sizeof *array;
    if (to == from) return;
    if (rank == from) lm_comm_send(x->runs, to, array + share.first, size);
    if (rank == to) lm_comm_receive(x->runs, from, array + share.first, size);
}

lm_status lm_exchange_complete_runs(lm_exchange *x, int64_t grain, float *array, lm_error *err) {
    if (!x->comm) return LM_OK;
    for (int r = 0; r < lm_comm_size(x->comm); r++)
        for (int64_t s = 0; s < x->n_spans; s++)
            complete_run(x, r, lm_exchange_shares(x, r)[s], grain, array);
    return lm_comm_wait(x->runs, err);
}
