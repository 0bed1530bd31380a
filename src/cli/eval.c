#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/numbers.h"
#include "cli/commands.h"
#include "report/metrics.h"
#include "saved/saved.h"
#include "tokenizer/tokenizer.h"
#include "train/evaluate.h"

typedef struct request {
    const char *checkpoint, *data;
    int64_t tokens, batch;
    int token_bytes;
    bool json;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    {"checkpoint", "RUN_OR_FILE", "a checkpoint, or a run directory: its newest good one",
     LM_STORED(request, checkpoint), .required = true},
    {"data", "SHARDS", "tokens: a shard, a directory of shards, or a pattern",
     LM_STORED(request, data), .required = true},
    {"tokens", "N", "evaluate about N tokens at most, spread evenly; 0: all",
     LM_STORED(request, tokens), .count = {.most = INT64_MAX}},
    {"batch", "N", "windows to evaluate at a time", LM_STORED(request, batch),
     .count = {.by_default = 8, .least = 1, .most = 1 << 20}},
    LM_OPTION_TOKEN_BYTES(request, token_bytes),
    {"json", NULL, "print one JSON object", LM_STORED(request, json)},
    LM_OPTION_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {0},
};

static void print_result(bool json, const lm_saved *saved, double loss, int64_t tokens,
                         double seconds, double bytes_per_token, lm_text *out) {
    if (json) {
        lm_json_writer w = {.out = out};
        lm_json_object(&w, NULL, LM_JSON_LINE);
        lm_json_string(&w, "checkpoint", saved->path);
        lm_json_integer(&w, "step", saved->state.step);
        lm_json_integer(&w, "tokens", tokens);
        lm_json_number(&w, "loss", loss);
        lm_json_number(&w, "perplexity", lm_perplexity(loss));
        if (bytes_per_token > 0)
            lm_json_number(&w, "bits_per_byte", lm_bits_per_byte(loss, bytes_per_token));
        lm_json_end(&w);
        lm_text_append(out, "\n", 1);
        return;
    }
    lm_text_say(out, "checkpoint     %s (step %" PRId64 ")\n", saved->path, saved->state.step);
    lm_text_say(out, "tokens         %" PRId64 " in %.1f s\n", tokens, seconds);
    lm_text_say(out, "loss           %.6f nats per token\n", loss);
    lm_text_say(out, lm_perplexity(loss) < 1e6 ? "perplexity     %.4f\n" : "perplexity     %.4g\n",
                lm_perplexity(loss));
    if (bytes_per_token > 0)
        lm_text_say(out, "bits per byte  %.6f\n", lm_bits_per_byte(loss, bytes_per_token));
}

/* The corpus must have been made by the checkpoint's tokenizer. Unknown ones are not compared. */
static lm_status check_tokenizer(const lm_saved *saved, const lm_corpus *corpus, const char *data,
                                 lm_error *err) {
    const lm_manifest_tokenizer *found = lm_corpus_tokenizer(corpus);
    const char *name = saved->state.tokenizer;
    bool same = found && strcmp(found->name, name) == 0;
    if (!found || !*name || (same && found->digest == saved->state.tokenizer_digest)) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: expected tokens of \"%s\", the checkpoint's tokenizer, found \"%s\"%s",
                        data, name, found->name, same ? " of another file" : "");
}

/* Of what is evaluated; 0: not known. */
static lm_status find_bytes_per_token(const lm_saved *saved, const lm_sampler *sampler,
                                      int64_t max_tokens, double *bytes_per_token, lm_error *err) {
    lm_tokenizer *t;
    *bytes_per_token = 0;
    lm_status status = lm_saved_tokenizer(saved, NULL, &t, err);
    if (status == LM_OK && t)
        status = lm_evaluation_bytes(sampler, max_tokens, t, bytes_per_token, err);
    lm_tokenizer_close(t);
    return status;
}

/* The corpus to evaluate on, whose ids the model knows, and its windows. */
static lm_status open_data(const request *r, const lm_saved *saved, int threads, lm_corpus **corpus,
                           lm_sampler *sampler, lm_error *err) {
    const lm_model_options *m = &saved->config.model;
    lm_corpus_options how = {.token_bytes = 2 * r->token_bytes, .vocab_size = m->vocab_size};
    lm_status status = lm_corpus_open(corpus, r->data, &how, err);
    if (status != LM_OK) return status;
    if ((status = check_tokenizer(saved, *corpus, r->data, err)) != LM_OK) return status;
    status = lm_sampler_init(sampler, *corpus, m->context_length, false, 0, err);
    if (status != LM_OK) return status;
    lm_corpus_check check = {.threads = threads, .progress = stderr};
    return lm_corpus_validate(*corpus, m->vocab_size, &check, err);
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_session session = {0};
    lm_saved saved = {0};
    lm_corpus *corpus = NULL;
    lm_sampler sampler;
    lm_model *model = NULL;
    int32_t *tokens = NULL;
    lm_text out = {0}, skipped = {0};
    lm_status status = lm_machine_session(&r->machine, &session, err);
    if (status != LM_OK) goto out;
    status = lm_saved_open(&saved, r->checkpoint, session.compute.pool, &skipped, err);
    if (status != LM_OK) goto out;
    lm_warn_passed_over(&skipped);
    const int threads = lm_pool_threads(session.compute.pool);
    if ((status = open_data(r, &saved, threads, &corpus, &sampler, err)) != LM_OK) goto out;
    int64_t batch = lm_min(r->batch, sampler.windows);
    if ((status = lm_saved_model(&saved, batch, &session.compute, &model, err)) != LM_OK) goto out;
    tokens = calloc((size_t)batch * (size_t)(sampler.context_length + 1), sizeof *tokens);
    if (!tokens) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    lm_evaluation e = {.model = model,
                       .sampler = &sampler,
                       .batch = batch,
                       .max_tokens = r->tokens,
                       .tokens = tokens};
    int64_t evaluated;
    double bytes_per_token;
    status = find_bytes_per_token(&saved, &sampler, r->tokens, &bytes_per_token, err);
    if (status != LM_OK) goto out;
    double start = lm_clock_seconds();
    double loss;
    if ((status = lm_evaluate(&e, NULL, &loss, &evaluated, err)) != LM_OK) goto out;
    print_result(r->json, &saved, loss, evaluated, lm_clock_seconds() - start, bytes_per_token,
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
    .size = sizeof(request),
    .run = run,
};
