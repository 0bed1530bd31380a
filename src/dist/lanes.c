#include "dist/lanes.h"

#include "base/error.h"

/* Elements per task: 256 kB of each array, as in clearing them. */
enum { CHUNK = 65536 };

bool lm_lanes_valid(int64_t lanes) {
    return lanes >= 1 && lanes <= LM_LANES_MOST && (lanes & (lanes - 1)) == 0;
}

int lm_lanes_buffers(int64_t lanes) {
    int n = 1;
    for (; lanes > 1; lanes /= 2) n++;
    return n;
}

/* ---- runs of lanes ----------------------------------------------------------------------------*/

lm_lanes_run lm_lanes_of_rank(int64_t lanes, int ranks, int rank) {
    int64_t first = lanes * rank / ranks;
    return (lm_lanes_run){first, lanes * (rank + 1) / ranks - first};
}

/* Are the last two trees the halves of one? */
static bool are_halves(const lm_lanes_tree *trees, int count) {
    if (count < 2) return false;
    const lm_lanes_tree *left = &trees[count - 2], *right = left + 1;
    return left->lanes == right->lanes && left->first % (2 * left->lanes) == 0;
}

/* Lane by lane; *most: the most trees that there are at once. */
static int fold_run(lm_lanes_run run, lm_lanes_tree *trees, int *most) {
    int count = 0;
    *most = 0;
    for (int64_t lane = run.first; lane < run.first + run.count; lane++) {
        trees[count++] = (lm_lanes_tree){.first = lane, .lanes = 1};
        *most = count > *most ? count : *most;
        for (; are_halves(trees, count); count--) trees[count - 2].lanes *= 2;
    }
    return count;
}

int lm_lanes_trees(lm_lanes_run run, lm_lanes_tree trees[LM_LANES_TREES_MOST]) {
    int most;
    return fold_run(run, trees, &most);
}

int lm_lanes_subtrees(int64_t lanes, int ranks, int rank) {
    lm_lanes_tree trees[LM_LANES_TREES_MOST];
    return lm_lanes_trees(lm_lanes_of_rank(lanes, ranks, rank), trees);
}

int lm_lanes_run_buffers(lm_lanes_run run) {
    lm_lanes_tree trees[LM_LANES_TREES_MOST];
    int most;
    fold_run(run, trees, &most);
    return most;
}

/* ---- adding -----------------------------------------------------------------------------------*/

typedef struct job {
    const lm_kernels *kernels;
    const float *x;
    float *y;
    int64_t length;
} job;

static void add_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t at = task * CHUNK;
    (void)worker;
    j->kernels->add_f32(lm_min(j->length - at, CHUNK), j->x + at, j->y + at);
}

/* y += x, in a span of both */
static void add(const lm_compute *compute, lm_span s, const float *x, float *y) {
    job j = {
        .kernels = compute->kernels, .x = x + s.first, .y = y + s.first, .length = s.end - s.first};
    lm_pool_run(compute->pool, lm_divide_up(j.length, CHUNK), add_task, &j);
}

void lm_lanes_begin(lm_lanes *l, float **buffers, int64_t length) {
    *l = (lm_lanes){.buffers = buffers, .length = length};
}

float *lm_lanes_buffer(const lm_lanes *l) {
    return l->buffers[l->count];
}

/* Takes the lane in; with a span, adds that as well. */
static void take(lm_lanes *l, const lm_compute *compute, int64_t lane, const lm_span *span) {
    LM_ASSERT(l->count < LM_LANES_TREES_MOST);
    l->trees[l->count] = (lm_lanes_tree){.first = lane, .lanes = 1, .sum = lm_lanes_buffer(l)};
    l->count++;
    for (; are_halves(l->trees, l->count); l->count--) {
        lm_lanes_tree *left = &l->trees[l->count - 2];
        if (span) add(compute, *span, l->trees[l->count - 1].sum, left->sum);
        left->lanes *= 2;
    }
}

void lm_lanes_add(lm_lanes *l, const lm_compute *compute, int64_t lane) {
    take(l, compute, lane, &(lm_span){0, l->length});
}

void lm_lanes_add_span(const lm_lanes *l, const lm_compute *compute, int64_t lane, lm_span span) {
    lm_lanes as_if = *l;
    take(&as_if, compute, lane, &span);
}

void lm_lanes_take(lm_lanes *l, int64_t lane) {
    take(l, NULL, lane, NULL);
}
