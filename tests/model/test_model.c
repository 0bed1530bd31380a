/* Options, the rows of parameters, the plan, initial weights, and what must not change a result. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/parts.h"
#include "ops/softmax_nll.h"
#include "tests/support/layers.h"
#include "tests/support/options.h"
#include "tests/support/transformer.h"

static lm_error err;

/* ---- rows ------------------------------------------------------------------------------------ */
static void test_rows(void **state) {
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) {
        lm_model_options o = c->o;
        int64_t total, total_again, end = 0, n = lm_model_params(&o, NULL, &total);
        lm_param *rows = calloc((size_t)n, sizeof *rows);
        assert_int_equal(lm_model_params(&o, rows, &total_again), n);
        assert_int_equal(total, total_again);
        for (int64_t r = 0; r < n; r++) {
            assert_int_equal(rows[r].offset, end);
            assert_int_equal(rows[r].count,
                             rows[r].shape[0] * (rows[r].ndim == 2 ? rows[r].shape[1] : 1));
            assert_true(rows[r].decay == (rows[r].ndim == 2));
            for (int64_t other = 0; other < r; other++)
                assert_string_not_equal(rows[r].name, rows[other].name);
            end = (rows[r].offset + rows[r].count + 15) / 16 * 16;
        }
        assert_int_equal(end, total);
        free(rows);
    }
}

static const lm_param *find(const lm_param *rows, int64_t n, const char *name) {
    int64_t r = 0;
    while (r < n && strcmp(rows[r].name, name) != 0) r++;
    if (r == n) fail_msg("there is no row \"%s\"", name);
    return &rows[r];
}

static void test_row_names(void **state) {
    static const char *const names[] = {
        "wte.weight",           "h.0.ln_1.weight",      "h.0.attn.qkv.weight",
        "h.0.attn.proj.weight", "h.0.ln_2.weight",      "h.0.mlp.gate.weight",
        "h.0.mlp.up.weight",    "h.0.mlp.proj.weight",  "h.1.ln_1.weight",
        "h.1.attn.qkv.weight",  "h.1.attn.proj.weight", "h.1.ln_2.weight",
        "h.1.mlp.gate.weight",  "h.1.mlp.up.weight",    "h.1.mlp.proj.weight",
        "ln_f.weight",          "lm_head.weight"};
    (void)state;
    lm_model_options o = transformer_named("llama")->o;
    int64_t total, n = lm_model_params(&o, NULL, &total);
    lm_param rows[17];
    assert_int_equal(n, 17);
    lm_model_params(&o, rows, &total);
    for (int i = 0; i < 17; i++) assert_string_equal(rows[i].name, names[i]);
    assert_int_equal(rows[2].shape[0], (4 + 2 * 2) * 6);
    assert_int_equal(rows[2].shape[1], 24);
}

static int64_t count_role(const lm_param *rows, int64_t n, lm_param_role role) {
    int64_t count = 0;
    for (int64_t r = 0; r < n; r++) count += rows[r].role == role;
    return count;
}

/* Queries, keys and values are parts of one row, in weights and biases; others have none. */
static void test_parts_and_roles(void **state) {
    char name[LM_PARAM_NAME_SIZE];
    lm_param rows[64];
    (void)state;
    lm_model_options o = transformer_named("qwen2")->o;
    int64_t total, n = lm_model_params(&o, rows, &total), with_parts = 0;
    const lm_param *w = find(rows, n, "h.1.attn.qkv.weight"),
                   *b = find(rows, n, "h.1.attn.qkv.bias");
    for (int64_t r = 0; r < n; r++) with_parts += rows[r].n_parts != 0;
    assert_int_equal(with_parts, 2 * o.n_layers);
    for (int i = 0; i < 3; i++) {
        int64_t heads = i == 0 ? o.n_heads : o.n_kv_heads;
        assert_int_equal(w->parts[i].lines, heads * o.head_dim);
        assert_int_equal(w->parts[i].head, o.head_dim);
        assert_memory_equal(&w->parts[i], &b->parts[i], sizeof *w->parts);
    }
    assert_int_equal(w->n_parts, 3);
    assert_int_equal(w->parts[1].first, o.n_heads * o.head_dim);
    assert_int_equal(w->parts[2].first + w->parts[2].lines, w->shape[0]);
    lm_param_part_name(w, 0, -1, name);
    assert_string_equal(name, "h.1.attn.qkv.q.weight");
    lm_param_part_name(b, 2, 1, name);
    assert_string_equal(name, "h.1.attn.qkv.v.1.bias");
    o = transformer_named("llama")->o;
    n = lm_model_params(&o, rows, &total);
    assert_int_equal(count_role(rows, n, LM_ROLE_EMBEDDING), 1);
    assert_int_equal(count_role(rows, n, LM_ROLE_HEAD), 1);
    assert_int_equal(count_role(rows, n, LM_ROLE_HIDDEN), 5 * o.n_layers);
}

