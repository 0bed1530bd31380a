/* lm_gemm_multiply beside the sgemm of a BLAS, fp32, shape by shape, in turns within one process:
 *
 *     gemm LIBRARY [THREADS [CPU [MATCH [SECONDS [CACHES]]]]]
 *
 * LIBRARY: a shared library with cblas_sgemm, or "none"; CPU: as of --cpu; CACHES: as of `lmtrain
 * bench --caches`. gemm.sh builds and runs it.
 * A row: FLOP, our share of the peak and the library's (best of run), the ratio of the two bests,
 * and the median of the ratios of pairs. On one thread times are CPU time, which other work on the
 * machine disturbs least; on more, the clock's. */
#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/shapes.h"
#include "machine/fpmode.h"
#include "ops/session.h"

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112, MOST_PAIRS = 1000 };

typedef void sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                   const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

typedef struct peer {
    sgemm *multiply; /* NULL: none */
    const char *name, *kernel;
} peer;

/* dlsym's result as a pointer to a function. */
static void find(void *library, const char *name, void *function) {
    void *found = library ? dlsym(library, name) : NULL;
    memcpy(function, &found, sizeof found);
}

static peer open_peer(const char *path, int threads) {
    peer p = {.name = "none", .kernel = ""};
    if (strcmp(path, "none") == 0) return p;
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "gemm: %s\n", dlerror());
        exit(2);
    }
    char *(*openblas_core)(void);
    void (*openblas_threads)(int);
    int (*blis_id)(void);
    const char *(*blis_name)(int);
    void (*blis_threads)(int64_t);
    find(library, "cblas_sgemm", &p.multiply);
    find(library, "openblas_get_corename", &openblas_core);
    find(library, "openblas_set_num_threads", &openblas_threads);
    find(library, "bli_arch_query_id", &blis_id);
    find(library, "bli_arch_string", &blis_name);
    find(library, "bli_thread_set_num_threads", &blis_threads);
    p.name = openblas_core ? "OpenBLAS" : blis_id ? "BLIS" : path;
    if (openblas_core) p.kernel = openblas_core();
    if (blis_id && blis_name) p.kernel = blis_name(blis_id());
    if (openblas_threads) openblas_threads(threads);
    if (blis_threads) blis_threads(threads);
    if (!p.multiply) fprintf(stderr, "gemm: %s has no cblas_sgemm\n", path), exit(2);
    return p;
}

typedef struct work {
    const lm_compute *compute;
    const peer *peer;
    lm_gemm g;
    clockid_t clock;
} work;

static double now(const work *w) {
    struct timespec t;
    clock_gettime(w->clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void by_peer(const work *w) {
    const lm_gemm *g = &w->g;
    bool a_plain = g->a_col == 1, b_plain = g->b_col == 1;
    w->peer->multiply(
        ROW_MAJOR, a_plain ? PLAIN : TRANSPOSED, b_plain ? PLAIN : TRANSPOSED, (int)g->m, (int)g->n,
        (int)g->k, 1.0f, g->a.at, (int)(a_plain ? g->a_row : g->a_col), g->b.at,
        (int)(b_plain ? g->b_row : g->b_col), g->init ? 1.0f : 0.0f, g->c, (int)g->c_row);
}

/* Seconds of one product, small ones repeated for a millisecond. */
static double once(const work *w, bool ours, int repeat) {
    double begin = now(w);
    for (int i = 0; i < repeat; i++) {
        if (ours)
            lm_gemm_multiply(w->compute, &w->g);
        else
            by_peer(w);
    }
    return (now(w) - begin) / repeat;
}

static double peak_of(const work *w, double rounds) {
    double begin = now(w);
    double flops = w->compute->kernels->peak_f32((int64_t)rounds);
    return flops / (now(w) - begin);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Largest difference over the largest value: rounding apart, the two compute the same. */
static double difference(const float *x, const float *y, int64_t n) {
    double most = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)x[i] - (double)y[i]));
        size = fmax(size, fabs((double)x[i]));
    }
    return size > 0 ? most / size : most;
}

static float *numbers(int64_t n, int64_t period) {
    float *x = NULL;
    if (posix_memalign((void **)&x, 64, sizeof *x * (size_t)n)) exit(1);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(i % period - period / 2) * 0x1p-6f;
    return x;
}

typedef struct best {
    double ours, peers, median; /* seconds; median ratio, ours over theirs in speed */
} best;

