/* The scalar kernels against float64 arithmetic and libm, under bounds that follow from the length,
 * the magnitudes and eps = 2^-24 (half an ulp of 1: what one rounding may lose, relatively). */
#include "tests/support/test.h"
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/scalar/functions.h"
#include "machine/fpmode.h"

#define EPS 0x1p-24
#define ULP 0x1p-23 /* of 1 */

static const double pi = 3.14159265358979323846;

static void within(const char *what, double x, double found, double expected, double bound) {
    if (!(fabs(found - expected) <= bound))
        fail_msg("%s at %.9g: %.17g, expected %.17g, off by %.3g of the bound", what, x, found,
                 expected, fabs(found - expected) / bound);
}

/* Calls f for about `count` floats spread evenly over [from, to]. */
static void sweep(double from, double to, int count, void (*f)(float)) {
    for (int i = 0; i <= count; i++) f((float)(from + (to - from) * i / count));
}

static void check_exp(float x) {
    double expected = exp((double)x);
    within("exp", (double)x, (double)exp1(x), expected, 1.0 * ULP * expected);
}
static void test_exp(void **unused) {
    (void)unused;
    sweep((double)EXP_MIN, (double)EXP_MAX, 200000, check_exp);
    sweep(-1e-3, 1e-3, 20000, check_exp);
    assert_true(exp1(0.0f) == 1.0f);
    assert_true(exp1(nextafterf(EXP_MAX, 100.0f)) == INFINITY && exp1(INFINITY) == INFINITY);
    assert_true(exp1(nextafterf(EXP_MIN, -100.0f)) == 0.0f && exp1(-INFINITY) == 0.0f);
    assert_true(isnan(exp1(NAN)) && exp1(EXP_MIN) >= 0x1p-126f && exp1(EXP_MAX) < INFINITY);
}

static void check_sigmoid(float x) {
    double expected = 1 / (1 + exp(-(double)x));
    within("sigmoid", (double)x, (double)sigmoid1(x), expected, 2.5 * ULP * expected);
}
static void test_sigmoid(void **unused) {
    (void)unused;
    sweep(-87.3, 100, 200000, check_sigmoid);
    assert_true(sigmoid1(-INFINITY) == 0.0f && sigmoid1(INFINITY) == 1.0f && isnan(sigmoid1(NAN)));
}

static void check_tanh(float x) {
    double expected = tanh((double)x);
    within("tanh", (double)x, (double)tanh1(x), expected, 3 * ULP * fabs(expected) + 0x1p-126);
}
static void test_tanh(void **unused) {
    (void)unused;
    sweep(-12, 12, 200000, check_tanh);
    sweep(-1e-3, 1e-3, 20000, check_tanh);
    assert_true(tanh1(INFINITY) == 1.0f && tanh1(-INFINITY) == -1.0f && isnan(tanh1(NAN)));
}

static double density(double x) {
    return exp(-x * x / 2) / sqrt(2 * pi);
}
static double distribution(double x) {
    return 0.5 * erfc(-x / sqrt(2));
}

static void check_normal(float x) {
    normal z = normal1(x);
    double cdf = distribution((double)x), pdf = density((double)x);
    within("Phi", (double)x, (double)z.cdf, cdf, 6 * ULP * cdf);
    within("phi", (double)x, (double)z.pdf, pdf, 6 * ULP * pdf);
    double slope = cdf + (double)x * pdf;
    within("gelu_erf'", (double)x, (double)gelu_erf_slope1(x), slope, 4 * ULP);
    within("gelu_erf", (double)x, (double)(x * z.cdf), (double)x * cdf,
           6 * ULP * fabs((double)x) * cdf + 0x1p-126);
}
static void test_normal(void **unused) {
    (void)unused;
    sweep(-12.9, 12.9, 200000, check_normal);
    assert_true(normal1(INFINITY).cdf == 1.0f && normal1(-INFINITY).cdf == 0.0f);
    assert_true(isnan(normal1(NAN).cdf) && gelu_erf_slope1(1e30f) == 1.0f);
    assert_true(gelu_erf_slope1(-1e30f) == 0.0f);
}