/* Heads of their own width, and biases of one layer alone. */
static void test_rows_of_heads_and_biases(void **state) {
    lm_param rows[64];
    lm_model_plan plan;
    (void)state;
    lm_model_options o = transformer_named("qwen2")->o;
    int64_t total, n = lm_model_params(&o, rows, &total), biases = 0;
    assert_int_equal(find(rows, n, "h.1.attn.qkv.weight")->shape[0], (3 + 2 * 1) * 4);
    assert_int_equal(find(rows, n, "h.1.attn.qkv.bias")->shape[0], (3 + 2 * 1) * 4);
    assert_int_equal(find(rows, n, "h.1.attn.proj.weight")->shape[0], 20);
    assert_int_equal(find(rows, n, "h.1.attn.proj.weight")->shape[1], 3 * 4);
    for (int64_t r = 0; r < n; r++) biases += strstr(rows[r].name, ".bias") != NULL;
    assert_int_equal(biases, 2); /* one a layer */
    lm_model_plan_make(&plan, &o, &(lm_model_use){.batch = 1, .windows = 1}, LM_FP32, 1);
    int64_t matrices = 2 * (20 * 20 + 12 * 20 + 3 * 24 * 20) + 11 * 20;
    assert_int_equal(plan.matrix_parameters, matrices);
    assert_true(plan.flops_per_token == 6.0 * (double)matrices + 12.0 * 2 * (3 * 4) * 8);
    o.bias = true; /* and there is no second bias */
    o.qkv_bias = false;
    int64_t with_bias = lm_model_params(&o, NULL, &total);
    o.qkv_bias = true;
    assert_int_equal(lm_model_params(&o, NULL, &total), with_bias);
    o = transformer_named("nemotron")->o;
    n = lm_model_params(&o, rows, &total);
    for (int64_t r = 0; r < n; r++)
        if (strstr(rows[r].name, ".bias")) assert_non_null(strstr(rows[r].name, "ln_"));
    assert_non_null(find(rows, n, "ln_f.bias"));
    o.norm = LM_NORM_RMSNORM; /* which has none */
    n = lm_model_params(&o, rows, &total);
    for (int64_t r = 0; r < n; r++) assert_null(strstr(rows[r].name, ".bias"));
}

/* ---- plan ------------------------------------------------------------------------------------ */
static void test_plan_of_gpt2(void **state) {
    (void)state;
    lm_model_plan plan;
    lm_model_options o = transformer_gpt2_124m();
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    o.context_length = 256;
    lm_model_plan_make(&plan, &o, &(lm_model_use){.batch = 4, .windows = 4}, LM_FP32, 2);
    assert_false(plan.overflow);
    /* 12 layers of 12 C^2 + 13 C, final norm 2 C, V C, T C */
    int64_t matrices = 12 * 12 * 768 * 768 + 50304 * 768;
    assert_int_equal(plan.matrix_parameters, matrices);
    assert_int_equal(plan.parameters, matrices + 12 * 13 * 768 + 2 * 768 + 256 * 768);
    assert_true(plan.flops_per_token == 6.0 * (double)matrices + 12.0 * 12 * 768 * 256);
    /* With two Adam states a step at 4 x 256 tokens must leave room in 2.6 GB. */
    double all = 4.0 * (double)plan.weights + (double)plan.activations + (double)plan.scratch;
    print_message("124M at 4 x 256: activations %.1f MB, all %.3f GB\n",
                  (double)plan.activations / 1e6, all / 1e9);
    assert_true(all < 2.5e9);
    /* The head's copy counts when it is not tied, the embedding's then does not. */
    o.tie_embeddings = false;
    lm_model_plan untied;
    lm_model_plan_make(&untied, &o, &(lm_model_use){.batch = 4, .windows = 4}, LM_FP32, 2);
    assert_int_equal(untied.matrix_parameters, plan.matrix_parameters);
    assert_int_equal(untied.parameters, plan.parameters + 50304 * 768);
}

