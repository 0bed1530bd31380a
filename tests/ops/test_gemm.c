/* lm_gemm_multiply against its definition, bit for bit: every ISA, thread counts 1 to 3, every
 * operand form a layer uses, shapes below, at and above each block size. */
#include "tests/support/test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "machine/fpmode.h"
#include "ops/gemm.h"
#include "tests/support/draws.h"

static float value(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(*state >> 33 & 0xffff) / 32768.0f - 1.0f;
}

typedef struct operands {
    lm_gemm g;
    float *a, *b, *init, *c, *expected;
    lm_bf16 *a16, *b16; /* a and b, rounded */
    int64_t c_size;
} operands;

enum init_kind { INIT_ZERO, INIT_BIAS, INIT_ACCUMULATE, INIT_OTHER, INIT_KINDS };

static lm_bf16 *rounded(const float *x, int64_t n) {
    lm_bf16 *y = malloc(sizeof *y * (size_t)(n + 1));
    for (int64_t i = 0; i < n; i++) y[i] = lm_bf16_from_f32(x[i]);
    return y;
}

static operands make(int64_t m, int64_t n, int64_t k, bool a_transposed, bool b_transposed,
                     enum init_kind kind, int64_t pad) {
    uint64_t state = (uint64_t)(m * 31 + n * 7 + k);
    int64_t a_long = (a_transposed ? m : k) + pad, a_lines = a_transposed ? k : m;
    int64_t b_long = (b_transposed ? k : n) + pad, b_lines = b_transposed ? n : k;
    int64_t c_row = n + pad;
    operands o = {.c_size = m * c_row};
    size_t bytes_c = sizeof(float) * (size_t)(o.c_size + 1);
    o.a = malloc(sizeof(float) * (size_t)(a_long * a_lines + 1));
    o.b = malloc(sizeof(float) * (size_t)(b_long * b_lines + 1));
    o.init = malloc(bytes_c + sizeof(float) * (size_t)n);
    o.c = malloc(bytes_c);
    o.expected = malloc(bytes_c);
    for (int64_t i = 0; i < a_long * a_lines; i++) o.a[i] = value(&state);
    for (int64_t i = 0; i < b_long * b_lines; i++) o.b[i] = value(&state);
    o.a16 = rounded(o.a, a_long * a_lines);
    o.b16 = rounded(o.b, b_long * b_lines);
    for (int64_t i = 0; i < o.c_size + n; i++) o.init[i] = value(&state);
    for (int64_t i = 0; i < o.c_size; i++) o.c[i] = o.expected[i] = value(&state);
    o.g = (lm_gemm){.m = m, .n = n, .k = k, .c = o.c, .c_row = c_row};
    o.g.a = lm_array_f32(o.a);
    o.g.b = lm_array_f32(o.b);
    o.g.a_row = a_transposed ? 1 : a_long;
    o.g.a_col = a_transposed ? a_long : 1;
    o.g.b_row = b_transposed ? 1 : b_long;
    o.g.b_col = b_transposed ? b_long : 1;
    o.g.init = kind == INIT_ZERO ? NULL : kind == INIT_ACCUMULATE ? o.c : o.init;
    o.g.init_row = kind == INIT_ACCUMULATE || kind == INIT_OTHER ? c_row : 0;
    return o;
}

static lm_bf16_pair *pairs(int64_t lines, int64_t k, const float *x, int64_t line, int64_t step,
                           int64_t out_line, int64_t out_step) {
    lm_bf16_pair *out = calloc((size_t)(lines * (k + 1) / 2 + lines + 1), sizeof *out);
    for (int64_t i = 0; i < lines; i++)
        for (int64_t p = 0; p < k; p += 2)
            out[i * out_line + p / 2 * out_step] = lm_bf16_pair_from_f32(
                x[i * line + p * step], p + 1 < k ? x[i * line + (p + 1) * step] : 0.0f);
    return out;
}

/* A chain of products, one for each part of k. */
static void define_parts(const operands *o, const lm_kernels *scalar, const float *init) {
    const lm_gemm *g = &o->g;
    int64_t each = g->k_part > 0 ? g->k_part : g->k, k = g->k_first > 0 ? g->k_first : each;
    int64_t init_row = g->init_row;
    for (int64_t k0 = 0; k0 < g->k || k0 == 0; k0 += k, k = each) {
        k = lm_min(k, g->k - k0);
        int64_t half = (k + 1) / 2;
        lm_bf16_pair *a = pairs(g->m, k, o->a + k0 * g->a_col, g->a_row, g->a_col, half, 1);
        lm_bf16_pair *b = pairs(g->n, k, o->b + k0 * g->b_row, g->b_col, g->b_row, 1, g->n);
        scalar->gemm_bf16(g->m, g->n, half, a, half, 1, b, g->n, init, init_row, o->expected,
                          g->c_row);
        init = o->expected;
        init_row = g->c_row;
        free(a), free(b);
        if (k == 0) return;
    }
}