/* 2u is rounded a few times before sigmoid, whose relative slope is at most |2u|. */
static void check_gelu_tanh(float x) {
    double d = (double)x, u2 = 2 * sqrt(2 / pi) * (d + 0.044715 * d * d * d);
    double s = 1 / (1 + exp(-u2)), expected = d * s;
    double relative = (4 + 3 * fabs(u2) * (1 - s)) * ULP;
    within("gelu_tanh", d, (double)gelu_tanh1(x), expected, relative * fabs(expected) + 0x1p-126);
    double tanh_form = 0.5 * d * (1 + tanh(u2 / 2));
    within("gelu_tanh, tanh form", d, (double)gelu_tanh1(x), tanh_form, 4 * ULP * fabs(d));
    double du2 = 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * d * d);
    within("gelu_tanh'", d, (double)gelu_tanh_slope1(x), s + d * s * (1 - s) * du2, 4 * ULP);
}
static void test_gelu_tanh(void **unused) {
    (void)unused;
    sweep(-9.9, 20, 200000, check_gelu_tanh);
    assert_true(gelu_tanh1(1e20f) == 1e20f && gelu_tanh_slope1(1e30f) == 1.0f);
    assert_true(gelu_tanh_slope1(-1e30f) < 0x1p-100f && isnan(gelu_tanh1(NAN)));
}

static void check_silu(float x) {
    double d = (double)x, s = 1 / (1 + exp(-d));
    silu z = silu1(x);
    within("silu", d, (double)z.value, d * s, 4 * ULP * fabs(d * s) + 0x1p-126);
    within("silu'", d, (double)z.slope, s * (1 + d * (1 - s)), 4 * ULP);
}
static void test_silu(void **unused) {
    (void)unused;
    sweep(-79, 100, 200000, check_silu);
}

/* ---- rows ----------------------------------------------------------------------------------- */
enum { ROWS = 3, MOST = 1000 };
static const int64_t lengths[] = {1, 5, 16, 100, 384, 768, 1000};

static float value(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(*state >> 32) * 0x1p-31f;
}

static void fill(float *x, int64_t n, float scale, float offset, uint64_t seed) {
    for (int64_t i = 0; i < n; i++) x[i] = value(&seed) * scale + offset;
}

/* A sum over 16 lanes and a tree rounds at most n/16 + 5 times on the way of any element. */
static double sum_bound(int64_t n) {
    return ((double)n / 16 + 6) * EPS;
}

static void test_dot(void **unused) {
    (void)unused;
    static float x[MOST], y[MOST];
    lm_kernels k;
    lm_kernels_fill_scalar(&k);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int64_t n = lengths[i];
        fill(x, n, 2, 0.3f, 1), fill(y, n, 2, -0.2f, 2);
        double sum = 0, size = 0;
        for (int64_t j = 0; j < n; j++) {
            sum += (double)x[j] * (double)y[j];
            size += fabs((double)x[j] * (double)y[j]);
        }
        within("dot", (double)n, (double)k.dot_f32(n, x, y), sum, sum_bound(n) * size);
        float c = 0.5f;
        k.gemm_f32(1, 1, n, x, n, 1, y, 1, &c, 0, &c, 1);
        within("gemm", (double)n, (double)c, sum + 0.5, ((double)n + 1) * EPS * (size + 0.5));
    }
}

/* Mean and deviation in float64. */
typedef struct moments {
    double mean, rstd, largest; /* largest |x| */
} moments;

static moments measure(int64_t n, const float *x, double eps) {
    moments r = {0};
    double variance = 0;
    for (int64_t j = 0; j < n; j++) {
        r.mean += (double)x[j] / (double)n;
        r.largest = fmax(r.largest, fabs((double)x[j]));
    }
    for (int64_t j = 0; j < n; j++)
        variance += ((double)x[j] - r.mean) * ((double)x[j] - r.mean) / (double)n;
    r.rstd = 1 / sqrt(variance + eps);
    return r;
}

