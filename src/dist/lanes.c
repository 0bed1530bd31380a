#include "dist/lanes.h"

#include <string.h>

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

int64_t lm_lanes_buffers_abreast(int64_t lanes, int64_t n) {
    return lm_lanes_buffers(lanes / n) - 1 + n;
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

/* Elements from `first` on that are added: n of them, or lines of so many columns. */
typedef struct part {
    int64_t first, n, columns;
    lm_lines lines; /* columns > 0: n of them */
} part;

typedef struct job {
    const lm_kernels *kernels;
    const float *x;
    float *y;
    const part *of;
    int64_t chunk; /* elements of a task, or lines */
} job;

static void add_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const part *p = j->of;
    const int64_t begin = task * j->chunk, end = lm_min(begin + j->chunk, p->n);
    (void)worker;
    if (p->columns == 0) j->kernels->add_f32(end - begin, j->x + begin, j->y + begin);
    for (int64_t i = begin; p->columns > 0 && i < end; i++) {
        const int64_t at = lm_lines_at(&p->lines, i) * p->columns;
        j->kernels->add_f32(p->columns, j->x + at, j->y + at);
    }
}

/* y += x, in a part of both */
static void add(const lm_compute *compute, const part *p, const float *x, float *y) {
    const int64_t chunk = p->columns > 0 ? lm_max(CHUNK / p->columns, 1) : CHUNK;
    job j = {compute->kernels, x + p->first, y + p->first, p, chunk};
    lm_pool_run(compute->pool, lm_divide_up(p->n, chunk), add_task, &j);
}

void lm_lanes_begin(lm_lanes *l, float **buffers, int64_t length) {
    *l = (lm_lanes){.buffers = buffers, .length = length};
}

float *lm_lanes_buffer(const lm_lanes *l) {
    return l->buffers[l->count];
}

float *lm_lanes_buffer_of(const lm_lanes *l, int64_t i) {
    return l->buffers[l->count + i];
}

void lm_lanes_bring(lm_lanes *l, const float *gradient) {
    int at = l->count;
    while (l->buffers[at] != gradient) at++;
    float *other = l->buffers[l->count];
    l->buffers[l->count] = l->buffers[at];
    l->buffers[at] = other;
}

/* Takes the lane in, as if all of it had been added, or adds a part of it. */
static void take(lm_lanes *l, const lm_compute *compute, int64_t lane, const part *p) {
    LM_ASSERT(l->count < LM_LANES_TREES_MOST);
    l->trees[l->count] = (lm_lanes_tree){.first = lane, .lanes = 1, .sum = lm_lanes_buffer(l)};
    l->count++;
    for (; are_halves(l->trees, l->count); l->count--) {
        lm_lanes_tree *left = &l->trees[l->count - 2];
        if (p) add(compute, p, l->trees[l->count - 1].sum, left->sum);
        left->lanes *= 2;
    }
}

void lm_lanes_add_span(const lm_lanes *l, const lm_compute *compute, int64_t lane, lm_span span) {
    lm_lanes as_if = *l;
    LM_ASSERT(span.end <= l->length);
    take(&as_if, compute, lane, &(part){.first = span.first, .n = span.end - span.first});
}

void lm_lanes_add_lines(const lm_lanes *l, const lm_compute *compute, int64_t lane, int64_t offset,
                        int64_t columns, lm_lines lines) {
    lm_lanes as_if = *l;
    LM_ASSERT(lines.at);
    take(&as_if, compute, lane, &(part){offset, lines.count, columns, lines});
}

void lm_lanes_take(lm_lanes *l, int64_t lane) {
    take(l, NULL, lane, NULL);
}

/* A sum of two is the same to the bit in either order. */
void lm_lanes_late(const lm_lanes *l, const lm_kernels *kernels, int64_t lane, int64_t offset,
                   int64_t n, const float *more, float *out) {
    lm_lanes as_if = *l;
    memcpy(out, lm_lanes_buffer(l) + offset, (size_t)n * sizeof *out);
    kernels->add_f32(n, more, out);
    as_if.trees[as_if.count++] = (lm_lanes_tree){.first = lane, .lanes = 1};
    for (; are_halves(as_if.trees, as_if.count); as_if.count--) {
        lm_lanes_tree *left = &as_if.trees[as_if.count - 2];
        kernels->add_f32(n, left->sum + offset, out);
        left->lanes *= 2;
    }
}
