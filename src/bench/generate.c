/* Generation: a prompt as a share of the arithmetic's peak, then token after token as a share of
 * what reading the weights from memory allows: in turns with tokens, as many bytes are read, in
 * whole chunks, and nothing is done with them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/numbers.h"
#include "bench/report.h"
#include "bench/sections.h"
#include "bench/training.h"
#include "model/generate.h"

typedef struct work {
    lm_model *model;
    lm_decoder *decoder;
    lm_model_plan plan;
    int32_t *tokens; /* [T] */
    int64_t context; /* T */
    int64_t length;  /* in the decoder */
    const lm_bench_peaks *peaks;
    lm_arena arena; /* as large as the weights */
} work;

static void clear(void *argument) {
    work *w = argument;
    lm_decoder_clear(w->decoder, 0);
    w->length = 0;
}

static void read_prompt(void *argument) {
    work *w = argument;
    lm_decoder_feed(w->decoder, 0, w->tokens, w->context);
    w->length = w->context;
}

/* Tokens have half a context or more before them, and never start over. */
static void make_room(void *argument) {
    work *w = argument;
    if (w->length > 0 && w->length < w->context) return;
    clear(w);
    w->length = lm_max(w->context / 2, 1);
    lm_decoder_feed(w->decoder, 0, w->tokens, w->length);
}

static void next_token(void *argument) {
    work *w = argument;
    lm_decoder_next(w->decoder, w->tokens[w->length++ % w->context]);
}

static double read_alone(void *argument) {
    const work *w = argument;
    return lm_bench_read_once(w->peaks, w->peaks->session->compute.pool,
                              (const float *)(const void *)w->arena.base,
                              (int64_t)(w->arena.capacity / sizeof(float)));
}

/* As many bytes as the weights, in whole chunks, touched. */
static lm_status make_alone(work *w, double bytes, lm_error *err) {
    int64_t floats = lm_round_up((int64_t)bytes / (int64_t)sizeof(float), LM_BENCH_READ_CHUNK);
    size_t size = (size_t)floats * sizeof(float);
    lm_status status = lm_arena_init(&w->arena, size, "memory to read", err);
    float *x = (float *)(void *)w->arena.base;
    for (int64_t i = 0; i < floats && status == LM_OK; i++) x[i] = 1;
    return status;
}

/* Forward alone, a third of training; the head's logits once. */
static double prompt_flops(const work *w) {
    const lm_model_options *o = lm_model_get_options(w->model);
    double tokens = (double)w->context, head = 2.0 * (double)o->vocab_size * (double)o->d_model;
    return w->plan.flops_per_token / 3 * tokens - head * (tokens - 1);
}

static lm_status measure(lm_bench *b, work *w, bool prompt, const char *name, lm_error *err) {
    lm_bench_row row = {.section = LM_BENCH_GENERATE, .moves = !prompt};
    lm_precision precision = b->session.compute.precision;
    double weights = (double)w->plan.matrix_parameters * (precision == LM_BF16 ? 2 : 4);
    row.work = prompt ? prompt_flops(w) : weights;
    snprintf(row.name, sizeof row.name, prompt ? "%s %s prompt of %d" : "%s %s token", name,
             lm_precision_name((int)precision), (int)w->context);
    if (!lm_bench_wants(b, row.name)) return LM_OK;
    clear(w);
    lm_status status = prompt ? LM_OK : make_alone(w, weights, err);
    if (status != LM_OK) return status;
    lm_bench_subject s = {.prepare = prompt ? clear : make_room,
                          .run = prompt ? read_prompt : next_token,
                          .argument = w,
                          .limit = prompt ? NULL : read_alone,
                          .peak =
                              prompt ? lm_bench_peak_of_precision(precision) : LM_BENCH_PEAK_READ,
                          .seconds = 5 * b->o->seconds};
    lm_bench_measure_row(b, &s, &row);
    double tokens_per_s = (double)(prompt ? w->context : 1) / row.times.median;
    lm_json_writer json = {.out = &row.json};
    lm_json_object(&json, NULL, LM_JSON_LINE);
    lm_json_number(&json, "tokens_per_s", tokens_per_s);
    lm_json_end(&json);
    lm_text_printf(&row.table, "  %.0f tokens/s\n", tokens_per_s);
    return lm_bench_report(b, &row, err);
}

/* The model of a preset, with initial weights, and a decoder; w is freed by the caller. */
static lm_status make(lm_bench *b, work *w, int preset, lm_error *err) {
    lm_config c = {0};
    lm_status status =
        lm_bench_preset_load(&c, preset, "-", b->o->overrides, b->o->n_overrides, err);
    if (status != LM_OK) goto out;
    if ((status = lm_model_resolve(&c.model, err)) != LM_OK) goto out;
    w->context = c.model.context_length;
    w->tokens = malloc((size_t)w->context * sizeof *w->tokens);
    if (!w->tokens) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    for (int64_t i = 0; i < w->context; i++)
        w->tokens[i] = (int32_t)(i * 7919 % c.model.vocab_size);
    const lm_model_use use = {.batch = 1};
    lm_model_plan_make(&w->plan, &c.model, &use, b->session.compute.precision, b->threads);
    status = lm_model_create(&w->model, &c.model, &use, &b->session.compute, err);
    if (status != LM_OK) goto out;
    lm_model_init(w->model, 1);
    status = lm_decoder_create(&w->decoder, w->model, &(lm_decoder_options){0}, err);
out:
    lm_config_free(&c);
    return status;
}

static lm_status run_preset(lm_bench *b, int preset, lm_error *err) {
    work w = {.peaks = &b->peaks};
    const char *name = lm_bench_preset_name(preset);
    lm_status status = make(b, &w, preset, err);
    if (status == LM_OK) status = measure(b, &w, true, name, err);
    if (status == LM_OK && !lm_bench_stopped()) status = measure(b, &w, false, name, err);
    lm_decoder_free(w.decoder);
    lm_model_free(w.model);
    lm_arena_free(&w.arena);
    free(w.tokens);
    lm_compute_free(&b->session.compute);
    return status;
}

lm_status lm_bench_generate(lm_bench *b, lm_error *err) {
    lm_status status = lm_bench_begin(
        b, LM_BENCH_GENERATE,
        "a prompt, and a token after half a context or more (weights over memory)", err);
    for (int i = 0; lm_bench_preset_name(i) && status == LM_OK && !lm_bench_stopped(); i++)
        for (int p = 0; lm_precision_name(p) && status == LM_OK && !lm_bench_stopped(); p++) {
            if (b->o->preset >= 0 && b->o->preset != i) continue;
            b->session.compute.precision = (lm_precision)p;
            status = run_preset(b, i, err);
        }
    b->session.compute.precision = LM_FP32;
    lm_bench_end(b);
    return status;
}
