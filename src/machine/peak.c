#include "machine/peak.h"

#include "base/clock.h"

typedef struct burst {
    lm_peak_loop *loop;
    int64_t iterations;
    double operations[LM_POOL_MAX_THREADS]; /* a task each */
} burst;

static void run_loop(void *argument, int64_t task, int worker) {
    (void)worker;
    burst *b = argument;
    b->operations[task] = b->loop(b->iterations);
}

/* Seconds of one burst: the loop on every thread at once. */
static double run_burst(lm_pool *pool, burst *b) {
    double start = lm_clock_seconds();
    lm_pool_run(pool, lm_pool_threads(pool), run_loop, b);
    return lm_clock_seconds() - start;
}

double lm_peak_flops(lm_pool *pool, lm_peak_loop *loop, double seconds) {
    enum { BURSTS = 8 };
    burst b = {.loop = loop, .iterations = 1000};
    double took;
    /* Long enough that starting the threads does not count. */
    while ((took = run_burst(pool, &b)) < seconds / (4 * BURSTS)) b.iterations *= 2;
    b.iterations = (int64_t)((double)b.iterations * (seconds / BURSTS) / took) + 1;
    double best = 0;
    for (int i = 0; i < BURSTS; i++) {
        took = run_burst(pool, &b);
        double operations = 0;
        for (int t = 0; t < lm_pool_threads(pool); t++) operations += b.operations[t];
        if (operations / took > best) best = operations / took;
    }
    return best;
}
