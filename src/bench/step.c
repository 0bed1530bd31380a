/* Whole training steps, by the trainer's own code: batch, forward, backward, clip, update. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/corpus.h"
#include "bench/harness.h"
#include "machine/limits.h"
#include "train/trainer.h"

/* Steps take longer than kernels: this many times as long. */
enum { STEP_SECONDS = 10 };

/* ---- presets ----------------------------------------------------------------------------------*/

static const struct {
    const char *name;
    int64_t vocab;
    const char *model, *train; /* of the config: what differs */
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

/* GPT-2's family, AdamW with clipping, on made-up tokens. */
static lm_status load_preset(lm_config *c, int preset, const char *tokens,
                             const lm_bench_options *o, lm_error *err) {
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
    lm_status status = t.failed ? lm_error_set(err, LM_ERR_RUNTIME, "out of memory")
                                : lm_config_parse(c, presets[preset].name, lm_text_cstr(&t),
                                                  t.length, o->overrides, o->n_overrides, err);
    lm_text_free(&t);
    return status;
}

/* ---- measuring --------------------------------------------------------------------------------*/

typedef struct work {
    lm_trainer trainer;
    double seconds[LM_PHASE_COUNT]; /* of all measured steps */
    bool warm;
    lm_status status;
    lm_error *err;
} work;

static void take_step(void *argument) {
    work *w = argument;
    lm_phase_clock clock;
    lm_step_figures figures;
    if (w->status != LM_OK) return;
    w->trainer.compute.phases = &clock;
    lm_phase_start(&clock);
    w->status = lm_trainer_step(&w->trainer, &figures, w->err);
    lm_phase_stop(&clock);
    for (int i = 0; i < LM_PHASE_COUNT && w->warm; i++) w->seconds[i] += clock.seconds[i];
    w->warm = true; /* the first step meets memory for the first time */
}

static void describe(const work *w, const lm_bench_row *measured, uint64_t resident,
                     lm_bench_row *row) {
    const lm_train_plan *plan = &w->trainer.setup.plan;
    const lm_config *c = w->trainer.config;
    double total = 0, tokens_per_s = (double)plan->step_tokens / measured->times.median;
    char count[32], bytes[32];
    for (int i = 0; i < LM_PHASE_COUNT; i++) total += w->seconds[i];
    lm_text_printf(&row->table,
                   "  %.0f tokens/s: %s parameters, %" PRId64 " x %" PRId64 " tokens a micro-batch,"
                   " %" PRId64 " micro-batch%s a step%s%s%s\n ",
                   tokens_per_s, lm_text_count(count, sizeof count, (double)plan->model.parameters),
                   c->train.micro_batch, c->model.context_length, c->train.grad_accumulation,
                   c->train.grad_accumulation == 1 ? "" : "es", resident ? "; " : "",
                   resident ? lm_text_bytes(bytes, sizeof bytes, (double)resident) : "",
                   resident ? " of memory at most" : "");
    lm_text_printf(&row->json, ", \"precision\": \"%s\", \"parameters\": %" PRId64,
                   lm_precision_name(c->train.precision), plan->model.parameters);
    lm_text_printf(&row->json,
                   ", \"step_tokens\": %" PRId64 ", \"tokens_per_s\": ", plan->step_tokens);
    lm_text_json_number(&row->json, tokens_per_s);
    lm_text_printf(&row->json, ", \"peak_resident_bytes\": ");
    if (resident)
        lm_text_printf(&row->json, "%" PRIu64, resident);
    else
        lm_text_printf(&row->json, "null");
    for (int i = 0; i < LM_PHASE_COUNT; i++) {
        lm_text_printf(&row->table, " %s %.1f%%", lm_phase_name(i), 100 * w->seconds[i] / total);
        lm_text_printf(&row->json, "%s\"%s\": ", i == 0 ? ", \"phases\": {" : ", ",
                       lm_phase_name(i));
        lm_text_json_number(&row->json, w->seconds[i] / total);
    }
    lm_text_printf(&row->table, "\n");
    lm_text_printf(&row->json, "}");
}

/* Steps of an open setup; `name` for the row. */
static lm_status measure(lm_bench *b, work *w, const char *name, lm_error *err) {
    bool known = lm_limits_reset_peak_resident();
    const lm_setup *setup = &w->trainer.setup;
    if (lm_trainer_create(&w->trainer, err) != LM_OK) return err->code;
    lm_model_init(w->trainer.model, (uint64_t)w->trainer.config->run.seed);
    lm_bench_row row = {.section = LM_BENCH_STEP};
    row.work = setup->plan.model.flops_per_token * (double)setup->plan.step_tokens;
    snprintf(row.name, sizeof row.name, "%s %s", name,
             lm_precision_name(w->trainer.config->train.precision));
    lm_bench_subject s = {.run = take_step,
                          .argument = w,
                          .peak = lm_bench_peak_at(w->trainer.compute.precision),
                          .seconds = STEP_SECONDS * b->o->seconds};
    lm_bench_measure_row(b, &s, &row);
    if (w->status != LM_OK) return w->status;
    describe(w, &row, known ? lm_limits_peak_resident() : 0, &row);
    return lm_bench_report(b, &row, err);
}

/* A config from its text to its row. `optional`: a plan that does not fit the memory is no error. */
static lm_status run_config(lm_bench *b, lm_config *c, const char *name, bool optional,
                            lm_error *err) {
    lm_train_settings settings = {.config = c, .threads = b->threads, .isas = b->o->isas};
    work w = {.trainer = {.settings = &settings, .config = c, .dir = {.lock = -1}}, .err = err};
    w.trainer.metrics.fd = -1;
    lm_status status = lm_setup_open(&w.trainer.setup, c, b->threads, b->o->isas, err);
    if (status != LM_OK) goto out;
    status = lm_setup_check_memory(&w.trainer.setup, err);
    if (status == LM_OK)
        status = measure(b, &w, name, err);
    else if (optional)
        status = lm_bench_skip(b, name, err->message, err);
out:
    lm_trainer_free(&w.trainer);
    return status;
}

/* ---- the section ------------------------------------------------------------------------------*/

static bool sets_precision(const lm_bench_options *o) {
    static const char key[] = "train.precision=";
    for (int i = 0; i < o->n_overrides; i++)
        if (strncmp(o->overrides[i], key, sizeof key - 1) == 0) return true;
    return false;
}

/* In every precision, unless one was asked for. */
static lm_status run_preset(lm_bench *b, int preset, lm_error *err) {
    lm_bench_corpus corpus;
    lm_status status = lm_bench_corpus_make(&corpus, presets[preset].vocab, err);
    bool given = sets_precision(b->o);
    for (int p = 0; lm_precision_name(p) && status == LM_OK && !lm_bench_stopped(); p++) {
        lm_config c = {0};
        if (given && p > 0) break;
        lm_config_defaults(&c);
        status = load_preset(&c, preset, corpus.path, b->o, err);
        if (!given) c.train.precision = p;
        if (status == LM_OK)
            status = run_config(b, &c, presets[preset].name, b->o->preset == NULL, err);
        lm_config_free(&c);
    }
    lm_bench_corpus_free(&corpus);
    return status;
}

static lm_status run_file(lm_bench *b, lm_error *err) {
    const char *path = b->o->config, *slash = strrchr(path, '/');
    lm_config c = {0};
    lm_config_defaults(&c);
    lm_status status = lm_config_load(&c, path, b->o->overrides, b->o->n_overrides, err);
    if (status == LM_OK) status = run_config(b, &c, slash ? slash + 1 : path, false, err);
    lm_config_free(&c);
    return status;
}

lm_status lm_bench_step(lm_bench *b, lm_error *err) {
    lm_status status = lm_bench_begin(b, LM_BENCH_STEP,
                                      "batch, forward, backward, clip, update; model FLOPs", err);
    if (b->o->config && status == LM_OK) status = run_file(b, err);
    for (int i = 0; i < PRESETS && status == LM_OK && !b->o->config && !lm_bench_stopped(); i++)
        if (!b->o->preset || strcmp(b->o->preset, presets[i].name) == 0)
            status = run_preset(b, i, err);
    lm_bench_end(b);
    return status;
}
