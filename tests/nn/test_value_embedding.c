/* Value embeddings against their definition in double, whose slopes are central differences; the
 * same bits for any number of threads, for the scalar kernels and window by window. */
#include "tests/support/test.h"

#include <string.h>

#include "nn/value_embedding.h"
#include "tests/support/layers.h"

#define EPS ((double)FLT_EPSILON)

enum { VOCAB = 5 };

typedef struct reference {
    const lm_value_embedding *e;
    double *table, *gates;
    const double *values, *dvalues; /* [T, row] */
} reference;

/* Channel c of head h of token i. */
static double value(const reference *r, int64_t i, int64_t h, int64_t c) {
    const lm_value_embedding *e = r->e;
    const int64_t at = h * e->head_size + c, width = e->heads * e->head_size;
    const int32_t token = e->tokens[i / e->time * e->tokens_row + i % e->time];
    return r->values[i * e->row + at] + r->gates[i * e->heads + h] * r->table[token * width + at];
}

static double objective(void *context) {
    const reference *r = context;
    const lm_value_embedding *e = r->e;
    double sum = 0;
    for (int64_t i = 0; i < e->batch * e->time; i++)
        for (int64_t h = 0; h < e->heads; h++)
            for (int64_t c = 0; c < e->head_size; c++)
                sum += r->dvalues[i * e->row + h * e->head_size + c] * value(r, i, h, c);
    return sum;
}

typedef struct result {
    float *values, *dtable, *dgates;
} result;

/* In calls of `each` windows. */
static result run(const lm_value_embedding *e, const float *values, const float *dvalues,
                  const float *dtable, int64_t each, int threads, int scalar) {
    lm_kernels kernels;
    lm_compute compute;
    const int64_t n = e->batch * e->time;
    result r = {layers_copy(values, n * e->row),
                layers_copy(dtable, VOCAB * e->heads * e->head_size), layers_floats(n * e->heads)};
    layers_open(&compute, &kernels, threads, scalar, 0);
    for (int64_t b = 0; b < e->batch; b += each) {
        lm_value_embedding part = *e;
        const int64_t at = b * e->time;
        part.batch = each;
        part.tokens += b * e->tokens_row;
        part.gates += at * e->heads;
        lm_value_embedding_forward(&compute, &part, r.values + at * e->row);
        lm_value_embedding_backward(&compute, &part, dvalues + at * e->row, r.dtable,
                                    r.dgates + at * e->heads);
    }
    layers_close(&compute);
    return r;
}

/* All values lie in [-1, 1], gates in [0, 2]. A value is a product and a sum; a gate's gradient a
 * sum over D channels; that of a row of the table a chain over the tokens. */
static void compare(const lm_value_embedding *e, const float *values, const float *dvalues,
                    const float *dtable, const result *got) {
    const int64_t n = e->batch * e->time, width = e->heads * e->head_size;
    const double d = (double)e->head_size, tokens = (double)n;
    reference r = {e, layers_doubles(e->table, VOCAB * width),
                   layers_doubles(e->gates, n * e->heads), layers_doubles(values, n * e->row),
                   layers_doubles(dvalues, n * e->row)};
    double *want = layers_doubles(values, n * e->row), *dt = layers_doubles(dtable, VOCAB * width);
    double *dg = layers_doubles(NULL, n * e->heads);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < width; k++)
            want[i * e->row + k] = value(&r, i, k / e->head_size, k % e->head_size);
    for (int64_t i = 0; i < VOCAB * width; i++)
        dt[i] += layers_slope(objective, &r, &r.table[i], 1e-5);
    for (int64_t i = 0; i < n * e->heads; i++)
        dg[i] = layers_slope(objective, &r, &r.gates[i], 1e-5);
    layers_close_to("values", got->values, want, n * e->row, 3 * EPS);
    layers_close_to("dtable", got->dtable, dt, VOCAB * width,
                    EPS * 2 * tokens * (tokens + 2) + 1e-8);
    layers_close_to("dgates", got->dgates, dg, n * e->heads, EPS * d * (d + 1) + 1e-8);
}

static void check(int64_t batch, int64_t time, int64_t heads, int64_t size, bool exact) {
    static const struct { int threads, scalar; } setups[] = {{1, 0}, {3, 0}, {2, 1}};
    const int64_t n = batch * time, width = heads * size, row = width + 3;
    int32_t *tokens = layers_ints(batch * (time + 1));
    const float *picks = layers_random(batch * (time + 1), 1, 0, VOCAB - 0.01);
    for (int64_t i = 0; i < batch * (time + 1); i++) tokens[i] = (int32_t)picks[i];
    const lm_value_embedding e = {.batch = batch,
                                  .time = time,
                                  .tokens = tokens,
                                  .tokens_row = time + 1,
                                  .heads = heads,
                                  .head_size = size,
                                  .row = row,
                                  .table = layers_random(VOCAB * width, 2, -1, 1),
                                  .gates = layers_random(n * heads, 3, 0, 2)};
    const float *values = layers_random(n * row, 4, -1, 1);
    const float *dtable = layers_random(VOCAB * width, 5, -1, 1);
    float *dvalues = layers_random(n * row, 6, -1, 1), *before = layers_copy(dvalues, n * row);
    result first = {0};
    for (size_t k = 0; k < sizeof setups / sizeof *setups + 1; k++) {
        const bool apart = k == sizeof setups / sizeof *setups;
        result r = run(&e, values, dvalues, dtable, apart ? 1 : batch,
                       apart ? 2 : setups[k].threads, apart ? 0 : setups[k].scalar);
        if (k == 0) first = r;
        layers_same_bits("values", first.values, r.values, n * row);
        layers_same_bits("dtable", first.dtable, r.dtable, VOCAB * width);
        layers_same_bits("dgates", first.dgates, r.dgates, n * heads);
    }
    layers_same_bits("dvalues stay as they are", before, dvalues, n * row);
    if (exact) compare(&e, values, dvalues, dtable, &first);
    layers_free_all();
}

static void test_value_embedding(void **state) {
    (void)state;
    check(1, 1, 1, 1, true);
    check(2, 5, 3, 7, true);
    check(3, 4, 1, 20, true);
    check(4, 130, 6, 32, false); /* several tasks */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_value_embedding)};
    return cmocka_run_group_tests_name("value_embedding", tests, NULL, NULL);
}