static void test_layernorm(void **unused) {
    (void)unused;
    static float x[ROWS * MOST], w[MOST], b[MOST], y[ROWS * MOST], mean[ROWS], rstd[ROWS];
    static float dy[ROWS * MOST], dx[ROWS * MOST], dw[MOST], db[MOST];
    lm_kernels k;
    lm_kernels_fill_scalar(&k);
    for (size_t i = 1; i < sizeof lengths / sizeof *lengths; i++) {
        int64_t n = lengths[i];
        fill(x, ROWS * n, 3, 1, 3), fill(w, n, 1, 1, 4), fill(b, n, 1, 0, 5);
        fill(dy, ROWS * n, 1, 0, 6), fill(dx, ROWS * n, 0, 0, 0);
        fill(dw, n, 0, 0, 0), fill(db, n, 0, 0, 0);
        k.layernorm_forward_f32(ROWS, n, 1e-5f, x, w, b, y, mean, rstd);
        k.layernorm_backward_f32(ROWS, n, x, w, mean, rstd, dy, dx, dw, db);
        for (int64_t r = 0; r < ROWS; r++) {
            moments o = measure(n, x + r * n, (double)1e-5f);
            /* x - mean loses sum_bound of the largest |x|, once in the mean and twice in the
             * variance; everything else is a few roundings of the result. */
            double error = (4 * sum_bound(n) + 8 * EPS) * o.largest * o.rstd;
            double a = 0, c = 0, size = 0;
            for (int64_t j = 0; j < n; j++) {
                double xhat = ((double)x[r * n + j] - o.mean) * o.rstd;
                double g = (double)dy[r * n + j] * (double)w[j];
                a += g / (double)n, c += g * xhat / (double)n;
                size = fmax(size, fabs(g) * (1 + xhat * xhat));
                within("layernorm", (double)n, (double)y[r * n + j],
                       xhat * (double)w[j] + (double)b[j],
                       error * (1 + fabs(xhat)) * (double)w[j] + 2 * EPS);
            }
            for (int64_t j = 0; j < n; j++) {
                double xhat = ((double)x[r * n + j] - o.mean) * o.rstd;
                double g = (double)dy[r * n + j] * (double)w[j];
                within("layernorm dx", (double)n, (double)dx[r * n + j],
                       o.rstd * (g - a - xhat * c), 4 * o.rstd * size * (error + 8 * EPS));
            }
        }
        for (int64_t j = 0; j < n; j++) {
            double sum = 0, size = 0;
            for (int64_t r = 0; r < ROWS; r++) {
                moments o = measure(n, x + r * n, (double)1e-5f);
                double xhat = ((double)x[r * n + j] - o.mean) * o.rstd;
                sum += (double)dy[r * n + j] * xhat;
                size += 1 + fabs(xhat) + o.largest * o.rstd;
            }
            within("layernorm dweight", (double)n, (double)dw[j], sum,
                   (4 * sum_bound(n) + 8 * EPS) * 4 * size);
            double bias = (double)dy[j] + (double)dy[n + j] + (double)dy[2 * n + j];
            within("layernorm dbias", (double)n, (double)db[j], bias, ROWS * 2 * EPS * 3);
        }
    }
}

static void test_rmsnorm(void **unused) {
    (void)unused;
    static float x[ROWS * MOST], w[MOST], y[ROWS * MOST], rstd[ROWS];
    static float dy[ROWS * MOST], dx[ROWS * MOST], dw[MOST];
    lm_kernels k;
    lm_kernels_fill_scalar(&k);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int64_t n = lengths[i];
        fill(x, ROWS * n, 3, 1, 7), fill(w, n, 1, 1, 8), fill(dy, ROWS * n, 1, 0, 9);
        fill(dx, ROWS * n, 0, 0, 0), fill(dw, n, 0, 0, 0);
        k.rmsnorm_forward_f32(ROWS, n, 1e-6f, x, w, y, rstd);
        k.rmsnorm_backward_f32(ROWS, n, x, w, rstd, dy, dx, dw);
        for (int64_t r = 0; r < ROWS; r++) {
            double squares = 0, c = 0, size = 0;
            for (int64_t j = 0; j < n; j++) squares += pow((double)x[r * n + j], 2) / (double)n;
            double inverse = 1 / sqrt(squares + (double)1e-6f);
            double error = sum_bound(n) + 6 * EPS; /* relative: all squares are positive */
            for (int64_t j = 0; j < n; j++) {
                double xhat = (double)x[r * n + j] * inverse;
                double g = (double)dy[r * n + j] * (double)w[j];
                c += g * xhat / (double)n;
                size = fmax(size, fabs(g) * (1 + xhat * xhat));
                within("rmsnorm", (double)n, (double)y[r * n + j], xhat * (double)w[j],
                       error * fabs(xhat * (double)w[j]));
            }
            for (int64_t j = 0; j < n; j++) {
                double xhat = (double)x[r * n + j] * inverse;
                double g = (double)dy[r * n + j] * (double)w[j];
                double expected = inverse * (g - xhat * c);
                within("rmsnorm dx", (double)n, (double)dx[r * n + j], expected,
                       8 * inverse * size * (1 + fabs(xhat)) * error);
            }
        }
    }
}

