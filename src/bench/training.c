#include "bench/training.h"

#include <inttypes.h>
#include <string.h>

/* ---- presets ----------------------------------------------------------------------------------*/

static const struct {
    const char *name;
    int64_t vocab;
    const char *model, *train; /* what these sections of the config hold beside the common keys */
} presets[] = {
    {"124m", 50304, "\"d_model\": 768, \"n_layers\": 12, \"n_heads\": 12, \"context_length\": 256",
     "\"micro_batch\": 4"},
    {"384", 65, "\"d_model\": 384, \"n_layers\": 6, \"n_heads\": 6, \"context_length\": 256",
     "\"micro_batch\": 16"},
    {"128", 65, "\"d_model\": 128, \"n_layers\": 4, \"n_heads\": 4, \"context_length\": 64",
     "\"micro_batch\": 12"},
};
enum { PRESETS = sizeof presets / sizeof *presets };

const char *lm_bench_preset_name(int preset) {
    return preset >= 0 && preset < PRESETS ? presets[preset].name : NULL;
}

int64_t lm_bench_preset_vocab(int preset) {
    return presets[preset].vocab;
}

lm_status lm_bench_preset_load(lm_config *c, int preset, const char *tokens,
                               const char *const *overrides, int n_overrides, lm_error *err) {
    lm_text t = {0};
    lm_text_printf(&t,
                   "{\"run\": {\"dir\": \"bench\"},"
                   " \"model\": {%s, \"vocab_size\": %" PRId64 ", \"norm\": \"layernorm\","
                   " \"position\": \"learned\", \"mlp\": \"gelu_tanh\", \"bias\": true,"
                   " \"tie_embeddings\": true},"
                   " \"data\": {\"train\": \"%s\"},"
                   " \"train\": {%s, \"steps\": 1000000, \"clip_norm\": 1},"
                   " \"optimizer\": {\"name\": \"adamw\"}}",
                   presets[preset].model, presets[preset].vocab, tokens, presets[preset].train);
    lm_status status = t.failed ? lm_error_no_memory(err, NULL)
                                : lm_config_parse(c, presets[preset].name, lm_text_cstr(&t),
                                                  t.length, overrides, n_overrides, err);
    lm_text_free(&t);
    return status;
}

bool lm_bench_sets_precision(const lm_bench_options *o) {
    static const char key[] = "train.precision=";
    for (int i = 0; i < o->n_overrides; i++)
        if (strncmp(o->overrides[i], key, sizeof key - 1) == 0) return true;
    return false;
}

/* ---- a run ------------------------------------------------------------------------------------*/

void lm_bench_training_begin(lm_bench_training *t, const lm_bench *b) {
    *t = (lm_bench_training){0};
    t->settings =
        (lm_train_settings){.config = &t->config, .threads = b->threads, .isas = b->o->isas};
    t->trainer = (lm_trainer){.settings = &t->settings, .config = &t->config};
}

lm_status lm_bench_training_plan(lm_bench_training *t, lm_error *err) {
    lm_setup *setup = &t->trainer.setup;
    lm_text said = {0};
    lm_status status = lm_setup_inherit(&t->config, false, &t->trainer.from, &said, err);
    lm_text_free(&said);
    if (status == LM_OK)
        status = lm_setup_open(setup, &t->config, t->settings.threads, t->settings.isas, true, err);
    if (status != LM_OK) return status;
    t->work = setup->plan.model.flops_per_token * (double)setup->plan.step_tokens;
    return LM_OK;
}

lm_status lm_bench_training_start(lm_bench_training *t, lm_error *err) {
    t->err = err;
    t->status = lm_trainer_create(&t->trainer, err);
    if (t->status == LM_OK) lm_model_init(t->trainer.model, (uint64_t)t->config.run.seed);
    return t->status;
}

void lm_bench_training_step(lm_bench_training *t) {
    if (t->status != LM_OK) return;
    t->trainer.compute.phases = &t->clock;
    lm_phase_start(&t->clock);
    t->status = lm_trainer_step(&t->trainer, t->err);
    lm_phase_stop(&t->clock);
}

void lm_bench_training_free(lm_bench_training *t) {
    lm_trainer_free(&t->trainer);
    lm_config_free(&t->config);
}