static best measure(const work *w, double seconds) {
    static double ratios[MOST_PAIRS];
    best b = {INFINITY, INFINITY, 1};
    double flop = 2.0 * (double)w->g.m * (double)w->g.n * (double)w->g.k;
    int repeat = flop < 5e7 ? (int)(5e7 / flop) + 1 : 1, pairs = 0;
    for (double spent = 0; pairs < MOST_PAIRS && (spent < seconds || pairs < 3); pairs++) {
        double x = once(w, true, repeat), y = w->peer->multiply ? once(w, false, repeat) : x;
        b.ours = fmin(b.ours, x), b.peers = fmin(b.peers, y);
        ratios[pairs] = y / x;
        spent += repeat * (x + y);
    }
    qsort(ratios, (size_t)pairs, sizeof *ratios, ascending);
    b.median = ratios[pairs / 2];
    return b;
}

int main(int argc, char **argv) {
    const char *library = argc > 1 ? argv[1] : "none", *match = argc > 4 ? argv[4] : "";
    int threads = argc > 2 ? atoi(argv[2]) : 1;
    double seconds = argc > 5 ? atof(argv[5]) : 0.3, log_sum = 0;
    int rows = 0;
    lm_isa_mask isas = lm_cpu_detect();
    lm_error err = {0};
    lm_session session;
    if ((argc > 3 && lm_cpu_limit(argv[3], &isas, &err) != LM_OK) ||
        lm_session_open(&session, threads, isas, &err) != LM_OK ||
        lm_compute_reserve(&session.compute, lm_gemm_scratch_bytes(), &err) != LM_OK) {
        fprintf(stderr, "gemm: %s\n", err.message);
        return 2;
    }
    lm_caches caches;
    if (argc > 6 && lm_caches_parse(argv[6], &caches, &err) == LM_OK)
        session.compute.blocks = lm_gemm_blocks_for(&caches, threads);
    lm_fpmode_set();
    peer p = open_peer(library, threads);
    work w = {.compute = &session.compute,
              .peer = &p,
              .clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC};
    double peak = 0, flops[64], ours[64], peers[64], medians[64];
    for (int i = 0; i < lm_bench_shape_count; i++) {
        const lm_bench_shape *s = &lm_bench_shapes[i];
        ours[i] = 0;
        if (!strstr(s->name, match)) continue;
        float *a = numbers(s->m * s->k, 17), *b = numbers(s->k * s->n, 13);
        float *c = numbers(s->m * s->n, 5), *d = numbers(s->m * s->n, 5);
        w.g = lm_bench_product(s, lm_array_f32(a), lm_array_f32(b), c);
        once(&w, true, 1);
        if (p.multiply) {
            work other = w;
            other.g = lm_bench_product(s, lm_array_f32(a), lm_array_f32(b), d);
            once(&other, false, 1);
            if (difference(c, d, s->m * s->n) > 1e-4) {
                fprintf(stderr, "gemm: %s: %s gives another product\n", s->name, p.name);
                return 1;
            }
        }
        best found = measure(&w, seconds);
        for (int j = 0; j < 20; j++) peak = fmax(peak, threads * peak_of(&w, 1e5));
        flops[i] = 2.0 * (double)s->m * (double)s->n * (double)s->k;
        ours[i] = flops[i] / found.ours, peers[i] = flops[i] / found.peers;
        medians[i] = found.median;
        free(a), free(b), free(c), free(d);
    }
    lm_gemm_blocks blocks = session.compute.blocks;
    printf("# peer %s %s, %d thread%s, blocks %" PRId64 " x %" PRId64 ", peak %.1f GFLOP/s\n",
           p.name, p.kernel, threads, threads == 1 ? "" : "s", blocks.m, blocks.k, peak * 1e-9);
    printf("%-26s %10s %8s %8s %8s %8s\n", "shape", "MFLOP", "ours", p.name, "best", "median");
    for (int i = 0; i < lm_bench_shape_count; i++) {
        if (ours[i] <= 0) continue;
        double ratio = ours[i] / peers[i];
        printf("%-26s %10.1f %7.1f%% %7.1f%% %8.3f %8.3f\n", lm_bench_shapes[i].name,
               1e-6 * flops[i], 100 * ours[i] / peak, 100 * peers[i] / peak, ratio, medians[i]);
        log_sum += log(ratio), rows++;
    }
    if (rows) printf("geometric mean of %d: %.3f\n", rows, exp(log_sum / rows));
    lm_session_close(&session);
    return 0;
}
