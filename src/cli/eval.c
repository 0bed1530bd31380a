#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "ops/session.h"
#include "report/metrics.h"
#include "saved/saved.h"
#include "tokenizer/tokenizer.h"
#include "train/evaluate.h"

static const lm_option options[] = {
    {"checkpoint", "RUN_OR_FILE", "a checkpoint, or a run directory: its newest good one", false},
    {"data", "SHARDS", "tokens: a shard, a directory of shards, or a pattern", false},
    {"tokens", "N", "evaluate at most about N tokens, spread evenly; 0: all", false},
    {"batch", "N", "windows at a time", false},
    {"json", NULL, "print one JSON object", false},
    LM_MACHINE_OPTIONS,
    {0},
};

static void print_result(const lm_options *o, const lm_saved *saved, double loss, int64_t tokens,
                         double seconds, double bytes_per_token, lm_text *out) {
    if (lm_options_has(o, "json")) {
        lm_text_printf(out, "{\"checkpoint\": ");
        lm_text_json_string(out, saved->path);
        lm_text_printf(out, ", \"step\": %" PRId64 ", \"tokens\": %" PRId64 ", \"loss\": ",
                       saved->state.step, tokens);
        lm_text_json_number(out, loss);
        lm_text_printf(out, ", \"perplexity\": ");
        lm_text_json_number(out, lm_perplexity(loss));
        if (bytes_per_token > 0) {
            lm_text_printf(out, ", \"bits_per_byte\": ");
            lm_text_json_number(out, lm_bits_per_byte(loss, bytes_per_token));
        }
        lm_text_printf(out, "}\n");
        return;
    }
    lm_text_printf(out, "checkpoint     %s (step %" PRId64 ")\n", saved->path, saved->state.step);
    lm_text_printf(out, "tokens         %" PRId64 " in %.1f s\n", tokens, seconds);
    lm_text_printf(out, "loss           %.6f nats a token\n", loss);
    lm_text_printf(out,
                   lm_perplexity(loss) < 1e6 ? "perplexity     %.4f\n" : "perplexity     %.4g\n",
                   lm_perplexity(loss));
    if (bytes_per_token > 0)
        lm_text_printf(out, "bits per byte  %.6f\n", lm_bits_per_byte(loss, bytes_per_token));
}

/* The corpus must be of the checkpoint's tokenizer, as far as both are known. */
static lm_status check_tokenizer(const lm_saved *saved, const lm_corpus *corpus, const char *data,
                                 lm_error *err) {
    const char *name = lm_corpus_tokenizer(corpus);
    if (!name || !*saved->state.tokenizer || strcmp(name, saved->state.tokenizer) == 0)
        return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: expected tokens of \"%s\", the checkpoint's tokenizer, found \"%s\"",
                        data, saved->state.tokenizer, name);
}

static double bytes_per_token_of(const lm_saved *saved) {
    lm_tokenizer *t;
    lm_error aside;
    if (!*saved->state.tokenizer) return 0;
    if (lm_tokenizer_open(&t, saved->state.tokenizer, &aside) != LM_OK) return 0;
    double bytes = lm_tokenizer_bytes_per_token(t);
    lm_tokenizer_close(t);
    return bytes;
}

static lm_status run(const lm_options *o, lm_error *err) {
    const char *path, *data;
    int threads;
    int64_t max_tokens, batch;
    lm_isa_mask isas;
    lm_session session = {0};
    lm_saved saved = {0};
    lm_corpus *corpus = NULL;
    lm_sampler sampler;
    lm_model *model = NULL;
    int32_t *tokens = NULL;
    lm_text out = {0}, skipped = {0};
    lm_status status;
    if ((status = lm_options_required(o, "checkpoint", &path, err)) != LM_OK) return status;
    if ((status = lm_options_required(o, "data", &data, err)) != LM_OK) return status;
    if ((status = lm_machine_options(o, &threads, &isas, err)) != LM_OK) return status;
    status = lm_options_integer(o, "tokens", 0, INT64_MAX, 0, &max_tokens, err);
    if (status != LM_OK) return status;
    status = lm_options_integer(o, "batch", 1, 1 << 20, 8, &batch, err);
    if (status != LM_OK) return status;

    if ((status = lm_session_open(&session, threads, isas, err)) != LM_OK) goto out;
    status = lm_saved_open(&saved, path, session.compute.pool, &skipped, err);
    if (status != LM_OK) goto out;
    lm_warn_passed_over(&skipped);
    const lm_model_options *m = &saved.config.model;
    if ((status = lm_corpus_open(&corpus, data, err)) != LM_OK) goto out;
    if ((status = check_tokenizer(&saved, corpus, data, err)) != LM_OK) goto out;
    if ((status = lm_sampler_init(&sampler, corpus, m->context_length, false, 0, err)) != LM_OK)
        goto out;
    if ((status = lm_corpus_validate(corpus, m->vocab_size, err)) != LM_OK) goto out;
    if (batch > sampler.windows) batch = sampler.windows;
    if ((status = lm_saved_model(&saved, batch, &session.compute, &model, err)) != LM_OK) goto out;
    tokens = calloc((size_t)batch * (size_t)(m->context_length + 1), sizeof *tokens);
    if (!tokens) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    lm_evaluation e = {.model = model,
                       .sampler = &sampler,
                       .batch = batch,
                       .max_tokens = max_tokens,
                       .tokens = tokens};
    int64_t evaluated;
    double start = lm_clock_seconds();
    double loss = lm_evaluate(&e, NULL, &evaluated);
    print_result(o, &saved, loss, evaluated, lm_clock_seconds() - start, bytes_per_token_of(&saved),
                 &out);
    status = lm_print(&out, err);
out:
    free(tokens);
    lm_text_free(&out);
    lm_text_free(&skipped);
    lm_model_free(model);
    lm_corpus_close(corpus);
    lm_saved_close(&saved);
    lm_session_close(&session);
    return status;
}

const lm_command lm_command_eval = {
    .name = "eval",
    .summary = "loss, perplexity and bits per byte of a checkpoint on tokens",
    .usage = "--checkpoint RUN_OR_FILE --data SHARDS [OPTIONS]",
    .example = "  lmtrain eval --checkpoint runs/quickstart --data data/headers/val.bin\n",
    .options = options,
    .run = run,
};