/* Three tiles of one row: the online softmax must give the softmax of the whole row. */
static void test_online_softmax(void **unused) {
    (void)unused;
    enum { TILES = 3, COLS = 50 };
    static float s[TILES * COLS];
    double weight[TILES * COLS], sum = 0;
    float scale = 0.25f, m = -INFINITY, l = 0, alpha[TILES];
    lm_kernels k;
    lm_kernels_fill_scalar(&k);
    fill(s, TILES * COLS, 60, 0, 10);
    double largest = -INFINITY;
    for (int j = 0; j < TILES * COLS; j++) largest = fmax(largest, 0.25 * (double)s[j]);
    for (int j = 0; j < TILES * COLS; j++) {
        weight[j] = exp(0.25 * (double)s[j] - largest);
        sum += weight[j];
    }
    for (int t = 0; t < TILES; t++)
        k.attention_softmax_f32(1, COLS, COLS, scale, s + t * COLS, COLS, &m, &l, &alpha[t]);
    within("largest", 0, (double)m, largest, 0);
    within("denominator", 0, (double)l, sum, sum * (sum_bound(COLS) + 8 * EPS * TILES + 40 * EPS));
    for (int t = 0; t < TILES; t++) {
        double later = 1;
        for (int u = t + 1; u < TILES; u++) later *= (double)alpha[u];
        for (int j = 0; j < COLS; j++) { /* the argument, up to 30 in size, is rounded once */
            double p = (double)s[t * COLS + j] * later / (double)l;
            double expected = weight[t * COLS + j] / sum;
            within("softmax", j, p, expected, expected * (3 * 32 + 40) * EPS + 0x1p-120);
        }
    }
}

static void test_adam(void **unused) {
    (void)unused;
    enum { N = 100 };
    static float g[N], m[N], v[N], p[N];
    double em[N], ev[N], ep[N];
    lm_adam_coefficients c = {.lr = 1e-2f,
                              .rest1 = 0.1f,
                              .rest2 = 0.01f,
                              .eps = 1e-8f,
                              .decay = 1e-3f,
                              .grad_scale = 0.5f};
    lm_kernels k;
    lm_kernels_fill_scalar(&k);
    fill(p, N, 1, 0, 11), fill(m, N, 0, 0, 0), fill(v, N, 0, 0, 0);
    for (int i = 0; i < N; i++) em[i] = ev[i] = 0, ep[i] = (double)p[i];
    for (int t = 1; t <= 20; t++) {
        double beta1 = 1 - (double)c.rest1, beta2 = 1 - (double)c.rest2;
        double one = 1 / (1 - pow(beta1, t)), two = 1 / (1 - pow(beta2, t));
        c.inv_correction1 = (float)one, c.inv_correction2 = (float)two;
        fill(g, N, 1, 0.1f, 100 + (uint64_t)t);
        k.adam_f32(N, &c, g, m, v, p);
        for (int i = 0; i < N; i++) {
            double gs = (double)g[i] * 0.5;
            em[i] = beta1 * em[i] + (double)c.rest1 * gs;
            ev[i] = beta2 * ev[i] + (double)c.rest2 * gs * gs;
            ep[i] -= (double)c.decay * ep[i];
            ep[i] -= (double)c.lr * em[i] * one / (sqrt(ev[i] * two) + (double)c.eps);
            /* a step of at most 10 lr with a dozen roundings, and one of p, each time */
            within("adam p", t, (double)p[i], ep[i], t * (12 * EPS * 10 * 1e-2 + 2 * EPS * 2));
            within("adam v", t, (double)v[i], ev[i], ev[i] * (t * 4 + 4) * EPS);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp),
        cmocka_unit_test(test_sigmoid),
        cmocka_unit_test(test_tanh),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_gelu_tanh),
        cmocka_unit_test(test_silu),
        cmocka_unit_test(test_dot),
        cmocka_unit_test(test_layernorm),
        cmocka_unit_test(test_rmsnorm),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_online_softmax),
    };
    lm_fpmode_set();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
