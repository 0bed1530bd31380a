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

/* y += x */
static void add(const lm_lanes *l, const lm_compute *compute, const float *x, float *y) {
    job j = {.kernels = compute->kernels, .x = x, .y = y, .length = l->length};
    lm_pool_run(compute->pool, lm_divide_up(l->length, CHUNK), add_task, &j);
}

void lm_lanes_begin(lm_lanes *l, float **buffers, int64_t length) {
    *l = (lm_lanes){.buffers = buffers, .length = length};
}

float *lm_lanes_buffer(const lm_lanes *l) {
    return l->buffers[l->count];
}

/* Are the last two trees the halves of one? */
static bool are_halves(const lm_lanes *l) {
    if (l->count < 2) return false;
    const lm_lanes_tree *left = &l->trees[l->count - 2], *right = left + 1;
    return left->lanes == right->lanes && left->first % (2 * left->lanes) == 0;
}

void lm_lanes_add(lm_lanes *l, const lm_compute *compute, int64_t lane) {
    LM_ASSERT(l->count <= 2 * LM_LANES_LOG_MOST);
    l->trees[l->count] = (lm_lanes_tree){.first = lane, .lanes = 1, .sum = lm_lanes_buffer(l)};
    l->count++;
    for (; are_halves(l); l->count--) {
        lm_lanes_tree *left = &l->trees[l->count - 2];
        add(l, compute, l->trees[l->count - 1].sum, left->sum);
        left->lanes *= 2;
    }
}