/* The definition, on its own copy of C. */
static void define(const operands *o, lm_precision precision) {
    lm_kernels scalar;
    lm_kernels_fill_scalar(&scalar);
    const lm_gemm *g = &o->g;
    const float *init = g->init == o->c ? o->expected : g->init;
    memcpy(o->expected, o->c, sizeof(float) * (size_t)o->c_size);
    if (precision == LM_BF16) {
        define_parts(o, &scalar, init);
        return;
    }
    float *b = malloc(sizeof(float) * (size_t)(g->k * g->n + 1));
    for (int64_t k = 0; k < g->k; k++)
        for (int64_t j = 0; j < g->n; j++) b[k * g->n + j] = o->b[k * g->b_row + j * g->b_col];
    scalar.gemm_f32(g->m, g->n, g->k, o->a, g->a_row, g->a_col, b, g->n, init, g->init_row,
                    o->expected, g->c_row);
    free(b);
}

static void release(operands *o) {
    free(o->a), free(o->b), free(o->a16), free(o->b16), free(o->init), free(o->c),
        free(o->expected);
}

typedef struct setup {
    lm_kernels kernels;
    lm_compute compute;
} setup;

static void begin(setup *s, lm_isa_mask mask, int threads, lm_precision precision) {
    lm_error err;
    *s = (setup){0};
    lm_kernels_fill(&s->kernels, mask);
    s->compute.kernels = &s->kernels;
    s->compute.precision = precision;
    assert_int_equal(lm_pool_create(&s->compute.pool, threads < 3 ? threads : 3, &err), LM_OK);
    lm_pool_set_apparent_threads(s->compute.pool, threads);
    assert_int_equal(lm_compute_reserve(&s->compute, lm_gemm_scratch_bytes(), &err), LM_OK);
}

static void end(setup *s) {
    lm_compute_free(&s->compute);
    lm_pool_free(s->compute.pool);
}

/* Each ISA with all below it: what --cpu gives. */
static lm_isa_mask next_mask(lm_isa_mask have, int isa) {
    return have >> isa & 1u ? have & ((2u << isa) - 1u) : 0;
}

static void check(const setup *s, const operands *o) {
    float *before = malloc(sizeof(float) * (size_t)(o->c_size + 1));
    memcpy(before, o->c, sizeof(float) * (size_t)o->c_size);
    lm_gemm_multiply(&s->compute, &o->g);
    if (memcmp(o->c, o->expected, sizeof(float) * (size_t)o->c_size) != 0)
        fail_msg(
            "%s %lld x %lld x %lld, a_row %lld, b_row %lld, init_row %lld: not the scalar bits",
            lm_precision_name((int)s->compute.precision), (long long)o->g.m, (long long)o->g.n,
            (long long)o->g.k, (long long)o->g.a_row, (long long)o->g.b_row,
            (long long)o->g.init_row);
    memcpy(o->c, before, sizeof(float) * (size_t)o->c_size);
    free(before);
}

static const int64_t shapes[][3] = {
    {1, 1, 1},      {1, 1, 0},     {5, 3, 0},      {3, 1, 7},     {1, 40, 9},     {2, 33, 16},
    {12, 32, 24},   {13, 33, 25},  {6, 16, 8},     {7, 17, 9},    {11, 65, 40},   {25, 49, 17},
    {48, 64, 64},   {65, 100, 31}, {193, 70, 513}, {200, 31, 90}, {24, 1030, 20}, {401, 129, 33},
    {64, 8, 600},   {16, 96, 130}, {60, 2100, 12}, {97, 97, 97},  {3, 500, 1025}, {8, 15, 2},
    {3, 200, 2053}, {5, 64, 2050},
};

static void on_every_cpu(const operands *o, lm_precision precision) {
    lm_isa_mask have = lm_cpu_detect();
    for (int isa = 0; isa < LM_ISA_COUNT; isa++) {
        lm_isa_mask mask = next_mask(have, isa);
        for (int i = 0; mask && i < 4; i++) {
            static const int threads[] = {1, 2, 3, 40}; /* three of 40 do the work */
            setup s;
            begin(&s, mask, threads[i], precision);
            check(&s, o);
            end(&s);
        }
    }
}

