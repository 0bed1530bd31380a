#include "machine/word.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "machine/cpu.h"

enum { ROUNDS = 200, MEASUREMENTS = 8, LOOKS = 4096 };
/* A word that has not come by then waits for a thread that does not run. */
#define PATIENCE_SECONDS 5e-3

typedef struct ring {
    _Alignas(64) _Atomic uint32_t word; /* task i waits for a word that is i modulo the threads */
    _Alignas(64) atomic_bool given_up;
    int threads;
} ring;

/* Spins until the word has come; false: given up. */
static bool await(ring *r, uint32_t word) {
    double end = 0;
    for (;;) {
        for (int i = 0; i < LOOKS; i++)
            if (atomic_load_explicit(&r->word, memory_order_acquire) == word) return true;
        if (atomic_load_explicit(&r->given_up, memory_order_relaxed)) return false;
        double now = lm_clock_seconds();
        if (end == 0) end = now + PATIENCE_SECONDS;
        if (now < end) continue;
        atomic_store(&r->given_up, true);
        return false;
    }
}

/* As many tasks as threads, none of which ends before all have begun: each thread has one. */
static void pass_on(void *argument, int64_t task, int worker) {
    ring *r = argument;
    (void)worker;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t word = round * (uint32_t)r->threads + (uint32_t)task;
        if (!await(r, word)) return;
        atomic_store_explicit(&r->word, word + 1, memory_order_release);
    }
}

double lm_word_seconds(lm_pool *pool) {
    int threads = lm_pool_threads(pool);
    double best = 0;
    if (threads == 1 || threads > lm_cpu_usable()) return 0;
    for (int i = 0; i < MEASUREMENTS; i++) {
        ring r = {.threads = threads};
        double start = lm_clock_seconds();
        lm_pool_run(pool, threads, pass_on, &r);
        double took = (lm_clock_seconds() - start) * 2 / ROUNDS / threads;
        if (r.given_up) return 0;
        if (best == 0 || took < best) best = took;
    }
    return best;
}
