/* Models of other programs against what those programs compute: make_import.py, make_binary.py. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "containers/gguf.h"
#include "interop/decode.h"
#include "model/generate.h"
#include "ops/session.h"
#include "saved/foreign.h"
#include "tests/support/tempdir.h"

#define FOLDER "tests/interop/import/"
enum { POSITIONS = 24, VOCAB = 32 };

static lm_error err;
static lm_session session;

static int set_up(void **state) {
    lm_isa_mask isas = lm_cpu_detect();
    return tempdir_open(state) || lm_session_open(&session, 2, isas, &err) != LM_OK;
}

static int tear_down(void **state) {
    lm_session_close(&session);
    return tempdir_close(state);
}

static void read_floats(const char *path, float *x, size_t n) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(x, sizeof *x, n, f), n);
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
}

/* The largest difference of the logits, for the tokens of make_import.py. */
static double difference(const char *model, const char *logits) {
    static float expected[POSITIONS * VOCAB];
    lm_saved saved;
    lm_text skipped = {0};
    lm_model *m;
    lm_decoder *d;
    double most = 0;
    read_floats(logits, expected, POSITIONS * VOCAB);
    if (lm_saved_open(&saved, model, session.compute.pool, &skipped, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_int_equal(saved.config.model.vocab_size, VOCAB);
    assert_int_equal(lm_saved_model(&saved, 1, &session.compute, &m, &err), LM_OK);
    assert_int_equal(lm_decoder_create(&d, m, &(lm_decoder_options){0}, &err), LM_OK);
    for (int t = 0; t < POSITIONS; t++) {
        const float *found = lm_decoder_next(d, (7 * t + 3) % VOCAB);
        for (int v = 0; v < VOCAB; v++)
            most = fmax(most, fabs((double)found[v] - (double)expected[t * VOCAB + v]));
    }
    lm_decoder_free(d);
    lm_model_free(m);
    lm_saved_close(&saved);
    lm_text_free(&skipped);
    return most;
}

/* Both compute in fp32, in another order. */
static const double tolerance = 2e-5;

static void test_logits_of_transformers(void **state) {
    (void)state;
    static const char *const names[] = {"llama", "llama_bias", "mistral",  "qwen2",      "qwen3",
                                        "arcee", "nemotron",   "stablelm", "starcoder2", "gpt2"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char model[128], logits[160];
        snprintf(model, sizeof model, FOLDER "%s", names[i]);
        snprintf(logits, sizeof logits, "%s/logits.bin", model);
        double most = difference(model, logits);
        if (getenv("SHOW")) print_message("%s %g\n", names[i], most);
        if (!(most < tolerance)) fail_msg("%s: %g", names[i], most);
    }
}

static void test_logits_of_files(void **state) {
    (void)state;
    static const char *const names[][2] = {{"q8_0.gguf", "q8_0.logits.bin"},
                                           {"q4.gguf", "q4.logits.bin"},
                                           {"nanogpt.safetensors", "nanogpt.logits.bin"},
                                           {"llama2c_v0.bin", "llama2c_v0.logits.bin"},
                                           {"llama2c_v1.bin", "llama2c_v1.logits.bin"},
                                           {"llama2c_v2.bin", "llama2c_v2.logits.bin"},
                                           {"llmc_v3.bin", "llmc_v3.logits.bin"},
                                           {"llmc_v5.bin", "llmc_v5.logits.bin"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char model[128], logits[128];
        snprintf(model, sizeof model, FOLDER "%s", names[i][0]);
        snprintf(logits, sizeof logits, FOLDER "%s", names[i][1]);
        double most = difference(model, logits);
        if (getenv("SHOW")) print_message("%s %g\n", names[i][0], most);
        if (!(most < tolerance)) fail_msg("%s: %g", names[i][0], most);
    }
}

/* Every type of blocks gives the bits that the package gguf gives. */
static void test_blocks(void **state) {
    (void)state;
    static const char *const types[] = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"};
    enum { TYPES = sizeof types / sizeof *types, EACH = 512 };
    static float expected[TYPES * EACH], found[EACH];
    static unsigned char bytes[EACH * 4];
    lm_gguf g;
    read_floats(FOLDER "blocks.bin", expected, TYPES * EACH);
    assert_int_equal(lm_gguf_open(&g, FOLDER "blocks.gguf", &err), LM_OK);
    for (int i = 0; i < TYPES; i++) {
        const lm_tensor *t = lm_tensors_find(&g.tensors, types[i]);
        assert_non_null(t);
        assert_int_equal(t->count, EACH);
        assert_true(lm_interop_decodes(t->element));
        assert_int_equal(lm_file_reader_at(&g.file, t->offset, bytes, (size_t)t->bytes, &err),
                         LM_OK);
        lm_interop_decode(t->element, bytes, EACH, found);
        assert_memory_equal(found, expected + i * EACH, sizeof found);
    }
    lm_gguf_close(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits_of_transformers),
        cmocka_unit_test(test_logits_of_files),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