/* 12 layers of 768 at a context of 8192: with everything kept the activations alone take 3.4 GB. */
static void test_plan_of_a_long_context(void **state) {
    (void)state;
    lm_model_options o = transformer_gpt2_124m();
    uint64_t activations[LM_RECOMPUTE_COUNT];
    o.context_length = 8192;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    for (o.recompute = 0; o.recompute < LM_RECOMPUTE_COUNT; o.recompute++) {
        lm_model_plan plan;
        lm_model_plan_make(&plan, &o, &(lm_model_use){.batch = 1, .windows = 2}, LM_FP32, 2);
        double all = 4.0 * (double)plan.weights + (double)plan.activations + (double)plan.scratch;
        print_message("context 8192, recompute %s: activations %.2f GB, all %.2f GB\n",
                      lm_recompute_name(o.recompute), (double)plan.activations / 1e9, all / 1e9);
        activations[o.recompute] = plan.activations;
        if (o.recompute == LM_RECOMPUTE_BLOCK) assert_true(all < 6e9);
    }
    /* of every layer but one: queries, keys, values, attention's output and lse; then mid and fc */
    uint64_t tokens = 11 * 8192 * sizeof(float);
    assert_int_equal(activations[0] - activations[1], tokens * (4 * 768 + 12));
    assert_int_equal(activations[1] - activations[2], tokens * (768 + 3072));
}

/* A step in one pass: what the last layers keep and the loss head's workspace lie in the gradients
 * of the layers, apart from each other, and each layer's before its own gradients. */
static void test_plan_of_one_pass(void **state) {
    (void)state;
    lm_model_options o = transformer_gpt2_124m();
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    const lm_model_use use = {.batch = 1024 / o.context_length, .windows = 1024 / o.context_length};
    lm_param_layout params;
    assert_true(lm_param_layout_make(&params, &o));
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++) {
        lm_model_plan plan;
        lm_buffers b;
        lm_model_plan_make(&plan, &o, &use, (lm_precision)precision, 2);
        double all = 4.0 * (double)plan.weights + (double)plan.activations + (double)plan.scratch +
                     (double)plan.rounded;
        print_message("%s: activations %.0f MB, all %.3f GB\n", lm_precision_name(precision),
                      (double)plan.activations / 1e6, all / 1e9);
        assert_true(all < 2.32e9);
        assert_true(lm_buffers_size(&b, &o, use.batch, LM_FOR_TRAINING, (lm_precision)precision));
        lm_buffers_share(&b, &o, &use, &params);
        assert_in_range(o.n_layers - b.layers, 4, o.n_layers - 1);
        assert_true((o.n_layers - b.layers) * b.stride <= params.stride * o.n_layers - b.head);
        for (int64_t layer = b.layers; layer < o.n_layers; layer++)
            assert_true((layer - b.layers + 1) * b.stride <= layer * params.stride);
    }
}

