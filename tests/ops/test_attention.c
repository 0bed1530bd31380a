/* Attention against plain double-precision code, its gradients against that code's own (themselves
 * checked by finite differences), equal bits for 1, 2, 3 and 16 threads (which cut the work in
 * different ways) and for the scalar kernels. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "ops/attention.h"
#include "tests/support/layers.h"

#define EPS ((double)FLT_EPSILON)

/* The best instruction set that has none for pairs of bf16; tasks as for cores of two kinds. */
enum { WIDE = 2, FINER };
static const struct {
    int threads, scalar;
} setups[] = {{1, 0}, {2, 0}, {3, 0}, {16, 0}, {2, 1}, {2, WIDE}, {3, FINER}};
enum { SETUPS = sizeof setups / sizeof setups[0] };

typedef struct shape {
    int64_t batch, time, heads, kv_heads, d;
    int64_t window;   /* 0: none */
    int64_t document; /* a new one begins about every so many tokens; 0: one */
    double cap;       /* 0: none */
    lm_precision precision;
} shape;

/* Where the document of token t of row b begins: lengths document, document + 1, ... */
static int64_t document_of(const shape *s, int64_t b, int64_t t) {
    int64_t begin = 0, length = s->document + b;
    while (s->document > 0 && begin + length <= t) begin += length++;
    return begin;
}
static int64_t first_seen(const shape *s, int64_t b, int64_t t) {
    int64_t first = document_of(s, b, t);
    return s->window > 0 && t - s->window + 1 > first ? t - s->window + 1 : first;
}

static int64_t qkv_row(const shape *s) {
    return (s->heads + 2 * s->kv_heads) * s->d + 1;
}
static int64_t out_row(const shape *s) {
    return s->heads * s->d + 2;
}
/* Floats from the first row's start to the last row's end. */
static int64_t qkv_count(const shape *s) {
    return s->batch * s->time * qkv_row(s) - 1;
}
static int64_t out_count(const shape *s) {
    return s->batch * s->time * out_row(s) - 2;
}
static int64_t lse_count(const shape *s) {
    return s->batch * s->heads * s->time;
}

/* The definition, in double: everything of one (b, head). qkv, dqkv as rows of [q | k | v]. */
typedef struct reference {
    shape s;
    const double *qkv, *dout;
    double *out, *lse, *dqkv; /* dqkv NULL: forward only; accumulated into */
} reference;

