/* The norm of heads against the norm of rows: the same rows, elsewhere; and with a gain of each
 * head. */
#include "tests/support/test.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_head_norm)};
    return cmocka_run_group_tests_name("head_norm", tests, NULL, NULL);
}