/* Every byte of every arena is planned, and handed out (scratch, whenever it is used). */
static void check_plan(const char *what, const lm_model_options *o, bool training) {
    enum { THREADS = 3, BATCH = 5 };
    lm_kernels k;
    lm_compute compute;
    lm_model_plan plan;
    layers_open(&compute, &k, THREADS, 0, 0);
    lm_compute_free(&compute); /* the scratch only: the model reserves its own */
    const lm_model_use use = transformer_use(BATCH, training);
    lm_model_plan_make(&plan, o, &use, LM_FP32, THREADS);
    lm_model *m = transformer_create(o, BATCH, training, &compute);
    const struct {
        const char *name;
        uint64_t planned, allocated, used;
    } arenas[] = {{"weights", plan.weights, m->weights.capacity, m->weights.used},
                  {"gradients", plan.gradients, m->gradients.capacity, m->gradients.used},
                  {"activations", plan.activations, m->activations.capacity, m->activations.used},
                  {"scratch", plan.scratch, compute.scratch.capacity, plan.scratch}};
    for (size_t i = 0; i < sizeof arenas / sizeof *arenas; i++)
        if (arenas[i].planned != arenas[i].allocated || arenas[i].planned != arenas[i].used)
            fail_msg("%s, %s: planned %llu bytes, allocated %llu, used %llu", what, arenas[i].name,
                     (unsigned long long)arenas[i].planned, (unsigned long long)arenas[i].allocated,
                     (unsigned long long)arenas[i].used);
    assert_true((lm_model_gradients(m) != NULL) == training);
    lm_model_free(m);
    layers_close(&compute);
}

static void test_plan_is_what_create_takes(void **state) {
    static option_pairs pairs;
    char what[OPTION_PAIRS_TEXT];
    lm_model_options o, base = options_tiny();
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) {
        o = c->o;
        check_plan(c->name, &o, true);
        check_plan(c->name, &o, false);
    }
    base.n_layers = 3;
    base.context_length = 67;
    option_pairs_begin(&pairs, &base);
    while (option_pairs_next(&pairs, &o, what)) {
        check_plan(what, &o, false);
        for (o.recompute = 0; o.recompute < LM_RECOMPUTE_COUNT; o.recompute++)
            check_plan(what, &o, true);
    }
}

/* Products with sums over d_model take no memory for those that wait for another block of k: a pass
 * with and without, at both precisions. */
static void test_models_wider_than_a_block_of_k(void **state) {
    static const struct {
        lm_precision precision;
        int64_t d_model;
    } cases[] = {{LM_FP32, 1024}, {LM_FP32, 1040}, {LM_BF16, 2048}, {LM_BF16, 2064}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_kernels k;
        lm_compute compute;
        int32_t tokens[8];
        lm_model_options o = transformer_gpt2_124m();
        o.d_model = cases[i].d_model;
        o.n_layers = 1;
        o.n_heads = 16;
        o.d_ff = 4 * o.d_model;
        o.vocab_size = 11;
        o.context_length = 4;
        assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
        layers_open(&compute, &k, 2, 0, 0);
        compute.precision = cases[i].precision;
        lm_model *m = transformer_create(&o, 1, true, &compute);
        int64_t fp32_heads = cases[i].precision == LM_FP32 ? 4 * lm_model_qkv_size(&o) : 0;
        assert_int_equal(m->buffers.count[LM_B_WIDE], fp32_heads);
        lm_model_init(m, 1);
        transformer_tokens(tokens, 0, 1, 4, o.vocab_size);
        lm_model_begin_step(m);
        lm_model_begin_gradients(m, NULL);
        assert_true(isfinite(lm_model_forward_backward(m, tokens, 1, 4, 0.25f)));
        lm_model_free(m);
        layers_close(&compute);
    }
}