static double dot(const double *x, const double *y, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* One query: p[0..t], out, and the gradients that pass through it. */
static void reference_query(const reference *r, int64_t b, int64_t h, int64_t t, double *p) {
    const shape *s = &r->s;
    int64_t d = s->d, row = qkv_row(s), kv = h / (s->heads / s->kv_heads);
    int64_t q_at = h * d, k_at = (s->heads + kv) * d, v_at = (s->heads + s->kv_heads + kv) * d;
    const double *x = r->qkv + b * s->time * row, *q = x + t * row + q_at;
    const double *dout = r->dout + (b * s->time + t) * out_row(s) + h * d;
    double *out = r->out + (b * s->time + t) * out_row(s) + h * d;
    double max = -INFINITY, sum = 0, scale = 1 / sqrt((double)d);
    int64_t first = first_seen(s, b, t);
    for (int64_t u = first; u <= t; u++) {
        p[u] = dot(q, x + u * row + k_at, d) * scale;
        if (s->cap > 0) p[u] = s->cap * tanh(p[u] / s->cap);
        if (p[u] > max) max = p[u];
    }
    for (int64_t u = first; u <= t; u++) sum += p[u] = exp(p[u] - max);
    r->lse[(b * s->heads + h) * s->time + t] = max + log(sum);
    for (int64_t i = 0; i < d; i++) out[i] = 0;
    for (int64_t u = first; u <= t; u++) {
        p[u] /= sum;
        for (int64_t i = 0; i < d; i++) out[i] += p[u] * x[u * row + v_at + i];
    }
    if (!r->dqkv) return;
    double *dx = r->dqkv + b * s->time * row, delta = dot(dout, out, d);
    for (int64_t u = first; u <= t; u++) {
        double ds = p[u] * (dot(dout, x + u * row + v_at, d) - delta) * scale;
        if (s->cap > 0)
            ds /= pow(cosh(dot(q, x + u * row + k_at, d) * scale / s->cap), 2); /* 1 - tanh^2 */
        for (int64_t i = 0; i < d; i++) {
            dx[u * row + v_at + i] += p[u] * dout[i];
            dx[u * row + k_at + i] += ds * q[i];
            dx[t * row + q_at + i] += ds * x[u * row + k_at + i];
        }
    }
}

static void reference_run(const reference *r) {
    double *p = test_malloc((size_t)r->s.time * sizeof *p);
    for (int64_t b = 0; b < r->s.batch; b++)
        for (int64_t h = 0; h < r->s.heads; h++)
            for (int64_t t = 0; t < r->s.time; t++) reference_query(r, b, h, t, p);
    test_free(p);
}

/* sum(out * dout), for finite differences. */
static double reference_loss(void *context) {
    reference *r = context;
    double loss = 0;
    reference_run(r);
    for (int64_t i = 0; i < r->s.batch * r->s.time; i++)
        loss += dot(r->out + i * out_row(&r->s), r->dout + i * out_row(&r->s), r->s.heads * r->s.d);
    return loss;
}

static reference make_reference(const shape *s, const float *qkv, const float *dout) {
    return (reference){.s = *s,
                       .qkv = layers_doubles(qkv, qkv_count(s)),
                       .dout = layers_doubles(dout, out_count(s)),
                       .out = layers_doubles(NULL, out_count(s)),
                       .lse = layers_doubles(NULL, lse_count(s)),
                       .dqkv = layers_doubles(NULL, qkv_count(s))};
}

typedef struct result {
    float *out, *lse, *dqkv;
} result;

/* x at the precision, guarded like the floats it comes from. */
static lm_array at_precision(const shape *s, const float *x, int64_t n) {
    if (s->precision == LM_FP32) return lm_array_f32(x);
    lm_bf16 *y = (lm_bf16 *)(void *)layers_floats((n + 1) / 2) + n % 2;
    for (int64_t i = 0; i < n; i++) y[i] = lm_bf16_from_f32(x[i]);
    return lm_array_bf16(y);
}

/* The gradients in bf16 are those in fp32, rounded, and nothing is written between rows. */
static void check_rounded(const lm_compute *compute, const shape *s, const lm_attention *a,
                          lm_array dout, const float *dqkv) {
    int64_t n = qkv_count(s), k_at = s->heads * s->d, v_at = (s->heads + s->kv_heads) * s->d;
    lm_array want = at_precision(s, dqkv, n), got = at_precision(s, layers_floats(n), n);
    if (s->precision == LM_FP32) return;
    lm_attention_backward(compute, a, dout, got, lm_array_from(got, k_at),
                          lm_array_from(got, v_at));
    for (int64_t i = 0; i < n; i++) {
        float x = lm_bf16_to_f32(((const lm_bf16 *)want.at)[i]);
        float y = lm_bf16_to_f32(((const lm_bf16 *)got.at)[i]);
        assert_true(x == y || (isnan(x) && isnan(y)));
    }
}

static result run(const shape *s, int threads, int scalar, const float *qkv, const float *dout) {
    lm_kernels k;
    lm_compute compute;
    lm_kernels_fill(&k, lm_cpu_detect());
    layers_open(&compute, &k, threads, scalar == 1, lm_attention_scratch_bytes(s->time, s->d));
    if (scalar == WIDE) lm_kernels_fill(&k, lm_cpu_detect() & ~(1u << LM_ISA_AVX512BF16));
    if (scalar == FINER) lm_pool_set_finer(compute.pool, 4);
    compute.precision = s->precision;
    result r = {layers_floats(out_count(s)), layers_floats(lse_count(s)),
                layers_floats(qkv_count(s))};
    lm_array in = at_precision(s, qkv, qkv_count(s)), out = at_precision(s, r.out, out_count(s));
    lm_array gradient = at_precision(s, dout, out_count(s));
    int64_t k_at = s->heads * s->d, v_at = (s->heads + s->kv_heads) * s->d;
    int32_t *documents = s->document > 0 ? layers_ints(s->batch * s->time) : NULL;
    for (int64_t i = 0; i < s->batch * s->time && documents; i++)
        documents[i] = (int32_t)document_of(s, i / s->time, i % s->time);
    lm_attention a = {.batch = s->batch,
                      .time = s->time,
                      .heads = s->heads,
                      .kv_heads = s->kv_heads,
                      .head_size = s->d,
                      .q = in,
                      .k = lm_array_from(in, k_at),
                      .v = lm_array_from(in, v_at),
                      .qkv_row = qkv_row(s),
                      .out = out,
                      .out_row = out_row(s),
                      .lse = r.lse,
                      .window = s->window,
                      .documents = documents,
                      .scale = 1.0f / sqrtf((float)s->d),
                      .softcap = (float)s->cap};
    lm_attention_forward(&compute, &a);
    lm_array dqkv = lm_array_f32(r.dqkv);
    lm_attention_backward(&compute, &a, gradient, dqkv, lm_array_from(dqkv, k_at),
                          lm_array_from(dqkv, v_at));
    check_rounded(&compute, s, &a, gradient, r.dqkv);
    for (int64_t i = 0; i < out_count(s) && s->precision == LM_BF16; i++)
        r.out[i] = lm_bf16_to_f32(((const lm_bf16 *)out.at)[i]);
    layers_close(&compute);
    return r;
}

/* Between rows nothing may be written: the NaN of layers_floats is still there. */
static void check_gaps(const float *x, int64_t rows, int64_t row, int64_t used) {
    for (int64_t i = 0; i + 1 < rows; i++)
        for (int64_t j = used; j < row; j++) assert_true(isnan(x[i * row + j]) != 0);
}

/* What attention is given as bf16 the reference has as the same numbers. */
static void round_inputs(const shape *s, float *qkv, float *dout) {
    for (int64_t i = 0; i < qkv_count(s) && s->precision == LM_BF16; i++)
        qkv[i] = lm_bf16_to_f32(lm_bf16_from_f32(qkv[i]));
    for (int64_t i = 0; i < out_count(s) && s->precision == LM_BF16; i++)
        dout[i] = lm_bf16_to_f32(lm_bf16_from_f32(dout[i]));
}

static void check_shape(shape s, double size) {
    int64_t batch = s.batch, time = s.time, heads = s.heads, kv_heads = s.kv_heads, d = s.d;
    int64_t width = (heads + 2 * kv_heads) * d;
    float *qkv = layers_random(qkv_count(&s), 1, -size, size);
    float *dout = layers_random(out_count(&s), 2, -1, 1);
    round_inputs(&s, qkv, dout);
    result first = {0};
    for (int i = 0; i < SETUPS; i++) {
        result r = run(&s, setups[i].threads, setups[i].scalar, qkv, dout);
        if (i == 0) first = r;
        for (int64_t t = 0; t < batch * time; t++) {
            layers_same_bits("out", first.out + t * out_row(&s), r.out + t * out_row(&s),
                             heads * d);
            layers_same_bits("gradient", first.dqkv + t * qkv_row(&s), r.dqkv + t * qkv_row(&s),
                             width);
        }
        layers_same_bits("lse", first.lse, r.lse, lse_count(&s));
        check_gaps(r.out, batch * time, out_row(&s), heads * d);
        check_gaps(r.dqkv, batch * time, qkv_row(&s), width);
    }
    reference want = make_reference(&s, qkv, dout);
    reference_run(&want);
    /* A score is a sum of d products of at most size^2, scaled by 1/sqrt(d): its error becomes a
     * relative error of the probability. A gradient adds up to time * heads/kv_heads of them. */
    double score = EPS * (4 + size * size * sqrt((double)d) * 2);
    double sums = 4 + sqrt((double)(time * heads / kv_heads));
    double lse = score;
    /* bf16 rounds P, out (and with it delta) and dS, by 2^-9 of each at most. */
    if (s.precision == LM_BF16) score += 0x1p-8;
    layers_close_to("lse", first.lse, want.lse, lse_count(&s), lse);
    for (int64_t t = 0; t < batch * time; t++) {
        layers_close_to("out", first.out + t * out_row(&s), want.out + t * out_row(&s), heads * d,
                        2 * score * (1 + size));
        layers_close_to("gradient", first.dqkv + t * qkv_row(&s), want.dqkv + t * qkv_row(&s),
                        width, score * sums * (1 + size * size * sqrt((double)d)));
    }
}

static void check_both(shape s, double size) {
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++) {
        s.precision = (lm_precision)precision;
        check_shape(s, size);
    }
}

