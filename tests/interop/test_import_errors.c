/* What is refused of models of other programs: one error each, which names file and place. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "containers/gguf.h"
#include "containers/safetensors.h"
#include "interop/source.h"
#include "tests/support/tempdir.h"

static lm_error err;
static lm_pool *pool;

static int set_up(void **state) {
    return tempdir_open(state) || lm_pool_create(&pool, 2, &err) != LM_OK;
}
static int tear_down(void **state) {
    lm_pool_free(pool);
    return tempdir_close(state);
}

/* ---- a directory of Hugging Face's ------------------------------------------------------------*/

#define LLAMA                                                                                      \
    "\"model_type\": \"llama\", \"vocab_size\": 5, \"hidden_size\": 4, \"intermediate_size\": 6, " \
    "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"max_position_embeddings\": 8, "       \
    "\"hidden_act\": \"silu\", \"rms_norm_eps\": 1e-5, \"tie_word_embeddings\": true"

static const struct row {
    const char *name;
    int ndim;
    int64_t shape[2];
} rows[] = {
    {"model.embed_tokens.weight", 2, {5, 4}},
    {"model.norm.weight", 1, {4}},
    {"model.layers.0.input_layernorm.weight", 1, {4}},
    {"model.layers.0.post_attention_layernorm.weight", 1, {4}},
    {"model.layers.0.self_attn.q_proj.weight", 2, {4, 4}},
    {"model.layers.0.self_attn.k_proj.weight", 2, {4, 4}},
    {"model.layers.0.self_attn.v_proj.weight", 2, {4, 4}},
    {"model.layers.0.self_attn.o_proj.weight", 2, {4, 4}},
    {"model.layers.0.mlp.gate_proj.weight", 2, {6, 4}},
    {"model.layers.0.mlp.up_proj.weight", 2, {6, 4}},
    {"model.layers.0.mlp.down_proj.weight", 2, {4, 6}},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* How the files differ from good ones. */
typedef struct change {
    const char *config;  /* more keys; they may be given anew */
    const char *missing; /* a tensor */
    const char *added;   /* a tensor of one element */
    const char *wide;    /* one with a longer last axis */
    int element;         /* of all tensors; 0: F32 */
    float value;         /* of the last element of the embedding */
} change;

static char *path_of(const char *name) {
    return lm_file_join(tempdir, name);
}

static void put_text(const char *name, const char *text) {
    char *path = path_of(name);
    assert_int_equal(lm_file_replace(path, text, strlen(text), &err), LM_OK);
    free(path);
}

static void write_tensors(const char *name, const change *c) {
    static float zeros[64];
    lm_safetensors_writer w = {0};
    char *path = path_of(name);
    size_t n = 0;
    lm_element element = (lm_element)c->element;
    for (int i = 0; i < ROWS; i++) {
        int64_t shape[2] = {rows[i].shape[0], rows[i].shape[1]};
        if (c->missing && strcmp(c->missing, rows[i].name) == 0) continue;
        if (c->wide && strcmp(c->wide, rows[i].name) == 0) shape[rows[i].ndim - 1]++;
        lm_safetensors_add(&w, rows[i].name, element, rows[i].ndim, shape);
    }
    static const int64_t one[] = {1};
    if (c->added) lm_safetensors_add(&w, c->added, element, 1, one);
    assert_int_equal(lm_safetensors_begin(&w, path, &err), LM_OK);
    for (; n < w.tensors.tensors.count; n++) {
        const lm_tensor *t = &w.tensors.tensors.list[n];
        zeros[19] = n == 0 ? c->value : 0;
        assert_int_equal(lm_tensor_write(&w.tensors, n, 0, zeros, (size_t)t->bytes, &err), LM_OK);
    }
    zeros[19] = 0;
    assert_int_equal(lm_tensor_writer_commit(&w.tensors, &err), LM_OK);
    lm_safetensors_writer_free(&w);
    free(path);
}

/* Opens and reads `name`; says NULL: that succeeds. */
static void check(const char *name, const char *says) {
    lm_interop_source s;
    char *path = path_of(name);
    float weights[1024];
    err = (lm_error){0};
    lm_status status = lm_interop_open(&s, path, &err);
    if (status == LM_OK) {
        int64_t total;
        lm_model_params(&s.options, NULL, &total);
        assert_true(total <= 1024);
        status = lm_interop_read(&s, weights, pool, &err);
        lm_interop_close(&s);
    }
    if (!says && status != LM_OK) fail_msg("%s", err.message);
    if (says && status == LM_OK) fail_msg("expected: %s", says);
    if (says && !strstr(err.message, says)) fail_msg("%s\nexpected: %s", err.message, says);
    if (says) assert_non_null(strstr(err.message, path));
    free(path);
}

static void check_change(const change *c, const char *says) {
    lm_text config = {0};
    lm_text_printf(&config, "{%s%s%s}", LLAMA, c->config ? ", " : "", c->config ? c->config : "");
    put_text("m/config.json", lm_text_cstr(&config));
    write_tensors("m/model.safetensors", c);
    check("m", says);
    lm_text_free(&config);
}

static void make_directory(void) {
    char *path = path_of("m");
    assert_int_equal(lm_file_make_directory(path, &err), LM_OK);
    free(path);
}

static void test_tensors(void **state) {
    (void)state;
    static const struct {
        change c;
        const char *says;
    } bad[] = {
        {{0}, NULL},
        {{.missing = "model.norm.weight"},
         "expected a tensor model.norm.weight of the model's LlamaForCausalLM, found none"},
        {{.added = "model.layers.1.mlp.up_proj.weight"},
         "tensor model.layers.1.mlp.up_proj.weight is not one of this model, a LlamaForCausalLM"
         " with 1 layers"},
        {{.added = "model.layers.0.self_attn.rotary_emb.inv_freq"}, NULL},
        {{.added = "lm_head.weight"}, NULL}, /* the embedding is the head */
        {{.wide = "model.layers.0.mlp.up_proj.weight"},
         "tensor model.layers.0.mlp.up_proj.weight: expected shape [6, 4], found [6, 5]"},
        {{.element = LM_ELEMENT_F64}, "its type F64 is not read"},
        {{.element = LM_ELEMENT_BF16}, NULL},
        {{.value = NAN},
         "tensor model.embed_tokens.weight, element [4, 3]: expected a finite number, found nan"},
    };
    make_directory();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) check_change(&bad[i].c, bad[i].says);
}

