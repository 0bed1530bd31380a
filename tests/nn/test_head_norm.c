/* The norm of heads against the norm of rows: the same rows, elsewhere; and with a gain of each
 * head, against its definition in double. */
#include "tests/support/test.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "nn/head_norm.h"
#include "nn/norm.h"
#include "tests/support/layers.h"

/* Heads lie at `gap` behind the beginning of rows that are `row` apart. */
static void check(int64_t tokens, int64_t heads, int64_t size, bool gained) {
    static const struct { int threads, scalar; } setups[] = {{1, 0}, {3, 0}, {2, 1}};
    int64_t gap = 3, row = heads * size + 5, rows = tokens * heads;
    float *wide = layers_random(tokens * row, 1, -2, 2),
          *wide_dy = layers_random(tokens * row, 2, -1, 1);
    float *x = layers_floats(rows * size), *dy = layers_floats(rows * size);
    float *w = layers_random(size, 3, 0.5, 1.5), *first = NULL;
    float *gain = layers_random(heads, 5, 0.5, 2), *first_gain = NULL;
    for (int64_t i = 0; i < tokens; i++) {
        memcpy(x + i * heads * size, wide + i * row + gap, (size_t)(heads * size) * sizeof *x);
        memcpy(dy + i * heads * size, wide_dy + i * row + gap, (size_t)(heads * size) * sizeof *x);
    }
    for (size_t s = 0; s < sizeof setups / sizeof *setups; s++) {
        lm_kernels k;
        lm_compute compute;
        size_t a = lm_head_norm_scratch_bytes(heads, size), b = lm_norm_scratch_bytes(size);
        layers_open(&compute, &k, setups[s].threads, setups[s].scalar, a > b ? a : b);
        float *y = layers_copy(wide, tokens * row), *dx = layers_copy(wide_dy, tokens * row);
        float *dweight = layers_random(size, 4, -1, 1), *want_dweight = layers_copy(dweight, size);
        float *dgain = layers_random(heads, 6, -1, 1);
        double want_dgain[8];
        for (int64_t h = 0; h < heads; h++) want_dgain[h] = (double)dgain[h];
        float *want_y = layers_floats(rows * size), *want_dx = layers_floats(rows * size);
        lm_head_norm n = {.tokens = tokens,
                          .heads = heads,
                          .head_size = size,
                          .row = row,
                          .eps = 1e-5f,
                          .weight = w,
                          .gain = gained ? gain : NULL,
                          .rstd = layers_floats(rows)};
        lm_norm plain = {.kind = LM_NORM_RMSNORM,
                         .rows = rows,
                         .channels = size,
                         .eps = 1e-5f,
                         .weight = w,
                         .rstd = layers_floats(rows)};
        memset(want_dx, 0, (size_t)(rows * size) * sizeof *want_dx);
        lm_head_norm_forward(&compute, &n, lm_array_f32(y + gap), y + gap); /* in place */
        lm_head_norm_backward(&compute, &n, lm_array_f32(wide + gap), dx + gap, dweight,
                              gained ? dgain : NULL);
        lm_norm_forward(&compute, &plain, x, lm_array_f32(want_y));
        float *want_dy = layers_copy(dy, rows * size);
        for (int64_t i = 0; i < rows * size && gained; i++) {
            int64_t h = i / size % heads;
            want_dgain[h] += (double)dy[i] * (double)want_y[i];
            want_y[i] *= gain[h];
            want_dy[i] *= gain[h];
        }
        lm_norm_backward(&compute, &plain, x, want_dy, want_dx, want_dweight, NULL);
        layers_close(&compute);
        layers_same_bits("rstd", plain.rstd, n.rstd, rows);
        for (int64_t i = 0; i < tokens * row; i++) {
            int64_t at = i % row - gap, to = i / row * heads * size + at;
            bool inside = at >= 0 && at < heads * size;
            layers_same_bits("y", inside ? want_y + to : wide + i, y + i, 1);
            layers_same_bits("dx", inside ? want_dx + to : wide_dy + i, dx + i, 1);
        }
        /* the same terms in chunks of other sizes */
        for (int64_t i = 0; i < size; i++) {
            double want = (double)want_dweight[i];
            layers_close_to("dweight", dweight + i, &want, 1, (double)FLT_EPSILON * (double)rows);
        }
        layers_close_to("dgain", dgain, want_dgain, heads,
                        4 * (double)FLT_EPSILON * (double)(tokens * size));
        if (!first) first = dweight;
        if (!first_gain) first_gain = dgain;
        layers_same_bits("dweight of other threads", first, dweight, size);
        layers_same_bits("dgain of other threads", first_gain, dgain, heads);
    }
    layers_free_all();
}

