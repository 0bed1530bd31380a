/* The layers of nn/ against plain double-precision code, their gradients against finite differences
 * of that code, and equal bits for 1, 2 and 3 threads and for the scalar kernels. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "nn/activation.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "ops/gemm.h"
#include "tests/support/layers.h"

/* Rounding of a float. Every tolerance below is a number of roundings times this times the size of
 * what was rounded. */
#define EPS ((double)FLT_EPSILON)
/* Threads and kernels each layer runs under; all must give the bits of the first. */
static const struct { int threads, scalar; } setups[] = {{1, 0}, {2, 0}, {3, 0}, {2, 1}};
enum { SETUPS = sizeof setups / sizeof setups[0] };

static size_t scratch_bytes(int64_t channels) {
    return lm_size_max(lm_gemm_scratch_bytes(), lm_norm_scratch_bytes(channels));
}

/* ---- norm ------------------------------------------------------------------------------------ */
typedef struct norm_reference {
    lm_norm_kind kind;
    int64_t rows, n;
    double eps;
    const double *weight, *bias, *x, *dy;
    double *y;
} norm_reference;

static double norm_forward_double(void *context) {
    norm_reference *r = context;
    double loss = 0;
    for (int64_t i = 0; i < r->rows; i++) {
        const double *x = r->x + i * r->n;
        double mean = 0, square = 0;
        if (r->kind == LM_NORM_LAYERNORM) {
            for (int64_t j = 0; j < r->n; j++) mean += x[j];
            mean /= (double)r->n;
        }
        for (int64_t j = 0; j < r->n; j++) square += (x[j] - mean) * (x[j] - mean);
        double rstd = 1 / sqrt(square / (double)r->n + r->eps);
        for (int64_t j = 0; j < r->n; j++) {
            double y = (x[j] - mean) * rstd * r->weight[j] + (r->bias ? r->bias[j] : 0);
            r->y[i * r->n + j] = y;
            loss += y * r->dy[i * r->n + j];
        }
    }
    return loss;
}

static void check_norm(lm_norm_kind kind, int64_t rows, int64_t c, int with_bias) {
    float *x = layers_random(rows * c, 1, -1, 2), *dy = layers_random(rows * c, 2, -1, 1);
    float *weight = layers_random(c, 3, 0.5, 1.5);
    float *bias = with_bias ? layers_random(c, 4, -1, 1) : NULL;
    float *first[4] = {0}; /* y, dx, dweight, dbias */
    for (int s = 0; s < SETUPS; s++) {
        lm_kernels k;
        lm_compute compute;
        layers_open(&compute, &k, setups[s].threads, setups[s].scalar, scratch_bytes(c));
        lm_norm norm = {.kind = kind, .rows = rows, .channels = c, .eps = 1e-5f, .weight = weight};
        norm.bias = bias;
        norm.mean = layers_floats(rows);
        norm.rstd = layers_floats(rows);
        float *y = layers_floats(rows * c), *dx = layers_random(rows * c, 5, -1, 1);
        float *dweight = layers_random(c, 6, -1, 1);
        float *dbias = with_bias ? layers_random(c, 7, -1, 1) : NULL;
        lm_norm_forward(&compute, &norm, x, lm_array_f32(y));
        lm_norm_backward(&compute, &norm, x, dy, dx, dweight, dbias);
        layers_close(&compute);
        if (s == 0) {
            first[0] = y, first[1] = dx, first[2] = dweight, first[3] = dbias;
            continue;
        }
        layers_same_bits("y", first[0], y, rows * c);
        layers_same_bits("dx", first[1], dx, rows * c);
        layers_same_bits("dweight", first[2], dweight, c);
        if (with_bias) layers_same_bits("dbias", first[3], dbias, c);
    }
    double *xd = layers_doubles(x, rows * c), *wd = layers_doubles(weight, c);
    double *bd = with_bias ? layers_doubles(bias, c) : NULL;
    norm_reference r = {kind, rows, c, (double)1e-5f, wd, bd, xd, layers_doubles(dy, rows * c),
                        NULL};
    r.y = layers_doubles(NULL, rows * c);
    norm_forward_double(&r);
    /* sums of c terms, rows of at most sqrt(c) in size when a row is nearly constant */
    double tolerance = EPS * (16 + (double)c / 16);
    layers_close_to("y", first[0], r.y, rows * c, 4 * tolerance);
    if (rows * c > 5000) return; /* the slopes cost rows*c forward passes */
    double *dx = layers_doubles(layers_random(rows * c, 5, -1, 1), rows * c);
    double *dweight = layers_doubles(layers_random(c, 6, -1, 1), c);
    double *dbias = layers_doubles(layers_random(c, 7, -1, 1), c);
    for (int64_t i = 0; i < rows * c; i++)
        dx[i] += layers_slope(norm_forward_double, &r, &xd[i], 1e-5);
    for (int64_t i = 0; i < c; i++)
        dweight[i] += layers_slope(norm_forward_double, &r, &wd[i], 1e-4);
    for (int64_t i = 0; i < c && with_bias; i++)
        dbias[i] += layers_slope(norm_forward_double, &r, &bd[i], 1e-4);
    /* rstd grows as rows grow short: two equal numbers of a row of 2 divide by sqrt(eps) */
    layers_close_to("dx", first[1], dx, rows * c, 64 * tolerance + 1e-6);
    layers_close_to("dweight", first[2], dweight, c, EPS * (16 + (double)rows) * 4);
    if (with_bias) layers_close_to("dbias", first[3], dbias, c, EPS * (16 + (double)rows) * 4);
}