static void test_configs(void **state) {
    (void)state;
    static const struct {
        const char *config, *says;
    } bad[] = {
        {"\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2}",
         "key rope_scaling.type: expected default, linear or llama3, found \"yarn\""},
        {"\"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 2}", NULL},
        {"\"rope_parameters\": {\"rope_type\": \"linear\"}", "factor: expected a number"},
        {"\"rope_parameters\": {\"rope_type\": \"llama3\", \"factor\": 2}",
         "key rope_parameters.low_freq_factor: expected a number, found no such key"},
        {"\"architectures\": [\"LlamaForSequenceClassification\"]",
         "key architectures.0: expected LlamaForCausalLM, found"},
        {"\"attention_bias\": true", "expected a tensor model.layers.0.self_attn.q_proj.bias"},
        {"\"mlp_bias\": true", "key mlp_bias: expected false, as attention_bias, found true"},
        {"\"quantization_config\": {\"quant_method\": \"gptq\"}",
         "expected weights that are not quantised, found \"gptq\""},
        {"\"num_key_value_heads\": 3",
         "model.n_heads = 2 is not divisible by model.n_kv_heads = 3"},
        {"\"head_dim\": 3", "model.head_dim = 3 is odd"},
        {"\"head_dim\": 2.5", "key head_dim: expected a whole number from 1"},
        {"\"vocab_size\": 6", "there are two keys vocab_size"},
    };
    static const struct {
        const char *text, *says;
    } whole[] = {
        {"{}", "key model_type: expected a string, found no such key"},
        {"[]", "1:1: expected an object, found '['"},
        {"{\"model_type\": \"gemma2\"}", "key model_type: expected one of llama, mistral, qwen2,"},
        {"{\"model_type\": \"llama\", \"hidden_size\": \"4\"}",
         "key hidden_size: expected a whole number from 1 to 2147483647, found \"4\""},
        {"{\"model_type\": \"llama\", \"hidden_size\": 4, \"num_hidden_layers\": 1e9}",
         "key num_hidden_layers: expected a whole number from 1 to 1000, found 1000000000"},
        {"{\"model_type\": \"gpt2\", \"scale_attn_by_inverse_layer_idx\": true}",
         "key scale_attn_by_inverse_layer_idx: expected false, found true"},
        {"{\"model_type\": \"llama\"", "config.json:1:23: expected ',' or '}'"},
    };
    const change none = {0};
    make_directory();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const change c = {.config = bad[i].config};
        check_change(&c, bad[i].says);
    }
    write_tensors("m/model.safetensors", &none);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        put_text("m/config.json", whole[i].text);
        check("m", whole[i].says);
    }
    lm_text deep = {0};
    for (int i = 0; i < 10000; i++) lm_text_printf(&deep, "{\"a\":");
    put_text("m/config.json", lm_text_cstr(&deep));
    check("m", "more than 64 brackets inside each other");
    lm_text_free(&deep);
}