/* Of each operand as fp32, and at LM_BF16 as bf16 too. */
static void same_bits(const int64_t shape[3], int form, enum init_kind kind, lm_precision precision,
                      int64_t part, int64_t first) {
    operands o = make(shape[0], shape[1], shape[2], form & 1, form >> 1, kind, form == 0 ? 5 : 0);
    o.g.k_part = part;
    o.g.k_first = first;
    define(&o, precision);
    for (unsigned types = 0; types < (precision == LM_BF16 ? 4u : 1u); types++) {
        o.g.a = types & 1 ? lm_array_bf16(o.a16) : lm_array_f32(o.a);
        o.g.b = types & 2 ? lm_array_bf16(o.b16) : lm_array_f32(o.b);
        on_every_cpu(&o, precision);
    }
    release(&o);
}

static void test_same_bits(void **precision) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int form = 0; form < 4; form++)
            same_bits(shapes[i], form, (enum init_kind)((i + (size_t)form) % INIT_KINDS),
                      *(const lm_precision *)*precision, 0, 0);
}

/* Parts of k, even and odd, shorter and longer than k and than what is packed at once; at fp32 they
 * change nothing. */
static void test_parts_of_k(void **precision) {
    static const int64_t parts[][2] = {{1, 0},  {8, 3},   {7, 0},   {33, 0},
                                       {33, 5}, {40, 11}, {513, 1}, {4000, 7}};
    static const size_t of[] = {2, 7, 10, 13, 18, 24};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        for (size_t p = i % 2; p < sizeof parts / sizeof *parts; p += 2)
            same_bits(shapes[of[i]], (int)(i + p) % 4, (enum init_kind)(p % INIT_KINDS),
                      *(const lm_precision *)*precision, parts[p][0], parts[p][1]);
}

typedef struct covered {
    int64_t columns;
    unsigned char *count; /* how often each element was finished */
    const float *expected;
    int wrong;
} covered;

static void cover(void *argument, const lm_gemm_block *b) {
    covered *seen = argument;
    for (int64_t i = b->m0; i < b->m1; i++)
        for (int64_t j = b->n0; j < b->n1; j++) {
            int64_t at = i * seen->columns + j;
            float found = b->c[(i - b->m0) * b->c_row + j - b->n0];
            seen->count[at]++;
            if (memcmp(&found, &seen->expected[at], sizeof found) != 0) seen->wrong = 1;
        }
    for (int i = 0; i < LM_GEMM_ROOM; i++) b->room[i] = NAN; /* is nobody else's */
}

static void finish_sees(const int64_t shape[3], lm_precision precision, int threads,
                        bool finish_only) {
    setup s;
    begin(&s, lm_cpu_detect(), threads, precision);
    operands o = make(shape[0], shape[1], shape[2], false, true, INIT_BIAS, 0);
    define(&o, precision);
    covered seen = {.columns = o.g.n, .expected = o.expected};
    seen.count = calloc((size_t)(o.g.m * o.g.n), 1);
    o.g.finish = cover;
    o.g.argument = &seen;
    o.g.finish_only = finish_only;
    lm_gemm_multiply(&s.compute, &o.g);
    for (int64_t j = 0; j < o.g.m * o.g.n; j++) assert_int_equal(seen.count[j], 1);
    assert_int_equal(seen.wrong, 0);
    free(seen.count);
    release(&o);
    end(&s);
}

static void test_finish_sees_final_values_once(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int which = 0; which < 8; which++)
            finish_sees(shapes[i], which & 1 ? LM_BF16 : LM_FP32, 1 + which / 2 % 2, which & 4);
}

