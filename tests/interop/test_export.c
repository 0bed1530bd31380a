/* Exports of small models against stored digests of what they hold. The digests were stored when
 * transformers and llama.cpp had computed the same as lmtrain from such files (make test-interop);
 * when a change is meant, and these have agreed again:
 *
 *     WRITE_DIGESTS=tests/interop/digests.inc build/gcc/tests/interop/test_export */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "config/config.h"
#include "containers/gguf.h"
#include "containers/safetensors.h"
#include "interop/encode.h"
#include "interop/export.h"
#include "interop/source.h"
#include "saved/exports.h"
#include "tests/support/tempdir.h"

/* ---- models -----------------------------------------------------------------------------------*/

#define LAYERNORM "\"norm\": \"layernorm\", "
#define BIASED    LAYERNORM "\"bias\": true, "
#define GPT2      BIASED "\"position\": \"learned\", \"mlp\": \"gelu_tanh\""
#define LLAMA3    "\"rope_scaling\": \"llama3\", \"rope_original_context\": 8"

static const char *const models[] = {
    "\"n_kv_heads\": 2",
    "\"bias\": true, \"tie_embeddings\": false, \"head_dim\": 6, " LLAMA3,
    "\"window\": 8",
    "\"qkv_bias\": true",
    "\"qk_norm\": true, \"n_kv_heads\": 2",
    "\"mlp\": \"relu2\"",
    BIASED "\"mlp\": \"gelu_tanh\"",
    LAYERNORM "\"mlp\": \"gelu_tanh\", \"qkv_bias\": true",
    LAYERNORM "\"mlp\": \"relu2\", \"norm_bias\": true, \"rope_dim\": 2",
    BIASED "\"mlp\": \"relu2\", \"position\": \"none\"",
    LAYERNORM "\"mlp\": \"swiglu\"",
    GPT2,
    "\"embedding_norm\": true, \"rope_scaling\": \"linear\"",
    "\"preset\": \"gpt2\", \"tie_embeddings\": false, \"bias\": false",
};
enum { MODELS = sizeof models / sizeof *models };

static const uint64_t digests[] = {
#include "tests/interop/digests.inc"
};

typedef struct model {
    lm_config c;
    float *weights;
    int64_t total;
} model;

