#include "bench/training.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench/corpus.h"

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

/* ---- the configs that the options of a bench ask for ------------------------------------------*/

static bool sets_precision(const lm_bench_options *o) {
    static const char key[] = "train.precision=";
    for (int i = 0; i < o->n_overrides; i++)
        if (strncmp(o->overrides[i], key, sizeof key - 1) == 0) return true;
    return false;
}

static lm_status visit_preset(lm_bench *b, int preset, lm_bench_visit *visit, lm_error *err) {
    lm_bench_corpus corpus;
    lm_status status = lm_bench_corpus_make(&corpus, presets[preset].vocab, err);
    bool given = sets_precision(b->o);
    for (int p = 0; lm_precision_name(p) && status == LM_OK && !lm_bench_stopped(); p++) {
        lm_bench_basis basis = {.name = presets[preset].name,
                                .preset = preset,
                                .tokens = corpus.path,
                                .precision = given ? -1 : p};
        if (given && p > 0) break;
        status = visit(b, &basis, err);
    }
    lm_bench_corpus_free(&corpus);
    return status;
}

lm_status lm_bench_each_basis(lm_bench *b, bool small, lm_bench_visit *visit, lm_error *err) {
    const char *config = b->o->config, *slash = config ? strrchr(config, '/') : NULL;
    lm_status status = LM_OK;
    if (config) {
        lm_bench_basis basis = {.name = slash ? slash + 1 : config, .preset = -1, .precision = -1};
        return visit(b, &basis, err);
    }
    for (int i = 0; i < PRESETS && status == LM_OK && !lm_bench_stopped(); i++)
        if (b->o->preset >= 0 ? b->o->preset == i : !small || presets[i].vocab < 1000)
            status = visit_preset(b, i, visit, err);
    return status;
}

lm_status lm_bench_basis_load(const lm_bench_basis *basis, const lm_bench *b, lm_bench_training *t,
                              const char *const *more, int n, lm_error *err) {
    const lm_bench_options *o = b->o;
    const char **overrides = malloc((size_t)(o->n_overrides + n + 1) * sizeof *overrides);
    int count = 0;
    if (!overrides) return lm_error_no_memory(err, NULL);
    for (int i = 0; i < o->n_overrides; i++) overrides[count++] = o->overrides[i];
    for (int i = 0; i < n; i++) overrides[count++] = more[i];
    lm_status status =
        basis->preset < 0
            ? lm_config_load(&t->config, o->config, overrides, count, err)
            : lm_bench_preset_load(&t->config, basis->preset, basis->tokens, overrides, count, err);
    free(overrides);
    if (status == LM_OK && basis->precision >= 0) t->config.train.precision = basis->precision;
    return status;
}

bool lm_bench_basis_is_optional(const lm_bench_basis *basis, const lm_bench *b) {
    return basis->preset >= 0 && b->o->preset < 0;
}

/* ---- a run ------------------------------------------------------------------------------------*/

void lm_bench_training_begin(lm_bench_training *t, const lm_bench *b) {
    *t = (lm_bench_training){.blocks = b->session.compute.blocks};
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
    t->trainer.compute.blocks = t->blocks;
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