static void test_layernorm(void **state) {
    (void)state;
    check_norm(LM_NORM_LAYERNORM, 1, 1, 1);
    check_norm(LM_NORM_LAYERNORM, 5, 7, 1);
    check_norm(LM_NORM_LAYERNORM, 33, 19, 0);
    check_norm(LM_NORM_LAYERNORM, 67, 33, 1);
    check_norm(LM_NORM_LAYERNORM, 700, 129, 1); /* several chunks */
}

static void test_rmsnorm(void **state) {
    (void)state;
    check_norm(LM_NORM_RMSNORM, 1, 1, 0);
    check_norm(LM_NORM_RMSNORM, 5, 7, 0);
    check_norm(LM_NORM_RMSNORM, 67, 33, 0);
    check_norm(LM_NORM_RMSNORM, 700, 129, 0);
}

/* Parameter gradients over several chunks, which the slopes above are too slow for. */
static void test_norm_parameter_sums(void **state) {
    (void)state;
    int64_t rows = 700, c = 129;
    lm_kernels k;
    lm_compute compute;
    layers_open(&compute, &k, 2, 0, scratch_bytes(c));
    float *x = layers_random(rows * c, 1, -1, 2), *dy = layers_random(rows * c, 2, -1, 1);
    float *weight = layers_random(c, 3, 0.5, 1.5), *bias = layers_random(c, 4, -1, 1);
    lm_norm norm = {.kind = LM_NORM_LAYERNORM,
                    .rows = rows,
                    .channels = c,
                    .eps = 1e-5f,
                    .weight = weight,
                    .bias = bias,
                    .mean = layers_floats(rows),
                    .rstd = layers_floats(rows)};
    float *y = layers_floats(rows * c), *dx = layers_random(rows * c, 5, 0, 0);
    float *dweight = layers_random(c, 6, 0, 0), *dbias = layers_random(c, 7, 0, 0);
    lm_norm_forward(&compute, &norm, x, lm_array_f32(y));
    lm_norm_backward(&compute, &norm, x, dy, dx, dweight, dbias);
    layers_close(&compute);
    double *want_weight = layers_doubles(NULL, c), *want_bias = layers_doubles(NULL, c);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < c; j++) {
            double g = (double)dy[i * c + j];
            want_bias[j] += g;
            want_weight[j] +=
                g * ((double)x[i * c + j] - (double)norm.mean[i]) * (double)norm.rstd[i];
        }
    layers_close_to("dweight", dweight, want_weight, c, EPS * (double)rows);
    layers_close_to("dbias", dbias, want_bias, c, EPS * (double)rows);
}

static void test_norm_names(void **state) {
    (void)state;
    assert_string_equal(lm_norm_name(LM_NORM_LAYERNORM), "layernorm");
    assert_string_equal(lm_norm_name(LM_NORM_RMSNORM), "rmsnorm");
    assert_null(lm_norm_name(LM_NORM_COUNT));
    assert_null(lm_norm_name(-1));
    assert_string_equal(lm_mlp_name(LM_MLP_GELU_TANH), "gelu_tanh");
    assert_string_equal(lm_mlp_name(LM_MLP_GELU), "gelu");
    assert_string_equal(lm_mlp_name(LM_MLP_SWIGLU), "swiglu");
    assert_string_equal(lm_mlp_name(LM_MLP_RELU2), "relu2");
    assert_null(lm_mlp_name(LM_MLP_COUNT));
    assert_true(lm_mlp_is_gated(LM_MLP_SWIGLU));
    assert_false(lm_mlp_is_gated(LM_MLP_GELU));
}