static void check(int64_t batch, int64_t time, int64_t heads, int64_t kv_heads, int64_t d,
                  double size) {
    check_both((shape){batch, time, heads, kv_heads, d, 0, 0, 0, LM_FP32}, size);
}

static void test_small_shapes(void **state) {
    (void)state;
    check(1, 1, 1, 1, 1, 1);
    check(1, 2, 1, 1, 3, 1);
    check(2, 5, 3, 3, 7, 1);
    check(3, 17, 4, 2, 8, 2);
}

static void test_tile_edges(void **state) {
    (void)state;
    for (int64_t edge = LM_ATTENTION_TILE; edge <= 2 * LM_ATTENTION_TILE; edge += LM_ATTENTION_TILE)
        for (int64_t time = edge - 1; time <= edge + 1; time++) check(1, time, 2, 1, 16, 1);
}

static void test_many_tiles(void **state) {
    (void)state;
    check(1, 4 * LM_ATTENTION_TILE + 19, 2, 2, 33, 1);
    check(2, 3 * LM_ATTENTION_TILE, 6, 2, 32, 1);
    check(1, 9 * LM_ATTENTION_TILE + 5, 1, 1, 8, 1); /* more tiles than go together */
}

static void test_head_sizes(void **state) {
    (void)state;
    check(1, 70, 2, 1, 64, 1);
    check(1, 70, 2, 2, 100, 1);
    check(1, 66, 1, 1, 257, 1);
}

