#include "tests/support/transformer.h"

#include <string.h>

#include "tests/support/test.h"

#define COMMON .norm_eps = 1e-5, .rope_theta = 10000.0, .init_std = 0.02
const transformer_case transformer_cases[TRANSFORMERS] = {
    {"gpt2",
     2,
     {.d_model = 24,
      .n_layers = 2,
      .n_heads = 3,
      .context_length = 9,
      .vocab_size = 13,
      .norm = LM_NORM_LAYERNORM,
      .position = LM_POSITION_LEARNED,
      .mlp = LM_MLP_GELU_TANH,
      .bias = true,
      .tie_embeddings = true,
      COMMON}},
    {"llama",
     2,
     {.d_model = 24,
      .n_layers = 2,
      .n_heads = 4,
      .n_kv_heads = 2,
      .context_length = 9,
      .vocab_size = 13,
      .norm = LM_NORM_RMSNORM,
      .position = LM_POSITION_ROPE,
      .mlp = LM_MLP_SWIGLU,
      COMMON}},
    {"long", /* more than an attention tile */
     1,
     {.d_model = 16,
      .n_layers = 2,
      .n_heads = 4,
      .n_kv_heads = 1,
      .d_ff = 40,
      .context_length = 70,
      .vocab_size = 17,
      .norm = LM_NORM_LAYERNORM,
      .position = LM_POSITION_ROPE,
      .mlp = LM_MLP_GELU,
      COMMON}},
    {"mixed",
     3,
     {.d_model = 16,
      .n_layers = 1,
      .n_heads = 2,
      .d_ff = 24,
      .context_length = 5,
      .vocab_size = 7,
      .norm = LM_NORM_RMSNORM,
      .position = LM_POSITION_LEARNED,
      .mlp = LM_MLP_SWIGLU,
      .bias = true,
      .tie_embeddings = true,
      COMMON}},
    {"primer",
     2,
     {.d_model = 16,
      .n_layers = 2,
      .n_heads = 4,
      .context_length = 8,
      .vocab_size = 11,
      .norm = LM_NORM_LAYERNORM,
      .position = LM_POSITION_NONE,
      .mlp = LM_MLP_RELU2,
      .bias = true,
      .tie_embeddings = true,
      COMMON}},
    {"qwen",
     2,
     {.d_model = 24,
      .n_layers = 2,
      .n_heads = 4,
      .n_kv_heads = 2,
      .context_length = 9,
      .vocab_size = 13,
      .norm = LM_NORM_RMSNORM,
      .position = LM_POSITION_ROPE,
      .mlp = LM_MLP_SWIGLU,
      .qk_norm = true,
      .norm_eps = 0.02,
      .rope_theta = 50,
      .init_std = 0.02}},
    {"bloom",
     2,
     {.d_model = 16,
      .n_layers = 2,
      .n_heads = 2,
      .context_length = 7,
      .vocab_size = 11,
      .norm = LM_NORM_LAYERNORM,
      .position = LM_POSITION_NONE,
      .mlp = LM_MLP_GELU_TANH,
      .qk_norm = true,
      .embedding_norm = true,
      .bias = true,
      .tie_embeddings = true,
      .norm_eps = 0.3,
      .init_std = 0.02}},
    {"gemma", /* more than an attention tile, and a window that ends inside of one */
     1,
     {.d_model = 16,
      .n_layers = 2,
      .n_heads = 2,
      .n_kv_heads = 1,
      .d_ff = 24,
      .context_length = 80,
      .vocab_size = 13,
      .norm = LM_NORM_RMSNORM,
      .position = LM_POSITION_ROPE,
      .mlp = LM_MLP_GELU_TANH,
      .window = 9,
      .attention_softcap = 1.5,
      .logit_softcap = 3,
      .tie_embeddings = true,
      COMMON}},
    {"palm",
     2,
     {.d_model = 16,
      .n_layers = 2,
      .n_heads = 4,
      .n_kv_heads = 1,
      .context_length = 8,
      .vocab_size = 11,
      .norm = LM_NORM_LAYERNORM,
      .position = LM_POSITION_ROPE,
      .mlp = LM_MLP_SWIGLU,
      .window = 3,
      .label_smoothing = 0.1,
      .z_loss = 0.02,
      COMMON}},
    {"dropout",
     3,
     {.d_model = 20,
      .n_layers = 2,
      .n_heads = 2,
      .context_length = 6,
      .vocab_size = 11,
      .norm = LM_NORM_LAYERNORM,
      .position = LM_POSITION_LEARNED,
      .mlp = LM_MLP_GELU,
      .embedding_norm = true,
      .dropout = 0.3,
      .bias = true,
      .tie_embeddings = true,
      COMMON}},
    {"documents",
     2,
     {.d_model = 16,
      .n_layers = 2,
      .n_heads = 4,
      .n_kv_heads = 2,
      .d_ff = 24,
      .context_length = 70,
      .vocab_size = 9,
      .norm = LM_NORM_LAYERNORM,
      .position = LM_POSITION_LEARNED,
      .mlp = LM_MLP_SWIGLU,
      .document_mask = true,
      .document_token = 2,
      .bias = true,
      COMMON}},
    {"rotated_documents",
     1,
     {.d_model = 16,
      .n_layers = 1,
      .n_heads = 2,
      .d_ff = 24,
      .context_length = 75,
      .vocab_size = 9,
      .norm = LM_NORM_RMSNORM,
      .position = LM_POSITION_ROPE,
      .mlp = LM_MLP_RELU2,
      .qk_norm = true,
      .window = 20,
      .dropout = 0.1,
      .document_mask = true,
      .document_token = 2,
      .tie_embeddings = true,
      COMMON}},
};

lm_model_options transformer_options(const transformer_case *c) {
    static lm_error err;
    lm_model_options o = c->o;
    if (lm_model_resolve(&o, &err) != LM_OK) fail_msg("%s", err.message);
    return o;
}

lm_model *transformer_create(const lm_model_options *o, int64_t batch, bool training,
                             lm_compute *compute) {
    static lm_error err;
    lm_model *m;
    if (lm_model_create(&m, o, batch, training, compute, &err) != LM_OK)
        fail_msg("%s", err.message);
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

void transformer_tokens(int32_t *tokens, int64_t first_row, int64_t batch, int64_t time,
                        int64_t vocab) {
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t <= time; t++)
            tokens[b * (time + 1) + t] =
                (int32_t)(mix((uint32_t)((first_row + b) * 4099 + t + 77777)) % vocab);
}