/* ---- activation ------------------------------------------------------------------------------ */
static double activation_double(lm_mlp_kind kind, double x, double up) {
    switch (kind) {
    case LM_MLP_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case LM_MLP_GELU:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case LM_MLP_RELU2:
        return x > 0 ? x * x : 0;
    default:
        return x / (1 + exp(-x)) * up;
    }
}

static void check_activation(lm_mlp_kind kind, int64_t n) {
    float *x = layers_random(n, 1, -6, 6), *up = layers_random(n, 2, -2, 2);
    float *dy = layers_random(n, 3, -1, 1), *first[3] = {0};
    for (int scalar = 1; scalar >= 0; scalar--) {
        lm_kernels k;
        lm_compute compute;
        layers_open(&compute, &k, 1, scalar, 0);
        float *dx = layers_copy(x, n), *dup = layers_copy(up, n), *y = layers_floats(n);
        float *used = layers_copy(dy, n), *room = layers_floats(LM_ACTIVATION_ROOM);
        lm_activation a = {kind, lm_array_f32(dx), lm_array_f32(dup),
                           lm_array_f32(layers_floats(n))};
        lm_activation_forward(&k, &a, 0, n, room);
        lm_activation b = {kind, a.x, a.up, lm_array_f32(y)};
        lm_activation_backward(&k, &b, 0, n, used, room);
        layers_same_bits("y of backward", a.y.at, y, n);
        if (scalar) first[0] = y, first[1] = dx, first[2] = dup;
        layers_same_bits("y", first[0], y, n);
        layers_same_bits("dx", first[1], dx, n);
        layers_same_bits("dup", first[2], dup, n);
        layers_close(&compute);
    }
    for (int64_t i = 0; i < n; i++) {
        double a = (double)x[i], u = (double)up[i], g = (double)dy[i], h = 1e-6;
        double y = activation_double(kind, a, u);
        double dx =
            g * (activation_double(kind, a + h, u) - activation_double(kind, a - h, u)) / (2 * h);
        layers_close_to("y", first[0] + i, &y, 1, 8 * EPS);
        layers_close_to("dx", first[1] + i, &dx, 1, 16 * EPS);
        if (lm_mlp_is_gated(kind)) {
            double dup = g * activation_double(kind, a, 1);
            layers_close_to("dup", first[2] + i, &dup, 1, 8 * EPS);
        }
    }
}

static void test_activation(void **state) {
    (void)state;
    for (int kind = 0; kind < LM_MLP_COUNT; kind++) {
        check_activation((lm_mlp_kind)kind, 1);
        check_activation((lm_mlp_kind)kind, 37);
        check_activation((lm_mlp_kind)kind, 40001); /* several chunks, the last one short */
    }
}

/* ---- linear ---------------------------------------------------------------------------------- */
/* The ways to generate: rows alone, then the residual, or the activation, give the bits of all rows
 * at once. */
static void check_decode(const lm_compute *compute, const lm_linear *l, const float *from,
                         lm_linear_rows x, const float *residual, const float *rows) {
    int64_t n = l->rows * l->out;
    float *one = layers_floats(l->out), *sum = layers_floats(n), *want = layers_copy(rows, n);
    float *y = layers_floats(n), *act = layers_floats(n), *act_want = layers_floats(n);
    void *room_of_one = layers_floats(lm_linear_room_rows(1) * lm_linear_room_row(l->in));
    float room[LM_ACTIVATION_ROOM];
    lm_activation a = {.kind = LM_MLP_GELU, .x = lm_array_f32(y), .y = lm_array_f32(act)};
    for (int64_t i = 0; i < l->rows; i++) {
        lm_linear alone = *l;
        alone.rows = 1;
        lm_linear_decode(compute, &alone,
                         lm_linear_decoded(compute, &alone, from + i * l->in, room_of_one), one);
        layers_same_bits("a row alone", rows + i * l->out, one, l->out);
    }
    compute->kernels->add_f32(n, residual, want);
    lm_linear_decode_residual(compute, l, x, residual, sum);
    layers_same_bits("decode + residual", want, sum, n);
    lm_linear_decode_activated(compute, l, x, y, &a);
    layers_same_bits("decode", rows, y, n);
    a.y = lm_array_f32(act_want);
    lm_activation_forward(compute->kernels, &a, 0, n, room);
    layers_same_bits("decode, activated", act_want, act, n);
}

