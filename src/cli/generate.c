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
    bool allow_special, ignore_end;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    {"checkpoint", "RUN_OR_FILE", "a checkpoint, or a run directory: its newest good one",
     LM_STORED(request, checkpoint), .required = true},
    {"prompt", "TEXT",
     "the text to go on from; empty: a document's start, or a line feed where there is none",
     LM_STORED(request, prompt)},
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
    {"allow-special", NULL, "special tokens that stand in the prompt are tokens, not text",
     LM_STORED(request, allow_special)},
    {"ignore-end", NULL, "go on when a document ends", LM_STORED(request, ignore_end)},
    LM_OPTION_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {0},
};

/* What is being generated. Text is printed as soon as it is certain. */
typedef struct generation {
    const request *r;
    const lm_tokenizer *tokenizer;
    lm_decoder *decoder;
    int64_t vocab;
    int32_t end; /* the token that begins a document, which ends the one before; -1: none */
    const float *logits;
    lm_text text; /* decoded, not printed yet: half a character, perhaps */
} generation;

/* How much of the text ends with a whole character; bytes that begin none count as one each. */
static size_t whole_characters(const lm_text *t) {
    size_t at = 0;
    const char *text = lm_text_cstr(t);
    while (at < t->length) {
        size_t n = lm_text_utf8_length(text + at, t->length - at);
        unsigned char c = (unsigned char)text[at];
        size_t needs = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 1;
        if (n == 0 && needs > t->length - at && c <= 0xF4) break; /* more of it may come */
        at += n > 0 ? n : 1;
    }
    return at;
}

static lm_status print_text(generation *g, size_t n, lm_error *err) {
    const lm_text part = {.data = g->text.data, .length = n};
    if (n == 0) return LM_OK;
    lm_status status = lm_print(&part, err);
    memmove(g->text.data, g->text.data + n, g->text.length - n);
    g->text.length -= n;
    return status;
}

/* The token that ends documents is not text. */
static lm_status put_token(generation *g, int32_t token, lm_error *err) {
    if (token != g->end) lm_tokenizer_decode(g->tokenizer, token, &g->text);
    if (g->text.failed) return lm_error_no_memory(err, NULL);
    return print_text(g, whole_characters(&g->text), err);
}

/* The prompt's tokens: a tokenizer with a token in front of documents has it in front of an empty
 * prompt; one that separates documents, or has no such token, has a line feed. */
static lm_status encode_prompt(const generation *g, lm_token_list *prompt, lm_error *err) {
    const char *text = g->r->prompt ? g->r->prompt : "";
    if (*text) return lm_tokenizer_encode(g->tokenizer, text, strlen(text), prompt, err);
    if (g->end < 0 || lm_tokenizer_separates(g->tokenizer))
        return lm_tokenizer_encode(g->tokenizer, "\n", 1, prompt, err);
    lm_status status = lm_token_list_reserve(prompt, 1, err);
    if (status == LM_OK) prompt->ids[prompt->count++] = g->end;
    return status;
}

static lm_status take_prompt(generation *g, lm_error *err) {
    lm_token_list prompt = {0};
    lm_status status = encode_prompt(g, &prompt, err);
    for (int64_t i = 0; i < prompt.count && status == LM_OK; i++) {
        int32_t token = prompt.ids[i];
        if (token >= g->vocab) {
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "--prompt: token %d is outside the model's vocabulary of %lld",
                                  (int)token, (long long)g->vocab);
            break;
        }
        status = put_token(g, token, err);
        g->logits = lm_decoder_next(g->decoder, token);
    }
    lm_token_list_free(&prompt);
    return status;
}

/* Up to the end of the document; half a character at the end is left off. */
static lm_status generate(generation *g, lm_error *err) {
    const request *r = g->r;
    const lm_sample_options sample = {.temperature = r->temperature,
                                      .top_k = r->top_k,
                                      .top_p = r->top_p,
                                      .seed = (uint64_t)r->seed};
    double *workspace = calloc(2 * (size_t)g->vocab, sizeof *workspace);
    if (!workspace) return lm_error_no_memory(err, NULL);
    lm_status status = take_prompt(g, err);
    for (int64_t i = 0; i < r->tokens && status == LM_OK; i++) {
        int32_t token = lm_sample(&sample, g->logits, g->vocab, (uint64_t)i, workspace);
        if (token == g->end && !r->ignore_end) break;
        status = put_token(g, token, err);
        if (i + 1 < r->tokens) g->logits = lm_decoder_next(g->decoder, token);
    }
    if (status == LM_OK) {
        g->text.length = 0;
        lm_text_append(&g->text, "\n", 1);
        status = print_text(g, 1, err);
    }
    lm_text_free(&g->text);
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
    const lm_tokenizer_options how = {.allow_special = r->allow_special};
    if ((status = lm_saved_tokenizer(&saved, &how, &tokenizer, err)) != LM_OK) goto out;
    if (!tokenizer) {
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s does not say which tokenizer its tokens are of, so that a prompt"
                              " cannot be read (data.tokenizer was empty and the data had no"
                              " manifest)",
                              saved.path);
        goto out;
    }
    if ((status = lm_saved_model(&saved, 1, &session.compute, &model, err)) != LM_OK) goto out;
    if ((status = lm_decoder_create(&decoder, model, err)) != LM_OK) goto out;
    generation g = {.r = r,
                    .tokenizer = tokenizer,
                    .decoder = decoder,
                    .vocab = saved.config.model.vocab_size,
                    .end = lm_tokenizer_document_token(tokenizer)};
    status = generate(&g, err);
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
