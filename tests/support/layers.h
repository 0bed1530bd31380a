/* For tests of ops/ and nn/: arrays that end at a guard page, random numbers, a compute of any
 * number of threads, and finite differences in double. */
#ifndef LM_TESTS_SUPPORT_LAYERS_H
#define LM_TESTS_SUPPORT_LAYERS_H

#include <float.h>
#include <stdint.h>

#include "ops/compute.h"

/* n floats whose end is the end of accessible memory, filled with NaN so that what is not written
 * shows. Freed by layers_free_all. */
float *layers_floats(int64_t n);
int32_t *layers_ints(int64_t n);
float *layers_random(int64_t n, uint64_t seed, double low, double high);
/* A copy, guarded in the same way. */
float *layers_copy(const float *x, int64_t n);
double *layers_doubles(const float *x, int64_t n); /* x as doubles; zeros when x is NULL */
void layers_free_all(void);
int layers_tear_down(void **state); /* the same as a cmocka test's teardown */

/* Kernels of this CPU (or the scalar ones only), a pool, and scratch. */
void layers_open(lm_compute *c, lm_kernels *k, int threads, int scalar_only, size_t scratch_bytes);
void layers_close(lm_compute *c);
/* The same as a cmocka group's setup and teardown: layers_compute, on two threads. */
extern lm_compute layers_compute;
int layers_open_group(void **state);
int layers_close_group(void **state);

/* d f / d p_i by central differences; f reads p through its context. */
double layers_slope(double (*f)(void *context), void *context, double *p, double h);

/* Fails the test unless |got - want| <= tolerance * (1 + |want|) for all n; what names the array.
 */
void layers_close_to(const char *what, const float *got, const double *want, int64_t n,
                     double tolerance);
/* Fails the test unless the bytes are equal. */
void layers_same_bits(const char *what, const float *a, const float *b, int64_t n);

#endif