static void test_shards(void **state) {
    (void)state;
    const change none = {0};
    make_directory();
    put_text("m/config.json", "{" LLAMA "}");
    char *single = path_of("m/model.safetensors");
    if (lm_file_exists(single)) assert_int_equal(lm_file_remove(single, &err), LM_OK);
    free(single);
    check("m", "expected model.safetensors or model.safetensors.index.json, found neither");
    write_tensors("m/a.safetensors", &none);
    write_tensors("m/b.safetensors", &none);
    put_text("m/model.safetensors.index.json", "{\"weight_map\": {\"x\": \"a.safetensors\"}}");
    check("m", NULL);
    put_text("m/model.safetensors.index.json",
             "{\"weight_map\": {\"x\": \"a.safetensors\", \"y\": \"b.safetensors\"}}");
    check("m", "is in ");
    put_text("m/model.safetensors.index.json", "{\"weight_map\": {\"x\": \"../a.safetensors\"}}");
    check("m", "key weight_map.x: expected the name of a file beside it");
    put_text("m/model.safetensors.index.json", "{\"weight_map\": {\"x\": \"c.safetensors\"}}");
    check("m", "c.safetensors: cannot open");
    put_text("m/model.safetensors.index.json", "{}");
    check("m", "expected a weight_map, found none");
}

/* ---- files ------------------------------------------------------------------------------------*/

/* The copy of a file with the 4 bytes at `at` replaced, and so many bytes more at its end. */
static void check_file(const char *from, const char *name, size_t at, uint32_t x, int more,
                       const char *says) {
    lm_text t = {0};
    char *path = path_of(name);
    assert_int_equal(lm_file_read(from, 1 << 20, &t, &err), LM_OK);
    lm_write_u32(t.data + at, x);
    for (int i = 0; i < more; i++) lm_text_append(&t, "", 1);
    assert_int_equal(lm_file_replace(path, t.data, t.length - (more < 0 ? (size_t)-more : 0), &err),
                     LM_OK);
    lm_interop_source s;
    lm_status status = lm_interop_open(&s, path, &err);
    if (status == LM_OK) lm_interop_close(&s);
    if (!says != (status == LM_OK)) fail_msg("%s: %s", name, err.message);
    if (says && !strstr(err.message, says)) fail_msg("%s\nexpected: %s", err.message, says);
    lm_text_free(&t);
    free(path);
}

#define FOLDER "tests/interop/import/"

