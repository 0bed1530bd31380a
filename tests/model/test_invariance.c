/* What must not matter: the order of rows, how they are put into micro-batches, a window as long as
 * the row, whether heads are shared or equal, what is recomputed, and whether documents stand in
 * one row or apart. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "model/parts.h"
#include "tests/support/layers.h"
#include "tests/support/options.h"
#include "tests/support/transformer.h"

enum { MOST_TOKENS = 512 };

/* Losses and gradients of one pass over the rows at tokens; freed by layers_free_all. */
typedef struct outcome {
    double loss;
    float *gradients;
    int64_t total;
    uint64_t activations;
} outcome;

static outcome run(const lm_model_options *o, const int32_t *tokens, int64_t batch, int64_t time) {
    lm_model *m = transformer_create(o, batch, true, &layers_compute);
    transformer_fill(m);
    outcome r = {.total = lm_model_total(m), .activations = m->activations.used};
    r.loss = lm_model_forward_backward(m, tokens, batch, time, 1.0f / 32);
    lm_model_end_gradients(m);
    r.gradients = layers_copy(lm_model_gradients(m), r.total);
    lm_model_free(m);
    return r;
}

static void same(const char *what, const outcome *a, const outcome *b) {
    assert_int_equal(a->total, b->total);
    if (a->loss < b->loss || a->loss > b->loss)
        fail_msg("%s: losses %.17g and %.17g", what, a->loss, b->loss);
    layers_same_bits(what, a->gradients, b->gradients, a->total);
}

/* Up to the rounding of sums in another order: a few roundings of the largest partial sum. */
static void close_to(const char *what, const outcome *a, const float *b, double roundings) {
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < a->total; i++) {
        double off = fabs((double)a->gradients[i] - (double)b[i]);
        if (fabs((double)b[i]) > largest) largest = fabs((double)b[i]);
        if (off > worst) worst = off;
    }
    print_message("%s: off by %.1f eps of the largest\n", what,
                  worst / largest / (double)FLT_EPSILON);
    assert_true(worst <= roundings * (double)FLT_EPSILON * largest);
}

static void test_recomputing_changes_no_bit_and_saves(void **state) {
    (void)state;
    for (const transformer_case *t = transformer_cases(); *t->name; t++) {
        int32_t tokens[MOST_TOKENS];
        lm_model_options o = t->o;
        o.n_layers = 3;
        transformer_tokens(tokens, 0, t->batch, o.context_length, o.vocab_size);
        outcome kept = run(&o, tokens, t->batch, o.context_length);
        uint64_t before = kept.activations;
        for (o.recompute = 1; o.recompute < LM_RECOMPUTE_COUNT; o.recompute++) {
            outcome again = run(&o, tokens, t->batch, o.context_length);
            same(t->name, &kept, &again);
            assert_true(again.activations < before);
            before = again.activations;
        }
        layers_free_all();
    }
}

static void test_whole_window_is_none(void **state) {
    (void)state;
    for (const transformer_case *t = transformer_cases(); *t->name; t++) {
        int32_t tokens[MOST_TOKENS];
        lm_model_options o = t->o;
        transformer_tokens(tokens, 0, t->batch, o.context_length, o.vocab_size);
        o.window = 0;
        outcome none = run(&o, tokens, t->batch, o.context_length);
        for (o.window = o.context_length; o.window < o.context_length + 2; o.window++) {
            outcome whole = run(&o, tokens, t->batch, o.context_length);
            same(t->name, &none, &whole);
        }
        layers_free_all();
    }
}

/* Plain attention's weight or bias of queries, keys and values, or its gradient, from that of
 * grouped heads: each key and value head stands once for every query head that reads it. wide
 * [(3 H) D, n], grouped [(H + 2 K) D, n]. */
static void repeat_heads(const lm_model_options *o, int64_t n, const float *grouped, float *wide) {
    int64_t size = lm_model_head_size(o) * n, h = o->n_heads, k = o->n_kv_heads;
    for (int64_t i = 0; i < h; i++) {
        const int64_t from[] = {i, h + i / (h / k), h + k + i / (h / k)},
                      to[] = {i, h + i, 2 * h + i};
        for (int part = 0; part < 3; part++)
            memcpy(wide + to[part] * size, grouped + from[part] * size,
                   (size_t)size * sizeof *wide);
    }
}

/* The way back, for gradients: those of a head's copies are summed. */
static void sum_heads(const lm_model_options *o, int64_t n, const float *wide, float *grouped) {
    int64_t size = lm_model_head_size(o) * n, h = o->n_heads, k = o->n_kv_heads;
    memset(grouped, 0, (size_t)((h + 2 * k) * size) * sizeof *grouped);
    for (int64_t i = 0; i < 3 * h; i++) {
        int64_t to = i < h ? i : i < 2 * h ? h + (i - h) / (h / k) : h + k + (i - 2 * h) / (h / k);
        for (int64_t j = 0; j < size; j++) grouped[to * size + j] += wide[i * size + j];
    }
}