/* Scores of several hundred: exp must neither overflow nor lose the largest. */
static void test_large_scores(void **state) {
    (void)state;
    check(1, 150, 2, 1, 16, 12);
}

static void test_window(void **state) {
    static const int64_t windows[] = {
        1, 2, 10, LM_ATTENTION_TILE - 1, LM_ATTENTION_TILE, LM_ATTENTION_TILE + 1, 140};
    (void)state;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        check_both((shape){2, 3 * LM_ATTENTION_TILE + 9, 2, 1, 8, windows[i], 0, 0, LM_FP32}, 1);
}

static void test_documents(void **state) {
    static const int64_t documents[] = {1, 3, 40, LM_ATTENTION_TILE, 150};
    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        check_both((shape){2, 3 * LM_ATTENTION_TILE + 9, 2, 1, 8, 0, documents[i], 0, LM_FP32}, 1);
    check_both((shape){1, 300, 2, 2, 16, 33, 90, 0, LM_FP32}, 1);
    check_both((shape){1, 9 * LM_ATTENTION_TILE + 30, 2, 1, 8, 100, 330, 0, LM_FP32}, 1);
}

static void test_softcap(void **state) {
    (void)state;
    check_both((shape){1, 5, 2, 2, 8, 0, 0, 0.5, LM_FP32}, 2);
    check_both((shape){2, 150, 4, 2, 16, 0, 0, 2, LM_FP32}, 3);
    check_both((shape){2, 150, 2, 1, 16, 20, 50, 50, LM_FP32}, 3);
}

