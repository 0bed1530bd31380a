/* A vocabulary as large as Qwen's, 151,936 ids: shards of four bytes an id, an embedding and a head
 * of that many rows. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/cpu.h"
#include "tests/support/tempdir.h"
#include "train/trainer.h"

enum { VOCAB = 151936, STEPS = 4, TOKENS = 3000, KINDS = 61, C = 16 };
static lm_error err;
static char corpus[512];

/* Sixty-one ids over the whole vocabulary, its last one too, again and again. */
static int32_t id_at(int64_t i) {
    int64_t kind = i % KINDS;
    return kind == KINDS - 1 ? VOCAB - 1 : (int32_t)(kind * 2531);
}
static bool is_in_the_data(int64_t id) {
    return id == VOCAB - 1 || (id % 2531 == 0 && id / 2531 < KINDS - 1);
}

static int set_up(void **state) {
    int32_t ids[TOKENS];
    tempdir_open(state);
    snprintf(corpus, sizeof corpus, "%s/tokens.bin", tempdir);
    for (int64_t i = 0; i < TOKENS; i++) ids[i] = id_at(i);
    FILE *file = fopen(corpus, "wb");
    if (!file || fwrite(ids, sizeof ids, 1, file) != 1) return -1;
    return fclose(file);
}

/* What a run ends with, of the trainer's model; its first and last loss. */
typedef struct ending {
    double first, last;
    float *embedding, *weights; /* embedding: as it began */
    int64_t total;
} ending;

static ending train(const char *precision, const char *tie, int threads) {
    static lm_config config;
    lm_train_settings settings = {.config = &config};
    lm_trainer t = {.settings = &settings, .config = &config};
    lm_text text = {0};
    ending e = {0};
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"%s/run\", \"threads\": %d},"
                   " \"data\": {\"train\": \"%s\", \"token_bytes\": 4, \"shuffle\": false},"
                   " \"model\": {\"vocab_size\": %d, \"d_model\": %d, \"n_layers\": 1,"
                   " \"n_heads\": 2, \"context_length\": 16, \"init_std\": 0.02,"
                   " \"tie_embeddings\": %s},"
                   " \"train\": {\"steps\": %d, \"micro_batch\": 2, \"precision\": \"%s\"},"
                   " \"schedule\": {\"name\": \"constant\", \"warmup_steps\": 0},"
                   " \"optimizer\": {\"lr\": 0.05, \"weight_decay\": 0}}",
                   tempdir, threads, corpus, VOCAB, C, tie, STEPS, precision);
    if (lm_config_parse(&config, "test", lm_text_cstr(&text), text.length, NULL, 0, &err) ||
        lm_setup_open(&t.setup, &config, 0, lm_cpu_detect(), true, &err) ||
        lm_trainer_create(&t, &err) || lm_trainer_init(&t, &err))
        fail_msg("%s", err.message);
    e.total = lm_model_total(t.model);
    e.embedding = malloc((size_t)VOCAB * C * sizeof *e.embedding);
    e.weights = malloc((size_t)e.total * sizeof *e.weights);
    memcpy(e.embedding, lm_model_weights(t.model), (size_t)VOCAB * C * sizeof *e.embedding);
    for (int step = 0; step < STEPS; step++) {
        if (lm_trainer_step(&t, &err) != LM_OK) fail_msg("%s", err.message);
        if (step == 0) e.first = t.state.train_loss;
    }
    e.last = t.state.train_loss;
    memcpy(e.weights, lm_model_weights(t.model), (size_t)e.total * sizeof *e.weights);
    lm_trainer_free(&t);
    lm_config_free(&config);
    lm_text_free(&text);
    return e;
}

static void end(ending *e) {
    free(e->embedding);
    free(e->weights);
}

static void check(const char *precision, const char *tie) {
    ending e = train(precision, tie, 1), again = train(precision, tie, 3);
    print_message("%s, tied %s: loss %.4f, then %.4f\n", precision, tie, e.first, e.last);
    assert_true(fabs(e.first - log(VOCAB)) < 0.1); /* every id is as likely as another */
    assert_true(e.last < e.first - 0.5);
    assert_memory_equal(e.weights, again.weights, (size_t)e.total * sizeof *e.weights);
    if (strcmp(tie, "false") == 0) /* who is not met is not touched */
        for (int64_t id = 0; id < VOCAB; id++)
            assert_true((memcmp(e.embedding + id * C, e.weights + id * C, C * sizeof *e.weights) !=
                         0) == is_in_the_data(id));
    end(&e);
    end(&again);
}

static void test_fp32(void **state) {
    (void)state;
    check("fp32", "false");
    check("fp32", "true");
}
static void test_bf16(void **state) {
    (void)state;
    check("bf16", "false");
    check("bf16", "true");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fp32), cmocka_unit_test(test_bf16)};
    return cmocka_run_group_tests(tests, set_up, tempdir_close);
}