/* Grouped heads are plain attention whose key and value heads are equal within a group: the same
 * losses, bit for bit, and the same gradients but for the sums over a group. With as many heads of
 * both kinds, they are plain attention. */
static void check_heads(const char *name, const lm_model_options *grouped, int64_t batch) {
    int32_t tokens[MOST_TOKENS];
    lm_model_options plain = *grouped;
    int64_t time = plain.context_length, n_rows, n_plain;
    plain.n_kv_heads = plain.n_heads;
    transformer_tokens(tokens, 0, batch, time, plain.vocab_size);
    outcome shared = run(grouped, tokens, batch, time);
    lm_model *g = transformer_create(grouped, 1, false, &layers_compute);
    lm_model *m = transformer_create(&plain, batch, true, &layers_compute);
    const lm_param *rows = lm_model_rows(g, &n_rows), *wide = lm_model_rows(m, &n_plain);
    transformer_fill(g);
    assert_int_equal(n_rows, n_plain);
    for (int64_t r = 0; r < n_rows; r++) {
        const float *from = lm_model_weights(g) + rows[r].offset;
        float *to = lm_model_weights(m) + wide[r].offset;
        if (strstr(rows[r].name, "attn.qkv."))
            repeat_heads(grouped, rows[r].ndim == 2 ? rows[r].shape[1] : 1, from, to);
        else
            memcpy(to, from, (size_t)rows[r].count * sizeof *to);
    }
    double loss = lm_model_forward_backward(m, tokens, batch, time, 1.0f / 32);
    lm_model_end_gradients(m);
    if (loss < shared.loss || loss > shared.loss)
        fail_msg("%s: losses %.17g and %.17g", name, loss, shared.loss);
    float *gradients = layers_copy(shared.gradients, shared.total);
    for (int64_t r = 0; r < n_rows; r++) {
        const float *from = lm_model_gradients(m) + wide[r].offset;
        if (strstr(rows[r].name, "attn.qkv."))
            sum_heads(grouped, rows[r].ndim == 2 ? rows[r].shape[1] : 1, from,
                      gradients + rows[r].offset);
        else
            memcpy(gradients + rows[r].offset, from, (size_t)rows[r].count * sizeof *from);
    }
    if (grouped->n_kv_heads == grouped->n_heads)
        layers_same_bits(name, shared.gradients, gradients, shared.total);
    else
        close_to(name, &shared, gradients, 8);
    lm_model_free(g);
    lm_model_free(m);
    layers_free_all();
}

static void test_shared_heads_are_equal_heads(void **state) {
    (void)state;
    for (const transformer_case *t = transformer_cases(); *t->name; t++) {
        lm_model_options o = t->o;
        o.value_embeddings =
            0; /* its tables have heads too: golden and finite differences meet it */
        for (o.n_kv_heads = 1; o.n_kv_heads <= o.n_heads; o.n_kv_heads++)
            if (o.n_heads % o.n_kv_heads == 0) check_heads(t->name, &o, t->batch);
    }
}

/* Rows in another order: each has its loss, bit for bit; gradients up to rounding. (Dropout goes by
 * the number of the row, so it is off.) */
static void test_rows_in_another_order(void **state) {
    (void)state;
    for (const transformer_case *t = transformer_cases(); *t->name; t++) {
        int32_t tokens[MOST_TOKENS], turned[MOST_TOKENS];
        float losses[MOST_TOKENS];
        lm_model_options o = t->o;
        int64_t time = o.context_length, row = time + 1;
        o.dropout = 0;
        transformer_tokens(tokens, 0, 3, time, o.vocab_size);
        for (int64_t b = 0; b < 3; b++)
            memcpy(turned + (b + 1) % 3 * row, tokens + b * row, (size_t)row * sizeof *tokens);
        outcome a = run(&o, tokens, 3, time), b = run(&o, turned, 3, time);
        close_to(t->name, &a, b.gradients, 8);
        lm_model *m = transformer_create(&o, 3, false, &layers_compute);
        transformer_fill(m);
        lm_model_loss(m, tokens, 3, time);
        memcpy(losses, m->buffers.at[LM_B_LOSS], (size_t)(3 * time) * sizeof *losses);
        lm_model_loss(m, turned, 3, time);
        for (int64_t r = 0; r < 3; r++)
            layers_same_bits(t->name, losses + r * time,
                             m->buffers.at[LM_B_LOSS] + (r + 1) % 3 * time, time);
        lm_model_free(m);
        layers_free_all();
    }
}