static void test_head_norm(void **state) {
    (void)state;
    for (int gained = 0; gained < 2; gained++) {
        check(1, 1, 1, gained);
        check(1, 3, 8, gained);
        check(7, 2, 20, gained);
        check(7, 8, 4, gained);
        check(301, 6, 64, gained); /* several chunks, the last one short */
    }
}

/* ---- the gain, by its definition --------------------------------------------------------------*/
enum { TOKENS = 3, HEADS = 2, SIZE = 6, ALL = TOKENS * HEADS * SIZE };

typedef struct reference {
    double x[ALL], weight[SIZE], gain[HEADS], dy[ALL];
} reference;

static double gained(const reference *r, int64_t at) {
    const int64_t row = at / SIZE;
    double squares = 0;
    for (int64_t i = 0; i < SIZE; i++) squares += r->x[row * SIZE + i] * r->x[row * SIZE + i];
    return r->x[at] / sqrt(squares / SIZE + 1e-5) * r->weight[at % SIZE] * r->gain[row % HEADS];
}

static double objective(void *context) {
    const reference *r = context;
    double sum = 0;
    for (int64_t i = 0; i < ALL; i++) sum += r->dy[i] * gained(r, i);
    return sum;
}

static void to_double(double *to, const float *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = (double)from[i];
}

/* Values lie in [-1, 1] and [0.5, 2], and no row is near 0. A mean square of D numbers, its root
 * and four products: D + 6 roundings, of values up to 2 * 2 * sqrt(D); gradients add up to T H D
 * such terms. */
static void test_gain_by_its_definition(void **state) {
    (void)state;
    lm_kernels k;
    lm_compute compute;
    static reference r;
    const float *x = layers_random(ALL, 1, 0.2, 1), *dy = layers_random(ALL, 2, -1, 1);
    const float *weight = layers_random(SIZE, 3, 0.5, 2), *gain = layers_random(HEADS, 4, 0.5, 2);
    float *y = layers_floats(ALL), *dx = layers_copy(dy, ALL);
    float *dweight = layers_random(SIZE, 5, -1, 1), *dgain = layers_random(HEADS, 6, -1, 1);
    double want[ALL], want_dx[ALL], want_dweight[SIZE], want_dgain[HEADS];
    to_double(r.x, x, ALL);
    to_double(r.dy, dy, ALL);
    to_double(r.weight, weight, SIZE);
    to_double(r.gain, gain, HEADS);
    to_double(want_dweight, dweight, SIZE);
    to_double(want_dgain, dgain, HEADS);
    for (int64_t i = 0; i < ALL; i++) {
        want[i] = gained(&r, i);
        want_dx[i] = layers_slope(objective, &r, &r.x[i], 1e-5);
    }
    for (int64_t i = 0; i < SIZE; i++)
        want_dweight[i] += layers_slope(objective, &r, &r.weight[i], 1e-5);
    for (int64_t i = 0; i < HEADS; i++)
        want_dgain[i] += layers_slope(objective, &r, &r.gain[i], 1e-5);
    layers_open(&compute, &k, 2, 0, lm_head_norm_scratch_bytes(HEADS, SIZE));
    lm_head_norm n = {.tokens = TOKENS,
                      .heads = HEADS,
                      .head_size = SIZE,
                      .row = HEADS * SIZE,
                      .eps = 1e-5f,
                      .weight = weight,
                      .gain = gain,
                      .rstd = layers_floats(TOKENS * HEADS)};
    lm_head_norm_forward(&compute, &n, lm_array_f32(x), y);
    lm_head_norm_backward(&compute, &n, lm_array_f32(x), dx, dweight, dgain);
    layers_close(&compute);
    const double eps = (double)FLT_EPSILON, each = eps * (SIZE + 6) * 4 * sqrt(SIZE);
    layers_close_to("y", y, want, ALL, each);
    layers_close_to("dx", dx, want_dx, ALL, SIZE * each + 1e-8);
    layers_close_to("dweight", dweight, want_dweight, SIZE, TOKENS * HEADS * each + 1e-8);
    layers_close_to("dgain", dgain, want_dgain, HEADS, TOKENS * SIZE * each + 1e-8);
    layers_free_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_head_norm),
                                       cmocka_unit_test(test_gain_by_its_definition)};
    return cmocka_run_group_tests_name("head_norm", tests, NULL, NULL);
}
