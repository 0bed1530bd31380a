/* Multiply-adds in registers; y += x, and sums, over arrays far larger than any cache. */
#include "bench/peaks.h"

#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/numbers.h"
#include "machine/limits.h"
#include "machine/peak.h"

#define BRIEF_SECONDS 0.02
#define USUAL_SECONDS 0.3

static const struct {
    const char *name;
    bool one, memory, reads;
    lm_precision precision;
} rows[LM_BENCH_PEAK_COUNT] = {
    [LM_BENCH_PEAK_F32] = {"fp32 multiply-add", .precision = LM_FP32},
    [LM_BENCH_PEAK_BF16] = {"bf16 dot product", .precision = LM_BF16},
    [LM_BENCH_PEAK_MEMORY] = {"memory", .memory = true},
    [LM_BENCH_PEAK_READ] = {"memory, reading", .memory = true, .reads = true},
    [LM_BENCH_PEAK_F32_ONE] = {"fp32 multiply-add, one thread", .one = true, .precision = LM_FP32},
    [LM_BENCH_PEAK_BF16_ONE] = {"bf16 dot product, one thread", .one = true, .precision = LM_BF16},
    [LM_BENCH_PEAK_MEMORY_ONE] = {"memory, one thread", .one = true, .memory = true},
};

const char *lm_bench_peak_name(lm_bench_peak peak) {
    return rows[peak].name;
}
bool lm_bench_peak_is_memory(lm_bench_peak peak) {
    return rows[peak].memory;
}
bool lm_bench_peak_is_of_one_thread(lm_bench_peak peak) {
    return rows[peak].one;
}
lm_bench_peak lm_bench_peak_of_precision(lm_precision precision) {
    return precision == LM_BF16 ? LM_BENCH_PEAK_BF16 : LM_BENCH_PEAK_F32;
}

static lm_pool *pool_of(const lm_bench_peaks *p, lm_bench_peak peak) {
    return rows[peak].one ? p->one : p->session->compute.pool;
}

/* ---- memory -----------------------------------------------------------------------------------*/

enum { CHUNK = LM_BENCH_READ_CHUNK, LEAST_PASSES = 3 }; /* a task adds CHUNK floats */

typedef struct sum {
    const lm_kernels *kernels;
    float *x, *y;
} sum;

static void add_task(void *argument, int64_t task, int worker) {
    const sum *s = argument;
    (void)worker;
    s->kernels->add_f32(CHUNK, s->x + task * CHUNK, s->y + task * CHUNK);
}

static void read_task(void *argument, int64_t task, int worker) {
    const sum *s = argument;
    (void)worker;
    s->kernels->stream_f32(CHUNK, s->y + task * CHUNK, 0, NULL);
}

/* Length of each of the two arrays: twice the largest cache, 64 MiB to 512 MiB, and at most an
 * eighth of the memory that is available; a multiple of CHUNK. */
static int64_t array_floats(void) {
    const int64_t mib = (int64_t)1 << 20;
    int64_t cache = (int64_t)sysconf(_SC_LEVEL3_CACHE_SIZE);
    int64_t bytes = lm_min(lm_max(2 * cache, 64 * mib), 512 * mib);
    uint64_t available = lm_limits_memory() / 8;
    if ((uint64_t)bytes > available) bytes = (int64_t)available;
    return bytes / (int64_t)sizeof(float) / CHUNK * CHUNK;
}

/* Samples: seconds per byte that a pass of y += x moves, or one that reads y. Returns how many. */
static int measure_memory(const lm_bench_peaks *p, lm_bench_peak peak, double seconds) {
    lm_pool *pool = pool_of(p, peak);
    lm_pool_task *task = rows[peak].reads ? read_task : add_task;
    double moved = (rows[peak].reads ? 1.0 : 3.0) * sizeof(float);
    lm_arena arena = {0};
    lm_error aside;
    int64_t n = array_floats();
    int count = 0;
    if (n == 0 || lm_arena_init(&arena, 2 * (size_t)n * sizeof(float), "arrays", &aside) != LM_OK)
        return 0;
    sum s = {.kernels = &p->session->kernels, .x = (float *)(void *)arena.base};
    s.y = s.x + n;
    for (int64_t i = 0; i < n; i++) s.x[i] = 0x1p-20f; /* untouched pages may all be one */
    lm_pool_run(pool, n / CHUNK, add_task, &s);
    double end = lm_clock_seconds() + seconds, now;
    do {
        double start = lm_clock_seconds();
        lm_pool_run(pool, n / CHUNK, task, &s);
        now = lm_clock_seconds();
        p->samples[count++] = (now - start) / (moved * (double)n);
    } while ((now < end || count < LEAST_PASSES) && count < LM_BENCH_MOST_SAMPLES &&
             !lm_bench_stopped());
    lm_arena_free(&arena);
    return count;
}

double lm_bench_read_once(const lm_bench_peaks *p, lm_pool *pool, const float *y, int64_t n) {
    sum s = {.kernels = &p->session->kernels, .y = (float *)(uintptr_t)y};
    double start = lm_clock_seconds();
    LM_ASSERT(n > 0 && n % CHUNK == 0);
    lm_pool_run(pool, n / CHUNK, read_task, &s);
    return (double)n * sizeof *y / (lm_clock_seconds() - start);
}

/* ---- arithmetic -------------------------------------------------------------------------------*/

static double flops(const lm_bench_peaks *p, lm_bench_peak peak) {
    lm_compute c = {.kernels = &p->session->kernels, .precision = rows[peak].precision};
    return lm_peak_flops(pool_of(p, peak), lm_compute_peak_loop(&c),
                         fmin(BRIEF_SECONDS, p->seconds));
}

/* Samples: seconds per FLOP. Returns how many. */
static int measure_flops(const lm_bench_peaks *p, lm_bench_peak peak, double seconds) {
    int count = 0;
    double end = lm_clock_seconds() + seconds;
    do {
        p->samples[count++] = 1 / flops(p, peak);
    } while (lm_clock_seconds() < end && count < LM_BENCH_MOST_SAMPLES && !lm_bench_stopped());
    return count;
}

/* ---- both -------------------------------------------------------------------------------------*/

lm_bench_times lm_bench_peak_measure_for(lm_bench_peaks *p, lm_bench_peak peak, double seconds) {
    int count =
        rows[peak].memory ? measure_memory(p, peak, seconds) : measure_flops(p, peak, seconds);
    lm_bench_times times = lm_bench_summarise(p->samples, count);
    if (count > 0) p->best[peak] = fmax(p->best[peak], 1 / times.best);
    return times;
}

double lm_bench_peak_measure(lm_bench_peaks *p, lm_bench_peak peak) {
    lm_bench_times times = lm_bench_peak_measure_for(p, peak, fmin(USUAL_SECONDS, p->seconds));
    return times.count > 0 ? 1 / times.median : 0;
}

double lm_bench_peak_measure_briefly(lm_bench_peaks *p, lm_bench_peak peak) {
    if (rows[peak].memory) return 0;
    double now = flops(p, peak);
    p->best[peak] = fmax(p->best[peak], now);
    return now;
}

double lm_bench_peak_best(lm_bench_peaks *p, lm_bench_peak peak) {
    if (p->best[peak] == 0) lm_bench_peak_measure(p, peak);
    return p->best[peak];
}