static void test_binary_files(void **state) {
    (void)state;
    check_file(FOLDER "llama2c_v0.bin", "a.bin", 0, 16, 0, NULL);
    check_file(FOLDER "llama2c_v0.bin", "a.bin", 0, 16, 4, "expected 23388 bytes, as its header");
    check_file(FOLDER "llama2c_v0.bin", "a.bin", 0, 16, -1, "expected 23388 bytes, as its header");
    check_file(FOLDER "llama2c_v0.bin", "a.bin", 4, 1 << 24, 0, "as its header asks for, found");
    check_file(FOLDER "llama2c_v0.bin", "a.bin", 8, 1001, 0, "expected a model: ");
    check_file(FOLDER "llama2c_v1.bin", "a.bin", 4, 3, 0, "expected version 1 or 2 of llama2.c's");
    check_file(FOLDER "llama2c_v1.bin", "a.bin", 16, 1 << 30, 0,
               "header: n_layers: expected a number from 1 to 1000, found 1073741824");
    check_file(FOLDER "llama2c_v1.bin", "a.bin", 28, 0x80000000u, 0,
               "header: vocab_size: expected");
    check_file(FOLDER "llama2c_v2.bin", "a.bin", 37, 5, 0, "expected whole groups of 5 elements");
    check_file(FOLDER "llama2c_v2.bin", "a.bin", 37, 0, 0, "header: group_size: expected a number");
    check_file(FOLDER "llmc_v3.bin", "a.bin", 4, 4, 0, "expected version 3 (fp32) or 5 (bf16)");
    check_file(FOLDER "llmc_v3.bin", "a.bin", 4, 5, 0, "as its header asks for, found");
    check_file(FOLDER "llmc_v3.bin", "a.bin", 28, 32, 0,
               "padded_vocab_size: expected 128, found 32");
    check_file(FOLDER "llmc_v3.bin", "a.bin", 20, 3, 0, "is not divisible by model.n_heads = 3");
    check_file(FOLDER "nanogpt.safetensors", "a.bin", 20, 0x20202020, 0, "a.bin");
}

/* A GGUF file of one more key, and a tensor of a type. */
static void check_gguf(const char *architecture, void (*more)(lm_gguf_writer *w),
                       lm_element element, const char *says) {
    lm_gguf_writer w = {0};
    char *path = path_of("a.gguf");
    static const int64_t shape[] = {3, 32};
    static unsigned char zeros[1024];
    lm_gguf_put_string(&w, "general.architecture", architecture);
    lm_gguf_put_u32(&w, "llama.embedding_length", 32);
    lm_gguf_put_u32(&w, "llama.block_count", 1);
    lm_gguf_put_u32(&w, "llama.attention.head_count", 2);
    lm_gguf_put_u32(&w, "llama.context_length", 16);
    lm_gguf_put_u32(&w, "llama.feed_forward_length", 32);
    lm_gguf_put_f32(&w, "llama.attention.layer_norm_rms_epsilon", 1e-5F);
    if (more) more(&w);
    lm_gguf_add(&w, "token_embd.weight", element, 2, shape);
    assert_int_equal(lm_gguf_begin(&w, path, &err), LM_OK);
    size_t bytes = (size_t)w.tensors.tensors.list[0].bytes;
    assert_int_equal(lm_tensor_write(&w.tensors, 0, 0, zeros, bytes, &err), LM_OK);
    assert_int_equal(lm_tensor_writer_commit(&w.tensors, &err), LM_OK);
    lm_gguf_writer_free(&w);
    check("a.gguf", says);
    free(path);
}

static void yarn(lm_gguf_writer *w) {
    lm_gguf_put_string(w, "llama.rope.scaling.type", "yarn");
}
static void wide_values(lm_gguf_writer *w) {
    lm_gguf_put_u32(w, "llama.attention.value_length", 8);
}

static void test_gguf(void **state) {
    (void)state;
    check_gguf("gemma", NULL, LM_ELEMENT_F32,
               "key general.architecture: expected one of llama, qwen2, qwen3,");
    check_gguf("qwen2", NULL, LM_ELEMENT_F32,
               "key qwen2.embedding_length: expected a whole number");
    check_gguf("llama", yarn, LM_ELEMENT_F32,
               "key llama.rope.scaling.type: expected none or linear, found \"yarn\"");
    check_gguf("llama", wide_values, LM_ELEMENT_F32,
               "key llama.attention.value_length: expected that of attention.key_length, found 8");
    check_gguf("llama", NULL, LM_ELEMENT_F32, "expected a tensor blk.0.attn_norm.weight");
    check_gguf("llama", NULL, (lm_element)lm_element_of_gguf(6), /* Q5_0 */
               "tensor token_embd.weight: its type Q5_0 is not read");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors), cmocka_unit_test(test_configs),
        cmocka_unit_test(test_shards),  cmocka_unit_test(test_binary_files),
        cmocka_unit_test(test_gguf),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