/* ---- micro-batches --------------------------------------------------------------------------- */
/* Gradients and losses of the rows at tokens in micro-batches of `each` rows, the last one of what
 * is left. */
static void accumulate(lm_model *m, const int32_t *tokens, int64_t rows, int64_t each,
                       double *losses) {
    int64_t time = lm_model_get_options(m)->context_length;
    lm_model_begin_step(m);
    lm_model_begin_gradients(m, NULL);
    for (int64_t done = 0, n; done < rows; done += n) {
        n = lm_min(rows - done, each);
        lm_model_seed_dropout(m, 7, 5 + (uint64_t)done);
        lm_model_forward_backward(m, tokens + done * (time + 1), n, time, 1.0f / 32);
        for (int64_t i = 0; i < n; i++) losses[done + i] = lm_model_window_loss(m, i);
    }
    lm_model_end_gradients(m);
}

/* A model for one pass a step, whose loss head and last layers work in the gradients, and in
 * evaluation the head in what layers keep for backward: the same bits, twice, evaluation in
 * between. Returns how many layers were lent memory. */
static int64_t check_one_pass(const char *name, const lm_model *many, const int32_t *tokens,
                              int64_t rows, const double *losses) {
    const lm_model_options *o = &many->o;
    const lm_model_use use = {.batch = rows, .windows = rows};
    const float *want = lm_model_gradients((lm_model *)(uintptr_t)many);
    double again[8], evaluated = 0;
    lm_error err;
    lm_model *m;
    assert_int_equal(lm_model_create(&m, o, &use, many->compute, &err), LM_OK);
    transformer_fill(m);
    for (int time = 0; time < 2; time++) {
        accumulate(m, tokens, rows, rows, again);
        layers_same_bits(name, want, lm_model_gradients(m), m->params.total);
        assert_memory_equal(losses, again, (size_t)rows * sizeof *again);
        double loss = lm_model_loss(m, tokens, rows, o->context_length);
        assert_true(time == 0 || loss == evaluated);
        evaluated = loss;
        layers_same_bits(name, want, lm_model_gradients(m), m->params.total);
    }
    assert_true(evaluated ==
                lm_model_loss((lm_model *)(uintptr_t)many, tokens, rows, o->context_length));
    int64_t lent = o->n_layers - m->buffers.layers;
    lm_model_free(m);
    return lent;
}

/* Any cut into micro-batches gives the same bits, and nothing of one leaks into the next. Returns
 * what check_one_pass does. */
static int64_t check_micro_batches(const char *name, const lm_model_options *o,
                                   lm_precision precision) {
    enum { ROWS = 5 };
    int32_t tokens[ROWS * MOST_TOKENS];
    double losses[ROWS], again[ROWS];
    lm_compute compute = layers_compute;
    compute.precision = precision;
    compute.scratch = (lm_arena){0};
    compute.scratch_per_worker = 0;
    lm_model *m = transformer_create(o, ROWS, true, &compute);
    int64_t total = lm_model_total(m);
    transformer_fill(m);
    transformer_tokens(tokens, 0, ROWS, o->context_length, o->vocab_size);
    accumulate(m, tokens, ROWS, ROWS, losses);
    float *once = layers_copy(lm_model_gradients(m), total);
    int64_t lent = check_one_pass(name, m, tokens, ROWS, losses);
    for (int64_t each = 1; each < ROWS; each++) {
        accumulate(m, tokens, ROWS, each, again);
        layers_same_bits(name, once, lm_model_gradients(m), total);
        assert_memory_equal(losses, again, sizeof losses);
    }
    lm_model_free(m);
    lm_compute_free(&compute);
    layers_free_all();
    return lent;
}

static void test_micro_batches_change_no_bit(void **state) {
    static option_pairs pairs;
    char what[OPTION_PAIRS_TEXT];
    lm_model_options o;
    (void)state;
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++) {
        for (const transformer_case *t = transformer_cases(); *t->name; t++) {
            o = t->o;
            check_micro_batches(t->name, &o, (lm_precision)precision);
            o.context_length -= 1; /* odd, where it was even */
            check_micro_batches(t->name, &o, (lm_precision)precision);
        }
        lm_model_options base = options_tiny();
        base.context_length = 5;
        option_pairs_begin(&pairs, &base);
        while (option_pairs_next(&pairs, &o, what))
            check_micro_batches(what, &o, (lm_precision)precision);
    }
}