static void check_linear(int64_t m, int64_t in, int64_t out, int with_bias) {
    float *x = layers_random(m * in, 1, -1, 1), *w = layers_random(out * in, 2, -1, 1);
    float *bias = with_bias ? layers_random(out, 3, -1, 1) : NULL;
    float *residual = layers_random(m * out, 4, -1, 1), *dy = layers_random(m * out, 5, -1, 1);
    float *dw0 = layers_random(out * in, 6, -1, 1), *dbias0 = layers_random(out, 7, -1, 1);
    float *first[6] = {0};
    for (int s = 0; s < SETUPS; s++) {
        lm_kernels k;
        lm_compute compute;
        layers_open(&compute, &k, setups[s].threads, setups[s].scalar, scratch_bytes(1));
        float *y = layers_floats(m * out), *z = layers_floats(m * out), *dx = layers_floats(m * in);
        float *in_place = layers_copy(residual, m * out), *rows = layers_floats(m * out);
        float *dw = layers_copy(dw0, out * in), *dbias = layers_copy(dbias0, out);
        lm_linear l = {.rows = m, .in = in, .out = out, .w = lm_array_f32(w), .bias = bias};
        lm_array xs = lm_array_f32(x), dys = lm_array_f32(dy);
        float *dx_twice = layers_floats(m * in);
        lm_linear_forward(&compute, &l, xs, lm_array_f32(y));
        lm_linear_forward_residual(&compute, &l, xs, residual, z);
        lm_linear_forward_residual(&compute, &l, xs, in_place, in_place);
        lm_linear_backward_input(&compute, &l, dys, lm_array_f32(dx));
        lm_linear_backward_weights(&compute, &l, xs, dys, true, dw, dbias);
        float *dw_begun = layers_floats(out * in), *zeros = layers_random(out * in, 1, 0, 0);
        l.bias = NULL;
        lm_linear_backward_weights(&compute, &l, xs, dys, false, dw_begun, NULL);
        lm_linear_backward_weights(&compute, &l, xs, dys, true, zeros, NULL);
        layers_same_bits("dW that begins", zeros, dw_begun, out * in);
        for (int64_t i = 0; i < m * in; i++) dx_twice[i] = 0;
        lm_linear_backward_input_add(&compute, &l, dys, dx_twice);
        l.bias = bias;
        lm_linear_rows decoded = lm_linear_decoded(
            &compute, &l, x, layers_floats(lm_linear_room_rows(m) * lm_linear_room_row(in)));
        lm_linear_decode(&compute, &l, decoded, rows);
        check_decode(&compute, &l, x, decoded, residual, rows);
        layers_close(&compute);
        layers_same_bits("residual in place", z, in_place, m * out);
        layers_same_bits("dx added to zeros", dx, dx_twice, m * in);
        float *results[6] = {y, z, dx, dw, dbias, rows};
        int64_t counts[6] = {m * out, m * out, m * in, out * in, out, m * out};
        for (int i = 0; i < 6; i++) {
            if (s == 0) first[i] = results[i];
            layers_same_bits("linear", first[i], results[i], counts[i]);
        }
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t o = 0; o < out; o++) {
            double y = bias ? (double)bias[o] : 0;
            for (int64_t c = 0; c < in; c++) y += (double)x[i * in + c] * (double)w[o * in + c];
            double z = y + (double)residual[i * out + o];
            layers_close_to("y", first[0] + i * out + o, &y, 1, EPS * (double)(in + 2));
            layers_close_to("y+residual", first[1] + i * out + o, &z, 1, EPS * (double)(in + 3));
            layers_close_to("decode", first[5] + i * out + o, &y, 1, EPS * (double)(in + 2));
        }
    for (int64_t i = 0; i < m; i++)
        for (int64_t c = 0; c < in; c++) {
            double dx = 0;
            for (int64_t o = 0; o < out; o++) dx += (double)dy[i * out + o] * (double)w[o * in + c];
            layers_close_to("dx", first[2] + i * in + c, &dx, 1, EPS * (double)(out + 2));
        }
    for (int64_t o = 0; o < out; o++) {
        double db = (double)dbias0[o];
        for (int64_t i = 0; i < m && with_bias; i++) db += (double)dy[i * out + o];
        layers_close_to("dbias", first[4] + o, &db, 1, EPS * (double)(m + 2));
        for (int64_t c = 0; c < in; c++) {
            double dw = (double)dw0[o * in + c];
            for (int64_t i = 0; i < m; i++) dw += (double)dy[i * out + o] * (double)x[i * in + c];
            layers_close_to("dW", first[3] + o * in + c, &dw, 1, EPS * (double)(m + 2));
        }
    }
}

