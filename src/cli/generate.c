#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "model/generate.h"
#include "saved/saved.h"
#include "tokenizer/tokenizer.h"

typedef struct request {
    const char *checkpoint, *prompt;
    int64_t tokens, top_k, seed;
    double temperature, top_p;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    {"checkpoint", "RUN_OR_FILE", "a checkpoint, or a run directory: its newest good one",
     LM_STORED(request, checkpoint), .required = true},
    {"prompt", "TEXT", "the text to go on from; empty: a line feed", LM_STORED(request, prompt)},
    {"tokens", "N", "tokens to generate", LM_STORED(request, tokens),
     .count = {.by_default = 256, .most = INT64_MAX}},
    {"temperature", "T", "0: always the most likely token; 1: the model's own probabilities",
     LM_STORED(request, temperature), .real = {.by_default = 0.8, .most = 1000}},
    {"top-k", "K", "draw from the K most likely tokens; 0: from all", LM_STORED(request, top_k),
     .count = {.most = INT32_MAX}},
    {"top-p", "P", "draw from the most likely tokens whose probabilities sum to P",
     LM_STORED(request, top_p), .real = {.by_default = 1, .most = 1}},
    {"seed", "S", "seeds the drawing: the same seed gives the same text", LM_STORED(request, seed),
     .count = {.by_default = 1, .most = INT64_MAX}},
    LM_OPTION_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {0},
};

/* Prints a token as soon as it is drawn. */
static lm_status print_token(const lm_tokenizer *t, int32_t token, lm_text *text, lm_error *err) {
    text->length = 0;
    lm_tokenizer_decode(t, token, text);
    return lm_print(text, err);
}

static lm_status generate(const request *r, const lm_tokenizer *t, lm_decoder *d, int64_t vocab,
                          lm_error *err) {
    lm_status status;
    lm_token_list prompt = {0};
    lm_text text = {0};
    const float *logits = NULL;
    const lm_sample_options sample = {.temperature = r->temperature,
                                      .top_k = r->top_k,
                                      .top_p = r->top_p,
                                      .seed = (uint64_t)r->seed};
    const char *text_before = r->prompt && *r->prompt ? r->prompt : "\n";
    double *workspace = calloc(2 * (size_t)vocab, sizeof *workspace);
    if (!workspace) return lm_error_no_memory(err, NULL);
    status = lm_tokenizer_encode(t, text_before, strlen(text_before), &prompt, err);
    for (int64_t i = 0; i < prompt.count && status == LM_OK; i++) {
        int32_t token = prompt.ids[i];
        if (token >= vocab) {
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "--prompt: token %d is outside the model's vocabulary of %lld",
                                  (int)token, (long long)vocab);
            break;
        }
        status = print_token(t, token, &text, err);
        logits = lm_decoder_next(d, token);
    }
    for (int64_t i = 0; i < r->tokens && status == LM_OK; i++) {
        int32_t token = lm_sample(&sample, logits, vocab, (uint64_t)i, workspace);
        status = print_token(t, token, &text, err);
        if (i + 1 < r->tokens) logits = lm_decoder_next(d, token);
    }
    if (status == LM_OK) {
        text.length = 0;
        lm_text_append(&text, "\n", 1);
        status = lm_print(&text, err);
    }
    lm_text_free(&text);
    lm_token_list_free(&prompt);
    free(workspace);
    return status;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_session session = {0};
    lm_saved saved = {0};
    lm_model *model = NULL;
    lm_decoder *decoder = NULL;
    lm_tokenizer *tokenizer = NULL;
    lm_text skipped = {0};
    lm_status status = lm_machine_session(&r->machine, &session, err);
    if (status != LM_OK) goto out;
    status = lm_saved_open(&saved, r->checkpoint, session.compute.pool, &skipped, err);
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
    if ((status = lm_tokenizer_open(&tokenizer, saved.state.tokenizer, NULL, err)) != LM_OK)
        goto out;
    if ((status = lm_saved_model(&saved, 1, &session.compute, &model, err)) != LM_OK) goto out;
    if ((status = lm_decoder_create(&decoder, model, err)) != LM_OK) goto out;
    status = generate(r, tokenizer, decoder, saved.config.model.vocab_size, err);
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
    .summary = "print text from a model, token by token",
    .usage = "--checkpoint RUN_OR_FILE [--prompt TEXT] [--tokens N] [OPTIONS]",
    .example =
        "  lmtrain generate --checkpoint runs/quickstart --prompt 'static int' --tokens 400\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
};
