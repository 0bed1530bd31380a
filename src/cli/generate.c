#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "model/generate.h"
#include "ops/session.h"
#include "saved/saved.h"
#include "tokenizer/tokenizer.h"

static const lm_option options[] = {
    {"checkpoint", "RUN_OR_FILE", "a checkpoint, or a run directory: its newest good one", false},
    {"prompt", "TEXT", "what to go on from; empty: a line feed", false},
    {"tokens", "N", "tokens to make (default 256)", false},
    {"temperature", "T", "0: always the most likely token; 1: as the model says (default 0.8)",
     false},
    {"top-k", "K", "draw among the K most likely tokens; 0: all (default)", false},
    {"top-p", "P", "draw among the most likely tokens of total probability P (default 1)", false},
    {"seed", "S", "of the drawing: the same seed gives the same text (default 1)", false},
    LM_MACHINE_OPTIONS,
    {0},
};

typedef struct request {
    const char *checkpoint, *prompt;
    int64_t tokens;
    lm_sample_options sample;
    int threads;
    lm_isa_mask isas;
} request;

static lm_status read_request(const lm_options *o, request *r, lm_error *err) {
    lm_status status;
    int64_t seed;
    const char *prompt = lm_options_value(o, "prompt");
    r->prompt = prompt && *prompt ? prompt : "\n";
    if ((status = lm_options_required(o, "checkpoint", &r->checkpoint, err)) != LM_OK)
        return status;
    if ((status = lm_options_integer(o, "tokens", 0, INT64_MAX, 256, &r->tokens, err)) != LM_OK)
        return status;
    status = lm_options_real(o, "temperature", 0, 1000, 0.8, &r->sample.temperature, err);
    if (status != LM_OK) return status;
    if ((status = lm_options_integer(o, "top-k", 0, INT32_MAX, 0, &r->sample.top_k, err)) != LM_OK)
        return status;
    if ((status = lm_options_real(o, "top-p", 0, 1, 1, &r->sample.top_p, err)) != LM_OK)
        return status;
    if ((status = lm_options_integer(o, "seed", 0, INT64_MAX, 1, &seed, err)) != LM_OK)
        return status;
    r->sample.seed = (uint64_t)seed;
    return lm_machine_options(o, &r->threads, &r->isas, err);
}

/* Prints a token as soon as it is drawn. */
static lm_status print_token(const lm_tokenizer *t, int32_t token, lm_text *text, lm_error *err) {
    text->length = 0;
    lm_tokenizer_decode(t, token, text);
    return lm_print(text, err);
}

static lm_status generate(const request *r, const lm_tokenizer *t, lm_decoder *d, int64_t vocab,
                          lm_error *err) {
    lm_status status;
    int32_t *prompt = NULL;
    int64_t count = 0, capacity = 0;
    lm_text text = {0};
    const float *logits = NULL;
    double *workspace = calloc(2 * (size_t)vocab, sizeof *workspace);
    if (!workspace) return lm_error_no_memory(err, NULL);
    status = lm_tokenizer_encode(t, r->prompt, strlen(r->prompt), &prompt, &count, &capacity, err);
    for (int64_t i = 0; i < count && status == LM_OK; i++) {
        if (prompt[i] >= vocab) {
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "--prompt: token %d is outside the model's vocabulary of %lld",
                                  (int)prompt[i], (long long)vocab);
            break;
        }
        status = print_token(t, prompt[i], &text, err);
        logits = lm_decoder_next(d, prompt[i]);
    }
    for (int64_t i = 0; i < r->tokens && status == LM_OK; i++) {
        int32_t token = lm_sample(&r->sample, logits, vocab, (uint64_t)i, workspace);
        status = print_token(t, token, &text, err);
        if (i + 1 < r->tokens) logits = lm_decoder_next(d, token);
    }
    if (status == LM_OK) {
        text.length = 0;
        lm_text_append(&text, "\n", 1);
        status = lm_print(&text, err);
    }
    lm_text_free(&text);
    free(prompt);
    free(workspace);
    return status;
}

static lm_status run(const lm_options *o, lm_error *err) {
    request r = {0};
    lm_session session = {0};
    lm_saved saved = {0};
    lm_model *model = NULL;
    lm_decoder *decoder = NULL;
    lm_tokenizer *tokenizer = NULL;
    lm_text skipped = {0};
    lm_status status = read_request(o, &r, err);
    if (status != LM_OK) return status;
    if ((status = lm_session_open(&session, r.threads, r.isas, err)) != LM_OK) goto out;
    status = lm_saved_open(&saved, r.checkpoint, session.compute.pool, &skipped, err);
    if (status != LM_OK) goto out;
    lm_warn_passed_over(&skipped);
    if (!*saved.state.tokenizer) {
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s does not say which tokenizer its tokens are of, so that a prompt"
                              " cannot be read (data.tokenizer was empty and the data had no"
                              " manifest)",
                              saved.path);
        goto out;
    }
    if ((status = lm_tokenizer_open(&tokenizer, saved.state.tokenizer, err)) != LM_OK) goto out;
    if ((status = lm_saved_model(&saved, 1, &session.compute, &model, err)) != LM_OK) goto out;
    if ((status = lm_decoder_create(&decoder, model, err)) != LM_OK) goto out;
    status = generate(&r, tokenizer, decoder, saved.config.model.vocab_size, err);
out:
    lm_decoder_free(decoder);
    lm_model_free(model);
    lm_tokenizer_close(tokenizer);
    lm_saved_close(&saved);
    lm_text_free(&skipped);
    lm_session_close(&session);
    return status;
}

const lm_command lm_command_generate = {
    .name = "generate",
    .summary = "text from a model, as it is made",
    .usage = "--checkpoint RUN_OR_FILE [--prompt TEXT] [--tokens N] [OPTIONS]",
    .example =
        "  lmtrain generate --checkpoint runs/quickstart --prompt 'static int' --tokens 400\n",
    .options = options,
    .run = run,
};
