/* Attention against a cache: against plain double-precision code, and the same bits for all
 * threads, for the scalar kernels, and for a token whatever other tokens are new with it. */
#include "tests/support/test.h"

#include <math.h>

#include "ops/attention.h"
#include "tests/support/layers.h"

#define EPS ((double)FLT_EPSILON)

static const struct { int threads, scalar; } setups[] = {{1, 0}, {2, 0}, {3, 0}, {16, 0}, {2, 1}};
enum { SETUPS = sizeof setups / sizeof setups[0] };

typedef struct shape {
    int64_t position, tokens, heads, kv_heads, d, window;
    int64_t document; /* one begins at each multiple; 0: none */
    float cap;
} shape;

static int64_t first_seen(const shape *s, int64_t at) {
    int64_t begin = s->document > 0 ? at / s->document * s->document : 0;
    return s->window > 0 && at + 1 - s->window > begin ? at + 1 - s->window : begin;
}

/* One row of the definition: want [D]. */
static void define(const shape *s, const lm_attention_cached *a, int64_t t, int64_t h,
                   double *want) {
    int64_t at = h / (s->heads / s->kv_heads) * a->cache_head, last = s->position + t;
    double sum = 0;
    for (int64_t i = 0; i < s->d; i++) want[i] = 0;
    for (int64_t u = first_seen(s, last); u <= last; u++) {
        double score = 0;
        for (int64_t i = 0; i < s->d; i++)
            score += (double)a->q[t * a->q_row + h * s->d + i] *
                     (double)a->keys[u * a->cache_row + at + i];
        score /= sqrt((double)s->d);
        if (s->cap > 0) score = (double)s->cap * tanh(score / (double)s->cap);
        sum += exp(score);
        for (int64_t i = 0; i < s->d; i++)
            want[i] += exp(score) * (double)a->values[u * a->cache_row + at + i];
    }
    for (int64_t i = 0; i < s->d; i++) want[i] /= sum;
}

static void check(shape s) {
    int64_t length = s.position + s.tokens, row = s.d + 5, wide = s.heads * s.d + 3;
    int64_t count = ((s.kv_heads - 1) * (length + 2) + length - 1) * row + s.d;
    float *first = NULL;
    int32_t *documents = layers_ints(s.tokens);
    for (int64_t t = 0; t < s.tokens && s.document > 0; t++)
        documents[t] = (int32_t)((s.position + t) / s.document * s.document);
    lm_attention_cached a = {.tokens = s.tokens,
                             .position = s.position,
                             .heads = s.heads,
                             .kv_heads = s.kv_heads,
                             .head_size = s.d,
                             .q = layers_random(s.tokens * wide, 1, -1, 1),
                             .q_row = wide,
                             .keys = layers_random(count, 2, -1, 1),
                             .values = layers_random(count, 3, -1, 1),
                             .cache_head = (length + 2) * row,
                             .cache_row = row,
                             .window = s.window,
                             .documents = s.document > 0 ? documents : NULL,
                             .scale = 1.0f / sqrtf((float)s.d),
                             .softcap = s.cap,
                             .out_row = s.heads * s.d};
    for (int i = 0; i < SETUPS; i++) {
        lm_kernels k;
        lm_compute compute;
        layers_open(&compute, &k, setups[i].threads, setups[i].scalar,
                    lm_attention_cached_scratch_bytes(length));
        a.out = layers_floats(s.tokens * a.out_row);
        lm_attention_cached_f32(&compute, &a);
        if (i == 0) first = a.out;
        layers_same_bits("cached", first, a.out, s.tokens * a.out_row);
        for (int64_t t = 0; t < s.tokens; t++) { /* each alone */
            lm_attention_cached one = a;
            one.position += t;
            one.tokens = 1;
            one.q += t * a.q_row;
            one.documents = a.documents ? a.documents + t : NULL;
            one.out = layers_floats(a.out_row);
            lm_attention_cached_f32(&compute, &one);
            layers_same_bits("alone", first + t * a.out_row, one.out, a.out_row);
        }
        layers_close(&compute);
    }
    double *want = layers_doubles(NULL, s.d);
    for (int64_t t = 0; t < s.tokens; t++)
        for (int64_t h = 0; h < s.heads; h++) {
            define(&s, &a, t, h, want);
            layers_close_to("cached", first + t * a.out_row + h * s.d, want, s.d,
                            EPS * (8 + 2 * sqrt((double)s.d) + sqrt((double)length)));
        }
    layers_free_all();
}

static void test_one_token(void **state) {
    (void)state;
    check((shape){.position = 0, .tokens = 1, .heads = 1, .kv_heads = 1, .d = 1});
    check((shape){.position = 4, .tokens = 1, .heads = 4, .kv_heads = 2, .d = 7});
    check((shape){.position = 62, .tokens = 1, .heads = 2, .kv_heads = 2, .d = 16, .cap = 0.7f});
    check((shape){.position = 299, .tokens = 1, .heads = 6, .kv_heads = 2, .d = 64});
    check((shape){.position = 40, .tokens = 1, .heads = 15, .kv_heads = 1, .d = 6}); /* 12 and 3 */
}

static void test_several_tokens(void **state) {
    (void)state;
    check((shape){.position = 0, .tokens = 2, .heads = 1, .kv_heads = 1, .d = 3});
    check((shape){.position = 0, .tokens = 31, .heads = 4, .kv_heads = 2, .d = 16});
    check((shape){.position = 100, .tokens = 25, .heads = 3, .kv_heads = 3, .d = 20, .cap = 1});
    check((shape){.position = 7, .tokens = 96, .heads = 2, .kv_heads = 1, .d = 64});
}

static void test_what_tokens_see(void **state) {
    (void)state;
    check((shape){.position = 3, .tokens = 40, .heads = 2, .kv_heads = 1, .d = 8, .window = 9});
    check((shape){.position = 5, .tokens = 40, .heads = 2, .kv_heads = 2, .d = 8, .document = 17});
    check((shape){.position = 1,
                  .tokens = 50,
                  .heads = 4,
                  .kv_heads = 2,
                  .d = 6,
                  .window = 30,
                  .document = 24,
                  .cap = 2});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_one_token, layers_tear_down),
        cmocka_unit_test_teardown(test_several_tokens, layers_tear_down),
        cmocka_unit_test_teardown(test_what_tokens_see, layers_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