/* So many tokens that norms sum a window in chunks and the loss head goes block by block. */
static void test_micro_batches_of_long_windows_change_no_bit(void **state) {
    (void)state;
    lm_model_options o = transformer_named("gpt2")->o;
    o.context_length = MOST_TOKENS - 1;
    o.vocab_size = 3001;
    o.d_model = o.d_ff = 48 * o.n_heads;
    o.n_layers = 1;
    o.position = LM_POSITION_ROPE;
    o.qk_norm = o.embedding_norm = true;
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++)
        check_micro_batches("long windows", &o, (lm_precision)precision);
}

/* Layers much larger than what they keep of a few tokens. */
static void test_layers_in_gradients_change_no_bit(void **state) {
    (void)state;
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++) {
        for (const transformer_case *t = transformer_cases(); *t->name; t++) {
            lm_model_options o = t->o;
            o.context_length = 4;
            o.window = 0;
            o.n_layers = 5;
            for (o.recompute = 0; o.recompute < LM_RECOMPUTE_COUNT; o.recompute++)
                assert_in_range(check_micro_batches(t->name, &o, (lm_precision)precision), 1, 4);
        }
    }
}

/* A row of documents, and each of them in a row of its own. */
static void test_documents_apart(void **state) {
    (void)state;
    for (const transformer_case *t = transformer_cases(); *t->name; t++) {
        int32_t tokens[MOST_TOKENS];
        lm_model_options o = t->o;
        int64_t time = o.context_length, documents = 0;
        o.dropout = 0;
        o.document_mask = true;
        o.document_token = 2;
        transformer_tokens(tokens, 0, 1, time, o.vocab_size);
        for (int64_t i = 0; i < time; i++) /* a few documents even in the shortest row */
            if (i % 5 == 3) tokens[i] = 2;
        outcome together = run(&o, tokens, 1, time);
        lm_model_options apart = o;
        apart.document_mask = false;
        lm_model *m = transformer_create(&apart, 1, true, &layers_compute);
        double loss = 0;
        transformer_fill(m);
        for (int64_t begin = 0, end; begin < time; begin = end, documents++) {
            for (end = begin + 1; end < time && tokens[end] != 2; end++) {
            }
            loss += lm_model_forward_backward(m, tokens + begin, 1, end - begin, 1.0f / 32);
        }
        assert_true(documents > 1);
        lm_model_end_gradients(m);
        close_to(t->name, &together, lm_model_gradients(m), 32);
        assert_true(fabs(loss - together.loss) <= 32 * (double)FLT_EPSILON * loss);
        lm_model_free(m);
        layers_free_all();
    }
}

/* Dropout is another one for another seed or other rows, and none in evaluation. */
static void test_dropout_follows_seed_and_rows(void **state) {
    (void)state;
    int32_t tokens[MOST_TOKENS];
    lm_model_options o = transformer_named("gpt2")->o;
    int64_t time = o.context_length;
    o.dropout = 0.2;
    transformer_tokens(tokens, 0, 2, time, o.vocab_size);
    lm_model *m = transformer_create(&o, 2, true, &layers_compute);
    transformer_fill(m);
    double first = lm_model_forward_backward(m, tokens, 2, time, 0);
    double evaluated = lm_model_loss(m, tokens, 2, time);
    lm_model_seed_dropout(m, 8, 5);
    double seed = lm_model_forward_backward(m, tokens, 2, time, 0);
    lm_model_seed_dropout(m, 7, 6);
    double rows = lm_model_forward_backward(m, tokens, 2, time, 0);
    lm_model_seed_dropout(m, 7, 5);
    double again = lm_model_forward_backward(m, tokens, 2, time, 0);
    assert_true(fabs(first - again) == 0.0);
    assert_true(fabs(first - seed) > 1e-3 && fabs(first - rows) > 1e-3);
    assert_true(fabs(first - evaluated) > 1e-3);
    lm_model_free(m);
    o.dropout = 0;
    m = transformer_create(&o, 2, true, &layers_compute);
    transformer_fill(m);
    assert_true(fabs(lm_model_forward_backward(m, tokens, 2, time, 0) - evaluated) == 0.0);
    lm_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recomputing_changes_no_bit_and_saves),
        cmocka_unit_test(test_whole_window_is_none),
        cmocka_unit_test(test_shared_heads_are_equal_heads),
        cmocka_unit_test(test_rows_in_another_order),
        cmocka_unit_test(test_micro_batches_change_no_bit),
        cmocka_unit_test(test_micro_batches_of_long_windows_change_no_bit),
        cmocka_unit_test(test_layers_in_gradients_change_no_bit),
        cmocka_unit_test(test_documents_apart),
        cmocka_unit_test(test_dropout_follows_seed_and_rows),
    };
    return cmocka_run_group_tests_name("invariance", tests, layers_open_group, layers_close_group);
}