static void test_linear(void **state) {
    (void)state;
    check_linear(1, 1, 1, 1);
    check_linear(3, 5, 7, 0);
    check_linear(17, 33, 19, 1);
    check_linear(65, 48, 300, 1);
    check_linear(130, 31, 129, 0);
    check_linear(2, 700, 401, 1); /* decode in several tasks */
    check_linear(19, 256, 33, 1); /* rows that decode sets further apart */
}

/* ---- embedding ------------------------------------------------------------------------------- */
static void check_embedding(int64_t batch, int64_t time, int64_t c, int64_t vocab,
                            int with_positions) {
    int64_t row = time + 1, first_position = with_positions ? 2 : 0;
    int32_t *tokens = layers_ints(batch * row - 1); /* the last row's extra column is not read */
    float *picks = layers_random(batch * row, 9, 0, (double)vocab - 0.01);
    for (int64_t i = 0; i < batch * row - 1; i++) tokens[i] = (int32_t)picks[i];
    float *w = layers_random(vocab * c, 1, -1, 1), *dy = layers_random(batch * time * c, 2, -1, 1);
    int64_t positions = first_position + time;
    float *p = with_positions ? layers_random(positions * c, 3, -1, 1) : NULL;
    float *dw0 = layers_random(vocab * c, 4, -1, 1), *dp0 = layers_random(positions * c, 5, -1, 1);
    float *first[3] = {0};
    int32_t *documents = batch > 1 ? layers_ints(batch * time) : NULL; /* one every 6 tokens */
    for (int64_t i = 0; i < batch * time && documents; i++)
        documents[i] = (int32_t)(i % time / 6 * 6);
    lm_embedding e = {.batch = batch,
                      .time = time,
                      .channels = c,
                      .tokens = tokens,
                      .tokens_row = row,
                      .first_position = first_position,
                      .documents = documents};
    for (int s = 0; s < SETUPS; s++) {
        lm_kernels k;
        lm_compute compute;
        layers_open(&compute, &k, setups[s].threads, setups[s].scalar, 64);
        float *y = layers_floats(batch * time * c);
        float *dw = layers_copy(dw0, vocab * c), *dp = layers_copy(dp0, positions * c);
        lm_embedding_forward(&compute, &e, w, p, y);
        lm_embedding_backward(&compute, &e, dy, dw, with_positions ? dp : NULL);
        layers_close(&compute);
        if (s == 0) first[0] = y, first[1] = dw, first[2] = dp;
        layers_same_bits("y", first[0], y, batch * time * c);
        layers_same_bits("dW", first[1], dw, vocab * c);
        layers_same_bits("dP", first[2], dp, positions * c);
    }
    double *dw = layers_doubles(dw0, vocab * c), *dp = layers_doubles(dp0, positions * c);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t < time; t++)
            for (int64_t i = 0; i < c; i++) {
                int64_t token = tokens[b * row + t], at = (b * time + t) * c + i;
                int64_t position = first_position + (documents ? t % 6 : t);
                float y = w[token * c + i] + (p ? p[position * c + i] : 0.0f);
                assert_true(first[0][at] == y);
                dw[token * c + i] += (double)dy[at];
                if (with_positions) dp[position * c + i] += (double)dy[at];
            }
    double tolerance = EPS * (double)(batch * time + 2);
    layers_close_to("dW", first[1], dw, vocab * c, tolerance);
    layers_close_to("dP", first[2], dp, positions * c, tolerance);
}

static void test_embedding(void **state) {
    (void)state;
    check_embedding(1, 1, 1, 1, 0);
    check_embedding(2, 5, 7, 11, 1);
    check_embedding(3, 40, 130, 9, 1);
    check_embedding(2, 70, 333, 300, 0); /* several column tasks */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_layernorm, layers_tear_down),
        cmocka_unit_test_teardown(test_rmsnorm, layers_tear_down),
        cmocka_unit_test_teardown(test_norm_parameter_sums, layers_tear_down),
        cmocka_unit_test_teardown(test_norm_names, layers_tear_down),
        cmocka_unit_test_teardown(test_activation, layers_tear_down),
        cmocka_unit_test_teardown(test_linear, layers_tear_down),
        cmocka_unit_test_teardown(test_embedding, layers_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
