#include "tests/support/layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"
#include "tests/support/test.h"

enum { MOST = 4096 };
static struct {
    void *base;
    size_t bytes;
} blocks[MOST];
static int used;

static void *guarded(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (bytes + page - 1) / page * page + page;
    unsigned char *base =
        mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + whole - page, page, PROT_NONE), 0);
    assert_true(used < MOST);
    blocks[used].base = base;
    blocks[used++].bytes = whole;
    return base + whole - page - bytes;
}

float *layers_floats(int64_t n) {
    float *x = guarded((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = NAN;
    return x;
}

int32_t *layers_ints(int64_t n) {
    return guarded((size_t)n * sizeof(int32_t));
}

float *layers_random(int64_t n, uint64_t seed, double low, double high) {
    lm_rng rng = {.seed = seed, .purpose = LM_RNG_TEST};
    float *x = layers_floats(n);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(low + (high - low) * lm_rng_uniform(&rng, (uint64_t)i));
    return x;
}

float *layers_copy(const float *x, int64_t n) {
    float *y = layers_floats(n);
    memcpy(y, x, (size_t)n * sizeof *y);
    return y;
}

double *layers_doubles(const float *x, int64_t n) {
    double *y = guarded((size_t)n * sizeof *y);
    for (int64_t i = 0; i < n; i++) y[i] = x ? (double)x[i] : 0.0;
    return y;
}

void layers_free_all(void) {
    while (used > 0) {
        used--;
        munmap(blocks[used].base, blocks[used].bytes);
    }
}

int layers_tear_down(void **state) {
    (void)state;
    layers_free_all();
    return 0;
}

void layers_open(lm_compute *c, lm_kernels *k, int threads, int scalar_only, size_t scratch_bytes) {
    static lm_error err;
    lm_kernels_fill(k, scalar_only ? 1u << LM_ISA_SCALAR : lm_cpu_detect());
    *c = (lm_compute){.kernels = k};
    if (lm_pool_create(&c->pool, threads, &err) != LM_OK) fail_msg("%s", err.message);
    if (lm_compute_reserve(c, scratch_bytes, &err) != LM_OK) fail_msg("%s", err.message);
}

void layers_close(lm_compute *c) {
    lm_compute_free(c);
    lm_pool_free(c->pool);
}

lm_compute layers_compute;

int layers_open_group(void **state) {
    static lm_kernels kernels;
    (void)state;
    layers_open(&layers_compute, &kernels, 2, 0, 0);
    return 0;
}

int layers_close_group(void **state) {
    (void)state;
    layers_close(&layers_compute);
    return 0;
}

double layers_slope(double (*f)(void *context), void *context, double *p, double h) {
    double x = *p;
    *p = x + h;
    double above = f(context);
    *p = x - h;
    double below = f(context);
    *p = x;
    return (above - below) / (2.0 * h);
}

void layers_close_to(const char *what, const float *got, const double *want, int64_t n,
                     double tolerance) {
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= tolerance * (1.0 + fabs(want[i]))))
            fail_msg("%s[%lld]: expected %.9g, found %.9g, tolerance %.3g", what, (long long)i,
                     want[i], (double)got[i], tolerance);
}

void layers_same_bits(const char *what, const float *a, const float *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0)
            fail_msg("%s[%lld]: %.9g and %.9g", what, (long long)i, (double)a[i], (double)b[i]);
}
