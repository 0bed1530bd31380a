#include "tests/support/transformer.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "config/config.h"
#include "tests/support/layers.h"

/* The options that a run config with this section "model" has. */
static lm_model_options options_of(const char *section) {
    static lm_error err;
    lm_text text = {0};
    lm_config c;
    lm_text_printf(
        &text, "{\"run\": {\"dir\": \"-\"}, \"data\": {\"train\": \"-\"}, \"model\": %s}", section);
    if (lm_config_parse(&c, "models.json", text.data, text.length, NULL, 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    lm_model_options o = c.model;
    if (lm_model_resolve(&o, &err) != LM_OK) fail_msg("%s", err.message);
    lm_config_free(&c);
    lm_text_free(&text);
    return o;
}

static void read_cases(transformer_case cases[TRANSFORMERS_MOST + 1]) {
    static const char path[] = "tests/golden/models.json";
    static lm_error err;
    lm_text text = {0};
    lm_json_reader r;
    if (lm_file_read(path, 1 << 20, &text, &err) != LM_OK ||
        lm_json_open(&r, path, text.data, text.length, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_in_range(lm_json_enter(&r, "models"), 1, TRANSFORMERS_MOST);
    for (transformer_case *c = cases; lm_json_next(&r); c++) {
        lm_json_get_string(&r, "name", c->name, sizeof c->name);
        c->batch = lm_json_get_count(&r, "batch", 1, 100);
        char *section = lm_json_get_object_text(&r, "model");
        if (section) c->o = options_of(section);
        free(section);
    }
    lm_json_leave(&r);
    if (lm_json_close(&r) != LM_OK) fail_msg("%s", err.message);
    lm_text_free(&text);
}

const transformer_case *transformer_cases(void) {
    static transformer_case cases[TRANSFORMERS_MOST + 1];
    if (!*cases->name) read_cases(cases);
    return cases;
}

const transformer_case *transformer_named(const char *name) {
    const transformer_case *c = transformer_cases();
    while (*c->name && strcmp(c->name, name) != 0) c++;
    if (!*c->name) fail_msg("tests/golden/models.json has no model \"%s\"", name);
    return c;
}

lm_model_options transformer_gpt2_124m(void) {
    lm_model_options o = transformer_named("gpt2")->o;
    o.n_kv_heads = o.d_ff = 0; /* by default */
    o.d_model = 768;
    o.n_layers = o.n_heads = 12;
    o.head_dim = 0;
    o.context_length = 1024;
    o.vocab_size = 50304;
    return o;
}

int transformer_run_tests(const char *group, void (*test)(void **state)) {
    struct CMUnitTest tests[TRANSFORMERS_MOST];
    size_t n = 0;
    for (const transformer_case *c = transformer_cases(); *c->name; c++)
        tests[n++] = (struct CMUnitTest){
            .name = c->name, .test_func = test, .initial_state = (void *)(uintptr_t)c};
    return _cmocka_run_group_tests(group, tests, n, layers_open_group, layers_close_group);
}

lm_model_use transformer_use(int64_t batch, bool training) {
    return (lm_model_use){.batch = batch, .windows = training ? 8 * batch : 0};
}

lm_model *transformer_create(const lm_model_options *o, int64_t batch, bool training,
                             lm_compute *compute) {
    static lm_error err;
    lm_model *m;
    const lm_model_use use = transformer_use(batch, training);
    if (lm_model_create(&m, o, &use, compute, &err) != LM_OK) fail_msg("%s", err.message);
    lm_model_seed_dropout(m, 7, 5);
    return m;
}

/* 32-bit integer hash. */
static uint32_t mix(uint32_t x) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

static bool is_norm_weight(const lm_param *row) {
    return row->ndim == 1 && strstr(row->name, ".weight");
}

void transformer_fill(lm_model *m) {
    int64_t n;
    const lm_param *rows = lm_model_rows(m, &n);
    for (int64_t r = 0; r < n; r++) {
        double center = is_norm_weight(&rows[r]) ? 1.0 : 0.0;
        double spread = is_norm_weight(&rows[r]) ? 0.5 : rows[r].ndim == 2 ? 0.4 : 0.3;
        float *w = lm_model_weights(m) + rows[r].offset;
        for (int64_t i = 0; i < rows[r].count; i++)
            w[i] = (float)(center + spread * (mix((uint32_t)(r * 1000003 + i)) / 2147483648.0 - 1));
    }
}

static int32_t token(int64_t row, int64_t t, int64_t vocab) {
    return (int32_t)(mix((uint32_t)(row * 4099 + t + 77777)) % vocab);
}

void transformer_tokens(int32_t *tokens, int64_t first_row, int64_t batch, int64_t time,
                        int64_t vocab) {
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t <= time; t++)
            tokens[b * (time + 1) + t] = token(first_row + b, t, vocab);
}

void transformer_tokens_behind(int32_t *tokens, int64_t first_row, int64_t batch, int64_t time,
                               int64_t count, int64_t vocab) {
    for (int64_t b = 0; b < batch; b++)
        for (int64_t k = 0; k < count; k++)
            tokens[b * count + k] = token(first_row + b, time + 1 + k, vocab);
}