/* A product of blocks drawn at random, with or without finish. */
static void any_blocks(lm_draws *draws, const int64_t shape[3], lm_precision precision) {
    lm_isa_mask have = lm_cpu_detect();
    int form = (int)lm_draw(draws, 4);
    bool finish_only = lm_draw(draws, 2);
    operands o = make(shape[0], shape[1], shape[2], form & 1, form >> 1, INIT_BIAS, 0);
    define(&o, precision);
    for (int isa = 0; isa < LM_ISA_COUNT; isa++) {
        lm_isa_mask mask = next_mask(have, isa);
        if (!mask) continue;
        setup s;
        begin(&s, mask, 1 + (int)lm_draw(draws, 3), precision);
        s.compute.blocks.m = 1 + (int64_t)lm_draw(draws, LM_GEMM_MOST_M);
        s.compute.blocks.k = 1 + (int64_t)lm_draw(draws, LM_GEMM_MOST_K);
        s.compute.blocks.n = 1 + (int64_t)lm_draw(draws, 3000);
        if (lm_draw(draws, 2)) s.compute.blocks.k = 1 + s.compute.blocks.k % 40;
        covered seen = {.columns = o.g.n, .expected = o.expected};
        seen.count = calloc((size_t)(o.g.m * o.g.n), 1);
        o.g.finish = cover;
        o.g.argument = &seen;
        o.g.finish_only = finish_only;
        o.g.c = finish_only ? NULL : o.c;
        lm_gemm_multiply(&s.compute, &o.g);
        for (int64_t j = 0; j < o.g.m * o.g.n; j++)
            if (seen.count[j] != 1) seen.wrong = 1;
        if (seen.wrong)
            fail_msg("%s %lld x %lld x %lld in blocks of %lld x %lld, %lld: not the scalar bits",
                     lm_isa_name(isa), (long long)shape[0], (long long)shape[1],
                     (long long)shape[2], (long long)s.compute.blocks.m,
                     (long long)s.compute.blocks.k, (long long)s.compute.blocks.n);
        free(seen.count);
        end(&s);
    }
    release(&o);
}

static void test_blocks_change_no_bit(void **precision) {
    lm_draws draws = {.seed = 16};
    for (int i = 0; i < 60; i++)
        any_blocks(&draws, shapes[lm_draw(&draws, sizeof shapes / sizeof *shapes)],
                   *(const lm_precision *)*precision);
    static const int64_t longest[] = {3, 5, LM_GEMM_FINISH_K}; /* panels of B become narrower */
    any_blocks(&draws, longest, *(const lm_precision *)*precision);
}

/* What the model says of a Zen 4, a Zen 3, caches with few ways and shared ones. */
static void test_blocks_suit_the_caches(void **unused) {
    (void)unused;
    static const struct {
        int64_t l2;
        int ways, shared, cpus, threads;
        int64_t m, k;
    } rows[] = {
        {1 << 20, 8, 1, 2, 2, 96, 1024},   {512 << 10, 8, 1, 2, 2, 96, 512},
        {256 << 10, 8, 1, 4, 4, 96, 256},  {256 << 10, 4, 1, 4, 4, 102, 320},
        {1 << 20, 8, 2, 2, 2, 96, 512},    {1 << 20, 8, 2, 4, 2, 96, 1024}, /* a thread a core */
        {2 << 20, 16, 1, 8, 8, 192, 1024}, {64 << 10, 8, 1, 1, 1, 48, 128},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_caches c = lm_caches_usual;
        c.l2 = (lm_cache){rows[i].l2, rows[i].ways, rows[i].shared};
        c.cpus = rows[i].cpus;
        lm_gemm_blocks b = lm_gemm_blocks_for(&c, rows[i].threads);
        assert_int_equal(b.m, rows[i].m);
        assert_int_equal(b.k, rows[i].k);
        assert_true(b.n * b.k * 4 <= c.l3.bytes / 2);
    }
}

static void test_empty(void **unused) {
    (void)unused;
    setup s;
    begin(&s, lm_cpu_detect(), 2, LM_FP32);
    float c[4] = {1, 2, 3, 4};
    const float unread[1] = {NAN};
    lm_gemm g = {.m = 0,
                 .n = 2,
                 .k = 3,
                 .a = lm_array_f32(unread),
                 .b = lm_array_f32(unread),
                 .c = c,
                 .c_row = 2};
    lm_gemm_multiply(&s.compute, &g);
    g.m = 2, g.n = 0;
    lm_gemm_multiply(&s.compute, &g);
    assert_true(c[0] == 1 && c[3] == 4);
    g.n = 2, g.k = 0; /* an empty sum is init: zeros */
    lm_gemm_multiply(&s.compute, &g);
    for (int i = 0; i < 4; i++) assert_true(c[i] == 0);
    end(&s);
}

int main(void) {
    static lm_precision fp32 = LM_FP32, bf16 = LM_BF16;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_same_bits, &fp32),
                                       cmocka_unit_test_prestate(test_same_bits, &bf16),
                                       cmocka_unit_test_prestate(test_parts_of_k, &fp32),
                                       cmocka_unit_test_prestate(test_parts_of_k, &bf16),
                                       cmocka_unit_test(test_finish_sees_final_values_once),
                                       cmocka_unit_test_prestate(test_blocks_change_no_bit, &fp32),
                                       cmocka_unit_test_prestate(test_blocks_change_no_bit, &bf16),
                                       cmocka_unit_test(test_blocks_suit_the_caches),
                                       cmocka_unit_test(test_empty)};
    lm_fpmode_set();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