/* Weights that any machine computes alike: from -2 to 2. */
static void open_model(model *m, const char *keys) {
    char text[1024];
    lm_error err = {0};
    snprintf(text, sizeof text,
             "{\"run\": {\"dir\": \"x\"}, \"data\": {\"train\": \"x\"}, \"train\": {\"steps\": 1},"
             " \"model\": {\"d_model\": 32, \"n_layers\": 2, \"n_heads\": 4, \"context_length\":"
             " 16, \"vocab_size\": 259, \"d_ff\": 64, \"init_std\": 0.02, %s}}",
             keys);
    if (lm_config_parse(&m->c, "test", text, strlen(text), NULL, 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_int_equal(lm_model_resolve(&m->c.model, &err), LM_OK);
    lm_model_params(&m->c.model, NULL, &m->total);
    m->weights = calloc((size_t)m->total, sizeof *m->weights);
    for (int64_t i = 0; i < m->total; i++)
        m->weights[i] = (float)((uint64_t)i * 2654435761u >> 7 & 0xffff) / 16384.0f - 2.0f;
}

static void close_model(model *m) {
    free(m->weights);
    lm_config_free(&m->c);
}

static lm_status export(const model *m, lm_interop_format format, int dtype, const char *output,
                        lm_error *err) {
    lm_tokenizer *t;
    lm_text said = {0};
    const lm_interop_kept kept = lm_interop_kept_none();
    assert_int_equal(lm_tokenizer_open(&t, "bytes", NULL, err), LM_OK);
    const lm_interop_export e = {.class = lm_saved_class(&m->c, format, err),
                                 .ours = &m->c.model,
                                 .weights = m->weights,
                                 .dtype = dtype,
                                 .tokenizer = t,
                                 .kept = &kept,
                                 .name = "small",
                                 .card = "# small\n",
                                 .about = "{}",
                                 .output = output,
                                 .shard_bytes = UINT64_MAX};
    lm_status status = lm_interop_write(&e, &said, err);
    lm_tokenizer_close(t);
    lm_text_free(&said);
    return status;
}

/* ---- digests ----------------------------------------------------------------------------------*/

static void add_text(lm_digest *d, const char *text) {
    lm_digest_add(d, text, strlen(text) + 1);
}

static void add_tensors(lm_digest *d, const lm_tensors *tensors, const lm_file_reader *file) {
    lm_error err = {0};
    char shape[LM_TENSOR_SHAPE_SIZE];
    for (size_t i = 0; i < tensors->count; i++) {
        const lm_tensor *t = &tensors->list[i];
        void *bytes = malloc((size_t)t->bytes + 1);
        add_text(d, t->name);
        add_text(d, lm_element_at(t->element)->name);
        add_text(d, lm_tensor_shape(shape, t->ndim, t->shape));
        assert_int_equal(lm_file_reader_at(file, t->offset, bytes, (size_t)t->bytes, &err), LM_OK);
        lm_digest_add(d, bytes, (size_t)t->bytes);
        free(bytes);
    }
}

static void add_file(lm_digest *d, const char *directory, const char *name) {
    lm_error err = {0};
    lm_text text = {0};
    char *path = lm_file_join(directory, name);
    assert_int_equal(lm_file_read(path, 1 << 24, &text, &err), LM_OK);
    lm_digest_add(d, lm_text_cstr(&text), text.length);
    lm_text_free(&text);
    free(path);
}

static uint64_t digest_gguf(const char *path) {
    lm_digest d;
    lm_gguf g;
    lm_error err = {0};
    lm_digest_init(&d);
    if (lm_gguf_open(&g, path, &err) != LM_OK) fail_msg("%s", err.message);
    for (size_t i = 0; i < g.n_pairs; i++) {
        const lm_gguf_pair *p = &g.pairs[i];
        lm_digest_add(&d, p->key, p->key_length);
        lm_digest_add(&d, g.head + p->at, p->length);
    }
    add_tensors(&d, &g.tensors, &g.file);
    lm_gguf_close(&g);
    return lm_digest_end(&d);
}

static uint64_t digest_hf(const char *directory) {
    lm_digest d;
    lm_safetensors s;
    lm_error err = {0};
    char *path = lm_file_join(directory, "model.safetensors");
    lm_digest_init(&d);
    if (lm_safetensors_open(&s, path, &err) != LM_OK) fail_msg("%s", err.message);
    assert_string_equal(lm_safetensors_get(&s, "format"), "pt");
    add_tensors(&d, &s.tensors, &s.file);
    add_file(&d, directory, "config.json");
    add_file(&d, directory, "generation_config.json");
    lm_safetensors_close(&s);
    free(path);
    return lm_digest_end(&d);
}

static uint64_t digest_bin(const char *directory) {
    lm_digest d;
    lm_digest_init(&d);
    add_file(&d, directory, "model.bin");
    add_file(&d, directory, "tokenizer.bin");
    return lm_digest_end(&d);
}

static uint64_t digest_of(const model *m, lm_interop_format format, int dtype, int number) {
    lm_error err = {0};
    char name[32];
    snprintf(name, sizeof name, "%d", number);
    char *path = lm_file_join(tempdir, name);
    if (export(m, format, dtype, path, &err) != LM_OK) fail_msg("%s", err.message);
    uint64_t digest = format == LM_INTEROP_GGUF ? digest_gguf(path)
                      : format == LM_INTEROP_HF ? digest_hf(path)
                                                : digest_bin(path);
    free(path);
    return digest;
}

/* Of two models, one of each kind of MLP, every type of weights; of the others fp32. */
static bool is_stored(const model *m, int number, int format, int dtype) {
    lm_error err;
    unsigned dtypes = format == LM_INTEROP_GGUF   ? 0xf
                      : format == LM_INTEROP_HF   ? 0x7
                      : format == LM_INTEROP_LLMC ? 0x3
                                                  : 0x1;
    if (number != 0 && number != 11) dtypes = 1;
    return (dtypes >> dtype & 1u) && lm_saved_class(&m->c, (lm_interop_format)format, &err);
}

static void check_digest(uint64_t digest, int n, const char *what, FILE *out) {
    if (out)
        fprintf(out, "0x%016llx, /* %s */\n", (unsigned long long)digest, what);
    else if (n >= (int)(sizeof digests / sizeof *digests) || digest != digests[n])
        fail_msg("%s: not what was exported before", what);
}

static void test_exports_hold_what_they_held(void **state) {
    (void)state;
    const char *store = getenv("WRITE_DIGESTS");
    FILE *out = store ? fopen(store, "w") : NULL;
    int n = 0;
    if (out) fprintf(out, "/* Written by test_export.c. */\n/* clang-format off */\n");
    for (int i = 0; i < MODELS; i++) {
        model m;
        open_model(&m, models[i]);
        for (int f = 0; f < LM_INTEROP_FORMATS; f++)
            for (int dtype = 0; lm_interop_dtype_name(dtype); dtype++) {
                char what[64];
                if (!is_stored(&m, i, f, dtype)) continue;
                snprintf(what, sizeof what, "model %d as %s %s", i, lm_interop_format_name(f),
                         lm_interop_dtype_name(dtype));
                check_digest(digest_of(&m, (lm_interop_format)f, dtype, n), n, what, out);
                n++;
            }
        close_model(&m);
    }
    if (out) fclose(out);
    assert_true(out || n == (int)(sizeof digests / sizeof *digests));
}

/* ---- there and back ---------------------------------------------------------------------------*/

static const lm_param *find(const lm_param *rows, int64_t n, const char *name) {
    for (int64_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

/* The rows and weights of a model of these options; free both. */
static lm_param *rows_of(const lm_model_options *o, int64_t *n, float **weights) {
    int64_t total;
    *n = lm_model_params(o, NULL, &total);
    lm_param *rows = calloc((size_t)*n, sizeof *rows);
    *weights = calloc((size_t)total, sizeof **weights);
    lm_model_params(o, rows, &total);
    return rows;
}

/* All of ours is there, bit for bit, or where a class stores norms less 1 nearly; what we have not
 * is zeros. */
static void assert_same(const model *m, const lm_interop_source *s, lm_pool *pool) {
    lm_error err = {0};
    float *theirs, *unused;
    int64_t n_ours, n_theirs;
    const bool exact = !(s->class->how & LM_INTEROP_MINUS_ONE);
    lm_param *ours = rows_of(&m->c.model, &n_ours, &unused);
    lm_param *rows = rows_of(&s->options, &n_theirs, &theirs);
    if (lm_interop_read(s, theirs, pool, &err) != LM_OK) fail_msg("%s", err.message);
    for (int64_t i = 0; i < n_ours; i++) assert_non_null(find(rows, n_theirs, ours[i].name));
    for (int64_t i = 0; i < n_theirs; i++) {
        const lm_param *row = find(ours, n_ours, rows[i].name);
        assert_true(!row || row->count == rows[i].count);
        for (int64_t k = 0; k < rows[i].count; k++) {
            float x = row ? m->weights[row->offset + k] : 0, y = theirs[rows[i].offset + k];
            if (exact ? x != y : fabsf(x - y) > 3e-7f)
                fail_msg("%s: %s: %g became %g", s->path, rows[i].name, (double)x, (double)y);
        }
    }
    free(ours);
    free(rows);
    free(theirs);
    free(unused);
}

static void test_exports_are_read_back(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool = NULL;
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    for (int i = 0; i < MODELS; i++) {
        model m;
        open_model(&m, models[i]);
        for (int f = 0; f < LM_INTEROP_FORMATS && !m.c.model.embedding_norm; f++) {
            char name[32];
            lm_interop_source s;
            if (!lm_saved_class(&m.c, (lm_interop_format)f, &err)) continue;
            snprintf(name, sizeof name, "back-%d-%d", i, f);
            char *path = lm_file_join(tempdir, name);
            assert_int_equal(export(&m, (lm_interop_format)f, 0, path, &err), LM_OK);
            char *file = f > LM_INTEROP_GGUF ? lm_file_join(path, "model.bin") : strdup(path);
            if (lm_interop_open(&s, file, &err) != LM_OK) fail_msg("%s", err.message);
            assert_same(&m, &s, pool);
            lm_interop_close(&s);
            free(path);
            free(file);
        }
        close_model(&m);
    }
    lm_pool_free(pool);
}

/* ---- encoding ---------------------------------------------------------------------------------*/

/* Each element of a block is within half a step of what it stands for, and the largest is whole. */
static void test_blocks_are_near(void **state) {
    (void)state;
    float x[64];
    unsigned char out[68];
    for (int i = 0; i < 64; i++) x[i] = (float)(i * 37 % 64) / 8.0f - 3.0f;
    assert_int_equal(lm_interop_encode(LM_ELEMENT_Q8_0, x, 64, out), -1);
    for (int b = 0; b < 2; b++) {
        float most = 0;
        int most_quant = 0;
        for (int i = 0; i < 32; i++) most = fmaxf(most, fabsf(x[32 * b + i]));
        for (int i = 0; i < 32; i++) {
            int quant = (int8_t)out[34 * b + 2 + i];
            most_quant = abs(quant) > most_quant ? abs(quant) : most_quant;
        }
        assert_int_equal(most_quant, 127);
        for (int i = 0; i < 32; i++)
            assert_true(fabsf((float)(int8_t)out[34 * b + 2 + i] * most / 127 - x[32 * b + i]) <=
                        most / 127 * 0.501f);
    }
}

static void test_what_does_not_fit_is_refused(void **state) {
    (void)state;
    model m;
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "large");
    open_model(&m, models[0]);
    m.weights[3] = 70000.0f;
    assert_int_equal(export(&m, LM_INTEROP_HF, 2, path, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "wte.weight (model.embed_tokens.weight): the weight 70000"
                                        " in row 0, column 3 does not fit F16"));
    assert_int_equal(export(&m, LM_INTEROP_HF, 1, path, &err), LM_OK);
    close_model(&m);
    free(path);
}

/* ---- files ------------------------------------------------------------------------------------*/

static void overwrite(const char *directory, const char *name) {
    lm_error err = {0};
    char *path = lm_file_join(directory, name);
    assert_int_equal(lm_file_replace(path, "mine", 4, &err), LM_OK);
    free(path);
}

static bool has(const char *directory, const char *name) {
    char *path = lm_file_join(directory, name);
    bool there = lm_file_exists(path);
    free(path);
    return there;
}

static void test_files_of_others_are_not_replaced(void **state) {
    (void)state;
    model m;
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "files");
    open_model(&m, models[0]);
    assert_int_equal(lm_file_make_directory(path, &err), LM_OK);
    overwrite(path, "model.safetensors");
    assert_int_equal(export(&m, LM_INTEROP_HF, 0, path, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "model.safetensors: lmtrain did not write this file"));
    assert_false(has(path, "config.json"));
    assert_false(has(path, "config.json.tmp"));
    char *mine = lm_file_join(path, "model.safetensors");
    assert_int_equal(lm_file_size(mine), 4);
    assert_int_equal(lm_file_remove(mine, &err), LM_OK);
    free(mine);
    overwrite(path, "notes.txt");
    assert_int_equal(export(&m, LM_INTEROP_HF, 0, path, &err), LM_OK);
    assert_int_equal(export(&m, LM_INTEROP_HF, 0, path, &err), LM_OK); /* our own are */
    overwrite(path, "README.md");
    assert_int_equal(export(&m, LM_INTEROP_HF, 0, path, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "README.md"));
    assert_true(has(path, "notes.txt"));
    close_model(&m);
    free(path);
}

/* What an earlier export had and this one has not would be taken for a part of it. */
static void test_leftovers_of_an_earlier_export_go(void **state) {
    (void)state;
    model m;
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "two");
    open_model(&m, "\"preset\": \"llama\"");
    assert_int_equal(export(&m, LM_INTEROP_LLAMA2C, 0, path, &err), LM_OK);
    assert_true(has(path, "model.bin"));
    assert_int_equal(export(&m, LM_INTEROP_HF, 0, path, &err), LM_OK);
    assert_false(has(path, "model.bin"));
    assert_false(has(path, "tokenizer.bin"));
    assert_true(has(path, "model.safetensors"));
    close_model(&m);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exports_hold_what_they_held),
        cmocka_unit_test(test_exports_are_read_back),
        cmocka_unit_test(test_blocks_are_near),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_files_of_others_are_not_replaced),
        cmocka_unit_test(test_leftovers_of_an_earlier_export_go),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}
