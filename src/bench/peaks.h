/* The machine's peaks, which every other speed is a share of. A peak is the best rate measured so
 * far: it is measured again and again during a run, because whatever else the machine does slows it
 * too. */
#ifndef LM_BENCH_PEAKS_H
#define LM_BENCH_PEAKS_H

#include "bench/times.h"
#include "ops/session.h"

typedef enum lm_bench_peak {
    LM_BENCH_PEAK_F32,    /* FLOP/s of multiply-adds on all threads */
    LM_BENCH_PEAK_BF16,   /* FLOP/s of the instructions that gemm_bf16 is made of */
    LM_BENCH_PEAK_MEMORY, /* bytes/s of y += x in memory: 12 per element */
    LM_BENCH_PEAK_READ,   /* bytes/s of reading from memory */
    LM_BENCH_PEAK_F32_ONE,
    LM_BENCH_PEAK_BF16_ONE,
    LM_BENCH_PEAK_MEMORY_ONE, /* on one thread */
    LM_BENCH_PEAK_COUNT
} lm_bench_peak;

enum { LM_BENCH_READ_CHUNK = 1 << 19 }; /* floats that a task reads */

typedef struct lm_bench_peaks {
    const lm_session *session;
    lm_pool *one;    /* of one thread */
    double seconds;  /* a measurement takes no longer, but for its least repetitions */
    double *samples; /* [LM_BENCH_MOST_SAMPLES], overwritten by each measurement */
    double best[LM_BENCH_PEAK_COUNT]; /* so far; 0: not measured yet */
} lm_bench_peaks;

const char *lm_bench_peak_name(lm_bench_peak peak);
bool lm_bench_peak_is_memory(lm_bench_peak peak);
bool lm_bench_peak_is_of_one_thread(lm_bench_peak peak);
/* The peak of arithmetic at a precision, on all threads. */
lm_bench_peak lm_bench_peak_of_precision(lm_precision precision);

/* Three ways to measure a peak now; each raises the best of the run if it is better.
 * For about `seconds`. Times are seconds per FLOP or byte; count 0: there is too little memory. */
lm_bench_times lm_bench_peak_measure_for(lm_bench_peaks *p, lm_bench_peak peak, double seconds);
/* For 0.3 seconds; the median rate. */
double lm_bench_peak_measure(lm_bench_peaks *p, lm_bench_peak peak);
/* For 0.02 seconds; peaks of memory take longer and are not measured: 0. Leaves samples alone. */
double lm_bench_peak_measure_briefly(lm_bench_peaks *p, lm_bench_peak peak);

/* Bytes a second of reading y [n] once, now. n is a multiple of LM_BENCH_READ_CHUNK. Raises no
 * peak. */
double lm_bench_read_once(const lm_bench_peaks *p, lm_pool *pool, const float *y, int64_t n);

/* The best so far, measured now when there is none. 0 for memory of which there is too little. */
double lm_bench_peak_best(lm_bench_peaks *p, lm_bench_peak peak);

#endif