static void test_absurd_sizes_overflow(void **state) {
    (void)state;
    lm_kernels k;
    lm_compute compute;
    lm_model_plan plan;
    lm_model *m;
    layers_open(&compute, &k, 1, 1, 0);
    lm_model_options o = transformer_gpt2_124m();
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    lm_model_plan_make(&plan, &o, &(lm_model_use){.batch = 4, .windows = 4}, LM_FP32, 2);
    assert_false(plan.overflow);
    lm_model_plan_make(&plan, &o, &(lm_model_use){.batch = INT64_MAX, .windows = INT64_MAX},
                       LM_FP32, 2); /* batch */
    assert_true(plan.overflow);
    lm_model_plan_make(&plan, &o,
                       &(lm_model_use){.batch = INT64_MAX / 1024, .windows = INT64_MAX / 1024},
                       LM_FP32, 2);
    assert_true(plan.overflow);
    assert_int_equal(lm_model_create(&m, &o,
                                     &(lm_model_use){.batch = INT64_MAX, .windows = INT64_MAX},
                                     &compute, &err),
                     LM_ERR_USAGE);
    assert_null(m);
    int64_t *const sizes[] = {&o.d_model, &o.n_layers, &o.d_ff, &o.context_length, &o.vocab_size};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t kept = *sizes[i];
        *sizes[i] = INT64_MAX / 12 * 12;
        lm_model_plan_make(&plan, &o, &(lm_model_use){.batch = 4, .windows = 4}, LM_FP32, 2);
        assert_true(plan.overflow);
        *sizes[i] = kept;
    }
    o.d_model = o.n_heads = o.n_kv_heads = o.d_ff = o.n_layers = INT32_MAX; /* each alone is fine */
    lm_model_plan_make(&plan, &o, &(lm_model_use){.batch = 4, .windows = 4}, LM_FP32, 2);
    assert_true(plan.overflow);
    layers_close(&compute);
}

/* The workspace of the loss head must serve every smaller micro-batch too. */
static void test_workspace_serves_fewer_tokens(void **state) {
    static const int64_t vocabularies[] = {1, 65, 4095, 50304};
    (void)state;
    for (int v = 0; v < 4; v++) {
        size_t before = 0;
        for (int64_t tokens = 0; tokens < 2000; tokens++) {
            size_t bytes = lm_softmax_nll_block_bytes(LM_FP32, tokens, 8, vocabularies[v]);
            assert_true(bytes >= before);
            before = bytes;
        }
    }
}

/* ---- initial weights ------------------------------------------------------------------------- */
/* Mean and standard deviation of a row's weights, and that constants are constant. */
static void check_initial(const lm_param *row, const float *w, double std) {
    double sum = 0, squares = 0, n = (double)row->count;
    for (int64_t i = 0; i < row->count; i++) {
        sum += (double)w[i];
        squares += (double)w[i] * (double)w[i];
        if (std == 0) assert_true((double)w[i] == row->init_value);
    }
    assert_true((row->init_std == 0) == (std == 0));
    if (std == 0) return;
    /* five standard deviations of the mean and of the variance */
    assert_true(fabs(sum / n) < 5 * std / sqrt(n));
    assert_true(fabs(squares / n / (std * std) - 1) < 5 * sqrt(2 / n));
}

static void test_init(void **state) {
    (void)state;
    lm_kernels k;
    lm_compute compute;
    lm_model_options o = transformer_named("gpt2")->o;
    const double scale[LM_INIT_COUNT] = {
        [LM_INIT_GPT2] = 1 / sqrt(2.0 * 2), [LM_INIT_NORMAL] = 1, [LM_INIT_ZERO_OUTPUT] = 0};
    o.d_model = 96;
    o.d_ff = 384;
    for (int i = 0; i < 2 * LM_INIT_COUNT; i++) {
        o.init = i / 2;
        o.init_std = i % 2 ? 0.05 : 0; /* 0: by the inputs of each matrix */
        float *first = NULL;
        for (int threads = 1; threads <= 3; threads++) {
            layers_open(&compute, &k, threads, 0, 0);
            lm_model *m = transformer_create(&o, 1, false, &compute);
            int64_t n_rows, total = lm_model_total(m);
            const lm_param *rows = lm_model_rows(m, &n_rows);
            lm_model_init(m, 7);
            for (int64_t r = 0; r < n_rows; r++) {
                bool residual = strstr(rows[r].name, ".proj.weight") != NULL;
                double std = i % 2 ? 0.05 : 1 / sqrt((double)rows[r].shape[1]);
                if (residual) std *= scale[o.init];
                if (rows[r].ndim == 1) std = 0;
                check_initial(&rows[r], lm_model_weights(m) + rows[r].offset, std);
            }
            if (!first) first = layers_copy(lm_model_weights(m), total);
            layers_same_bits("initial weights", first, lm_model_weights(m), total);
            lm_model_init(m, 8);
            assert_memory_not_equal(first, lm_model_weights(m), 4000);
            lm_model_free(m);
            layers_close(&compute);
        }
    }
    layers_free_all();
}