/* Large scores before what is seen take nothing away from it. */
static void test_unseen_scores_do_not_matter(void **state) {
    (void)state;
    check_both((shape){1, 150, 2, 1, 16, 5, 0, 0, LM_FP32}, 12);
}

/* Queries that see nothing in their first tile, at head sizes whose scale 1 / sqrt(D) is no power
 * of two: what the softmax gives there must be finite, so that an alpha of 0 can remove it. */
static void test_window_of_any_head_size(void **state) {
    static const int64_t sizes[] = {24, 33, 40, 72};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            check_both((shape){1, 2 * LM_ATTENTION_TILE + 9, 1, 1, sizes[i], 20, 0, 0,
                               bf16 ? LM_BF16 : LM_FP32},
                       1);
}

/* A window as long as the row is none: the same bits. */
static void test_whole_window(void **state) {
    (void)state;
    shape s = {2, 150, 2, 1, 8, 0, 0, 0, LM_FP32}, windowed = s;
    windowed.window = s.time;
    float *qkv = layers_random(qkv_count(&s), 1, -1, 1);
    float *dout = layers_random(out_count(&s), 2, -1, 1);
    result a = run(&s, 2, 0, qkv, dout), b = run(&windowed, 2, 0, qkv, dout);
    for (int64_t t = 0; t < s.batch * s.time; t++) {
        layers_same_bits("out", a.out + t * out_row(&s), b.out + t * out_row(&s), 16);
        layers_same_bits("gradient", a.dqkv + t * qkv_row(&s), b.dqkv + t * qkv_row(&s), 32);
    }
}

/* The reference's own gradients, and through them the formula. */
static void test_reference_against_differences(void **state) {
    (void)state;
    shape s = {2, 7, 4, 2, 3, 4, 3, 1, LM_FP32};
    reference r = make_reference(&s, layers_random(qkv_count(&s), 1, -1, 1),
                                 layers_random(out_count(&s), 2, -1, 1));
    reference_run(&r);
    double *dqkv = r.dqkv;
    r.dqkv = NULL;
    for (int64_t i = 0; i < qkv_count(&s); i++) {
        double slope = layers_slope(reference_loss, &r, (double *)(uintptr_t)&r.qkv[i], 1e-5);
        assert_true(fabs(slope - dqkv[i]) < 1e-8);
    }
}

/* A NaN in one head's value reaches the outputs that may see it, and no others. */
static void test_nan_stays_visible(void **state) {
    (void)state;
    shape s = {1, 70, 2, 2, 4, 0, 0, 0, LM_FP32};
    float *qkv = layers_random(qkv_count(&s), 1, -1, 1);
    float *dout = layers_random(out_count(&s), 2, -1, 1);
    qkv[66 * qkv_row(&s) + 3 * s.d] = NAN; /* key of head 1, position 66 */
    result r = run(&s, 2, 0, qkv, dout);
    for (int64_t t = 0; t < s.time; t++) {
        float other = r.out[t * out_row(&s)], head = r.out[t * out_row(&s) + s.d];
        assert_true(other == other);
        assert_true((head != head) == (t >= 66));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_small_shapes, layers_tear_down),
        cmocka_unit_test_teardown(test_tile_edges, layers_tear_down),
        cmocka_unit_test_teardown(test_many_tiles, layers_tear_down),
        cmocka_unit_test_teardown(test_head_sizes, layers_tear_down),
        cmocka_unit_test_teardown(test_large_scores, layers_tear_down),
        cmocka_unit_test_teardown(test_window, layers_tear_down),
        cmocka_unit_test_teardown(test_documents, layers_tear_down),
        cmocka_unit_test_teardown(test_softcap, layers_tear_down),
        cmocka_unit_test_teardown(test_unseen_scores_do_not_matter, layers_tear_down),
        cmocka_unit_test_teardown(test_window_of_any_head_size, layers_tear_down),
        cmocka_unit_test_teardown(test_whole_window, layers_tear_down),
        cmocka_unit_test_teardown(test_reference_against_differences, layers_tear_down),
        cmocka_unit_test_teardown(test_nan_stays_visible, layers_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
