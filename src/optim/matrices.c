#include "optim/matrices.h"

#include <stdlib.h>

#include "base/numbers.h"

/* Operations from which on a matrix may be worth all threads: about 10 ms of one. */
#define LARGE 1e9
/* One thread takes it all the same where it is at most this part of a thread's work: at the end
 * others wait for at most so long, which costs less than meeting in each product (768 x 768 on two
 * threads: 8%). */
#define PART 0.125

static bool is_large(const lm_matrix_cost *cost, double all, int threads) {
    return cost->flops >= LARGE && cost->flops > PART * all / threads;
}

static int most_first(const void *a, const void *b) {
    const lm_matrix_job *x = a, *y = b;
    if (x->cost.flops != y->cost.flops) return x->cost.flops > y->cost.flops ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

void lm_matrices_sort(lm_matrix_job *jobs, int64_t n) {
    qsort(jobs, (size_t)n, sizeof *jobs, most_first);
}

void lm_matrices_count(lm_matrices_room *room, const lm_matrix_cost *cost, int64_t n) {
    room->flops += (double)n * cost->flops;
}

void lm_matrices_add(lm_matrices_room *room, const lm_matrix_cost *cost, int threads) {
    uint64_t *most = is_large(cost, room->flops, threads) ? &room->large : &room->small;
    if (cost->bytes > *most) *most = cost->bytes;
}

bool lm_matrices_bytes(const lm_matrices_room *room, int threads, uint64_t *bytes) {
    if (room->small > UINT64_MAX - LM_ALIGNMENT ||
        !lm_u64_mul(lm_size_align(room->small), (uint64_t)threads, bytes))
        return false;
    if (room->large > *bytes) *bytes = room->large;
    return true;
}

typedef struct jobs {
    const lm_compute *compute;
    const lm_matrix_job *jobs;
    lm_matrices_make *make;
    const void *argument;
    unsigned char *room;
    size_t each; /* bytes of room of a thread */
} jobs;

static void update(const jobs *j, const lm_compute *compute, int64_t job, lm_arena room) {
    const lm_optimizer_kind *kind;
    lm_update u = j->make(j->argument, j->jobs[job].unit, compute, &kind);
    kind->matrix(&u, &room);
}

static void small_task(void *argument, int64_t task, int worker) {
    const jobs *j = argument;
    lm_compute alone = lm_compute_alone(j->compute, worker);
    update(j, &alone, task, lm_arena_over(j->room + (size_t)worker * j->each, j->each));
}

void lm_matrices_run(const lm_compute *compute, const lm_matrix_job *list, int64_t n, double flops,
                     lm_matrices_make *make, const void *argument, const lm_arena *room) {
    const size_t threads = (size_t)lm_pool_threads(compute->pool);
    jobs j = {.compute = compute,
              .jobs = list,
              .make = make,
              .argument = argument,
              .room = room->base,
              .each = room->capacity / threads / LM_ALIGNMENT * LM_ALIGNMENT};
    int64_t large = 0;
    for (; large < n && is_large(&list[large].cost, flops, (int)threads); large++)
        update(&j, compute, large, lm_arena_over(room->base, room->capacity));
    j.jobs += large;
    lm_pool_run_in_order(compute->pool, n - large, small_task, &j);
}