/* ---- what must not change a result ----------------------------------------------------------- */
typedef struct machine {
    int threads, apparent,
        scalar; /* apparent: work is cut for so many threads; 0: for those there are */
} machine;

/* Gradients of a case; caller frees. */
static float *gradients_with(const transformer_case *c, machine on, double *loss) {
    lm_kernels k;
    lm_compute compute;
    int32_t tokens[256];
    lm_model_options o = c->o;
    layers_open(&compute, &k, on.threads, on.scalar, 0);
    if (on.apparent) lm_pool_set_apparent_threads(compute.pool, on.apparent);
    lm_model *m = transformer_create(&o, c->batch, true, &compute);
    transformer_fill(m);
    transformer_tokens(tokens, 0, c->batch, o.context_length, o.vocab_size);
    *loss = lm_model_forward_backward(m, tokens, c->batch, o.context_length, 0.05f);
    lm_model_end_gradients(m);
    float *g = layers_copy(lm_model_gradients(m), lm_model_total(m));
    lm_model_free(m);
    layers_close(&compute);
    return g;
}

static void test_threads_and_kernels_give_the_same_bits(void **state) {
    static const machine setups[] = {{.threads = 1},
                                     {.threads = 2},
                                     {.threads = 3},
                                     {.threads = 2, .scalar = 1},
                                     {.threads = 2, .apparent = 40}};
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) {
        lm_model_options o = c->o;
        int64_t total;
        double loss, other;
        lm_model_params(&o, NULL, &total);
        float *first = gradients_with(c, setups[0], &loss);
        for (size_t s = 1; s < sizeof setups / sizeof *setups; s++) {
            float *g = gradients_with(c, setups[s], &other);
            assert_true(loss == other);
            layers_same_bits(c->name, first, g, total);
        }
    }
    layers_free_all();
}

/* A changed token changes the loss of its own prediction, and none before. */
static void test_causality(void **state) {
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) {
        lm_kernels k;
        lm_compute compute;
        int32_t tokens[256];
        lm_model_options o = c->o;
        int64_t time = o.context_length;
        layers_open(&compute, &k, 2, 0, 0);
        lm_model *m = transformer_create(&o, 1, false, &compute);
        const float *losses = m->buffers.at[LM_B_LOSS]; /* [T]: of predicting token t + 1 */
        transformer_fill(m);
        transformer_tokens(tokens, 0, 1, time, o.vocab_size);
        lm_model_loss(m, tokens, 1, time);
        float *before = layers_copy(losses, time);
        for (int64_t t = 1; t <= time; t++) {
            int32_t kept = tokens[t];
            tokens[t] = (kept + 1) % (int32_t)o.vocab_size;
            lm_model_loss(m, tokens, 1, time);
            layers_same_bits(c->name, before, losses, t - 1);
            assert_true(before[t - 1] < losses[t - 1] || before[t - 1] > losses[t - 1]);
            tokens[t] = kept;
        }
        lm_model_free(m);
        layers_close(&compute);
    }
    layers_free_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_row_names),
        cmocka_unit_test(test_parts_and_roles),
        cmocka_unit_test(test_rows_of_heads_and_biases),
        cmocka_unit_test(test_plan_of_gpt2),
        cmocka_unit_test(test_plan_of_a_long_context),
        cmocka_unit_test(test_plan_of_one_pass),
        cmocka_unit_test(test_plan_is_what_create_takes),
        cmocka_unit_test(test_models_wider_than_a_block_of_k),
        cmocka_unit_test(test_absurd_sizes_overflow),
        cmocka_unit_test(test_workspace_serves_fewer_tokens),
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_threads_and_kernels_give_the_same_bits),
        cmocka_unit_test(test_causality),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
