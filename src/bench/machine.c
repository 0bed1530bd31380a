/* The peaks: multiply-adds in registers, and y += x over arrays far larger than any cache. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/harness.h"
#include "machine/limits.h"
#include "machine/peak.h"

#define LOOK_SECONDS  0.02 /* of multiply-adds */
#define FIRST_SECONDS 0.3  /* when nothing is known yet */

static const struct {
    const char *name;
    bool one, moves;
    lm_precision precision;
} peaks[LM_BENCH_PEAKS] = {
    [LM_BENCH_PEAK_F32] = {"fp32 multiply-add", false, false, LM_FP32},
    [LM_BENCH_PEAK_BF16] = {"bf16 dot product", false, false, LM_BF16},
    [LM_BENCH_PEAK_MEMORY] = {"memory", false, true, LM_FP32},
    [LM_BENCH_PEAK_F32_ONE] = {"fp32 multiply-add, one thread", true, false, LM_FP32},
    [LM_BENCH_PEAK_BF16_ONE] = {"bf16 dot product, one thread", true, false, LM_BF16},
    [LM_BENCH_PEAK_MEMORY_ONE] = {"memory, one thread", true, true, LM_FP32},
};

lm_bench_peak lm_bench_peak_at(lm_precision precision) {
    return precision == LM_BF16 ? LM_BENCH_PEAK_BF16 : LM_BENCH_PEAK_F32;
}

/* ---- memory -----------------------------------------------------------------------------------*/

enum { CHUNK = 1 << 18, LEAST_PASSES = 3 }; /* a task adds CHUNK floats */

typedef struct sum {
    const lm_kernels *kernels;
    float *x, *y;
} sum;

static void add_task(void *argument, int64_t task, int worker) {
    const sum *s = argument;
    (void)worker;
    s->kernels->add_f32(CHUNK, s->x + task * CHUNK, s->y + task * CHUNK);
}

/* Of each of the two arrays: twice the largest cache, 64 MiB to 512 MiB, and at most an eighth of
 * what memory there is; a multiple of CHUNK. */
static int64_t array_floats(void) {
    int64_t cache = (int64_t)sysconf(_SC_LEVEL3_CACHE_SIZE), least = (int64_t)64 << 20;
    int64_t bytes = cache > 0 && 2 * cache > least ? 2 * cache : least;
    if (bytes > (int64_t)512 << 20) bytes = (int64_t)512 << 20;
    uint64_t available = lm_limits_memory() / 8;
    if ((uint64_t)bytes > available) bytes = (int64_t)available;
    return bytes / (int64_t)sizeof(float) / CHUNK * CHUNK;
}

/* Seconds for each byte that a pass of y += x moves, in b->samples, for about `seconds`; returns how
 * many samples. */
static int measure_memory(const lm_bench *b, lm_pool *pool, double seconds) {
    lm_arena arena = {0};
    lm_error aside;
    int64_t n = array_floats();
    int count = 0;
    if (n == 0 || lm_arena_init(&arena, 2 * (size_t)n * sizeof(float), "arrays", &aside) != LM_OK)
        return 0;
    sum s = {.kernels = &b->session.kernels, .x = (float *)(void *)arena.base};
    s.y = s.x + n;
    for (int64_t i = 0; i < n; i++) s.x[i] = 0x1p-20f; /* untouched pages may all be one */
    lm_pool_run(pool, n / CHUNK, add_task, &s);
    double end = lm_clock_seconds() + seconds, now;
    do {
        double start = lm_clock_seconds();
        lm_pool_run(pool, n / CHUNK, add_task, &s);
        now = lm_clock_seconds();
        b->samples[count++] = (now - start) / (3.0 * sizeof(float) * (double)n);
    } while ((now < end || count < LEAST_PASSES) && count < LM_BENCH_SAMPLES &&
             !lm_bench_stopped());
    lm_arena_free(&arena);
    return count;
}

/* ---- arithmetic -------------------------------------------------------------------------------*/

static double look(const lm_bench *b, lm_bench_peak peak, double seconds) {
    lm_compute c = {.kernels = &b->session.kernels, .precision = peaks[peak].precision};
    return lm_peak_flops(peaks[peak].one ? b->one : b->session.compute.pool,
                         lm_compute_peak_loop(&c), seconds);
}

/* Seconds an operation, likewise. */
static int measure_flops(const lm_bench *b, lm_bench_peak peak, double seconds) {
    int count = 0;
    double end = lm_clock_seconds() + seconds;
    do {
        b->samples[count++] = 1 / look(b, peak, fmin(LOOK_SECONDS, seconds));
    } while (lm_clock_seconds() < end && count < LM_BENCH_SAMPLES && !lm_bench_stopped());
    return count;
}

/* ---- both -------------------------------------------------------------------------------------*/

static lm_bench_times measure(lm_bench *b, lm_bench_peak peak, double seconds) {
    lm_pool *pool = peaks[peak].one ? b->one : b->session.compute.pool;
    int count =
        peaks[peak].moves ? measure_memory(b, pool, seconds) : measure_flops(b, peak, seconds);
    lm_bench_times times = lm_bench_summarise(b->samples, count);
    if (count > 0) b->peaks[peak] = fmax(b->peaks[peak], 1 / times.best);
    return times;
}

double lm_bench_peak_now(lm_bench *b, lm_bench_peak peak) {
    lm_bench_times times = measure(b, peak, fmin(FIRST_SECONDS, b->o->seconds));
    return times.count > 0 ? 1 / times.median : 0;
}

double lm_bench_peak_of(lm_bench *b, lm_bench_peak peak) {
    if (b->peaks[peak] == 0) lm_bench_peak_now(b, peak);
    return b->peaks[peak];
}

double lm_bench_look(lm_bench *b, lm_bench_peak peak) {
    if (peaks[peak].moves) return 0;
    double now = look(b, peak, fmin(LOOK_SECONDS, b->o->seconds));
    b->peaks[peak] = fmax(b->peaks[peak], now);
    return now;
}

lm_status lm_bench_machine(lm_bench *b, lm_error *err) {
    lm_status status = lm_bench_begin(b, LM_BENCH_MACHINE, "what all else is a share of", err);
    for (int peak = 0; peak < LM_BENCH_PEAKS && status == LM_OK && !lm_bench_stopped(); peak++) {
        if (peaks[peak].one && b->threads == 1) continue;
        lm_bench_row row = {.section = LM_BENCH_MACHINE, .work = 1, .moves = peaks[peak].moves};
        snprintf(row.name, sizeof row.name, "%s", peaks[peak].name);
        row.times = measure(b, (lm_bench_peak)peak, b->o->seconds);
        status = lm_bench_report(b, &row, err);
    }
    lm_bench_end(b);
    return status;
}
