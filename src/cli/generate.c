#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/generate_text.h"
#include "cli/token_ids.h"
#include "model/generate.h"
#include "saved/saved.h"
#include "tokenizer/tokenizer.h"

#define LARGEST_PROMPT ((size_t)1 << 28) /* bytes of a file */

typedef struct request {
    lm_option_texts saved, stops;
    const char *checkpoint, *prompt, *prompt_file, *tokens_in;
    int64_t tokens, top_k, seed;
    double temperature, top_p;
    bool allow_special, begin_document, ignore_end, tokens_out;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    LM_OPTION_CHECKPOINT(request, checkpoint),
    {"prompt", "TEXT",
     "the text to go on from; empty: a document's start, or a line feed where there is none",
     LM_STORED(request, prompt)},
    {"prompt-file", "FILE", "the prompt is the text of a file; -: of standard input",
     LM_STORED(request, prompt_file)},
    {"tokens-in", "IDS", "the prompt as token ids (\"1 2 3\"); -: those on standard input",
     LM_STORED(request, tokens_in)},
    {"allow-special", NULL, "special tokens that stand in the prompt are tokens, not text",
     LM_STORED(request, allow_special)},
    {"begin-document", NULL, "the prompt begins a document: put the document token in front of it",
     LM_STORED(request, begin_document)},
    {"tokens", "N", "tokens to generate", LM_STORED(request, tokens),
     .count = {.by_default = 256, .most = INT64_MAX}},
    {"stop", "TEXT", "end before this text, wherever tokens end; also the name of a special token",
     LM_STORED(request, stops)},
    {"ignore-end", NULL, "go on when a document ends", LM_STORED(request, ignore_end)},
    {"tokens-out", NULL, "print token ids instead of text", LM_STORED(request, tokens_out)},
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

/* What is being generated. Text is printed as soon as it is certain. */
typedef struct generation {
    const request *r;
    const char *path;              /* of the checkpoint */
    const lm_tokenizer *tokenizer; /* NULL: not known */
    lm_decoder *decoder;
    int64_t vocab;
    int32_t begin; /* the token in front of a document; -1: there is none, or it is not known */
    int32_t end;   /* the token that ends a document, beside that one; likewise */
    const float *logits;
    lm_generated text;
    bool any; /* ids were printed already */
} generation;

/* ---- printing ---------------------------------------------------------------------------------*/

/* With --tokens-out: the ids, with a space between two. */
static lm_status print_id(generation *g, int32_t token, lm_error *err) {
    lm_text out = {0};
    lm_text_printf(&out, g->any ? " %" PRId32 : "%" PRId32, token);
    g->any = true;
    lm_status status = lm_print(&out, err);
    lm_text_free(&out);
    return status;
}

static lm_status print_certain(generation *g, lm_error *err) {
    const lm_text part = {.data = g->text.text.data, .length = g->text.certain};
    if (part.length == 0 || g->r->tokens_out) return LM_OK;
    lm_status status = lm_print(&part, err);
    lm_generated_take(&g->text, part.length);
    return status;
}

/* Where a document ends, another begins. */
static bool is_end(const generation *g, int32_t token) {
    return token == g->end || token == g->begin;
}

/* The tokens around documents are not text. */
static lm_status put_token(generation *g, int32_t token, bool prompt, lm_error *err) {
    lm_status status = g->r->tokens_out ? print_id(g, token, err) : LM_OK;
    if (status != LM_OK || !g->tokenizer || is_end(g, token)) return status;
    status =
        prompt ? lm_generated_prompt(&g->text, token, err) : lm_generated_put(&g->text, token, err);
    return status == LM_OK ? print_certain(g, err) : status;
}

/* What was held back of the text, and the end of the line. */
static lm_status print_rest(generation *g, lm_error *err) {
    static const lm_text line_end = {.data = "\n", .length = 1};
    lm_generated_finish(&g->text);
    lm_status status = print_certain(g, err);
    return status == LM_OK ? lm_print(&line_end, err) : status;
}

/* ---- the prompt -------------------------------------------------------------------------------*/

static lm_status append_id(lm_token_list *ids, int32_t id, lm_error *err) {
    lm_status status = lm_token_list_reserve(ids, 1, err);
    if (status == LM_OK) ids->ids[ids->count++] = id;
    return status;
}

static lm_status no_tokenizer(const generation *g, lm_error *err) {
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s does not say which tokenizer its tokens are of (data.tokenizer was"
                        " empty and the data had no manifest): give the prompt by --tokens-in and"
                        " add --tokens-out",
                        g->path);
}

/* A document's start: its token, or where there is none a line feed. */
static lm_status begin_document(const generation *g, lm_token_list *ids, lm_error *err) {
    if (g->begin >= 0) return append_id(ids, g->begin, err);
    if (!g->tokenizer) return no_tokenizer(g, err);
    if (g->r->begin_document)
        return lm_error_set(
            err, LM_ERR_USAGE,
            "--begin-document: no token begins a document in what %s was trained on", g->path);
    return lm_tokenizer_encode(g->tokenizer, "\n", 1, ids, err);
}

static lm_status read_prompt(const generation *g, lm_token_list *ids, lm_error *err) {
    const request *r = g->r;
    lm_text text = {0};
    lm_status status = LM_OK;
    if (r->prompt) lm_text_append(&text, r->prompt, strlen(r->prompt));
    if (r->prompt_file)
        status = strcmp(r->prompt_file, "-") == 0
                     ? lm_read_standard_input(&text, err)
                     : lm_file_read(r->prompt_file, LARGEST_PROMPT, &text, err);
    if (status == LM_OK && text.failed) status = lm_error_no_memory(err, "--prompt");
    if (status != LM_OK) goto out;
    bool empty = text.length == 0 && !r->tokens_in;
    if ((empty || r->begin_document) && (status = begin_document(g, ids, err)) != LM_OK) goto out;
    if (r->tokens_in) {
        status = lm_token_ids_read("--tokens-in", r->tokens_in, g->vocab, ids, err);
    } else if (text.length > 0) {
        status = g->tokenizer ? lm_tokenizer_encode(g->tokenizer, text.data, text.length, ids, err)
                              : no_tokenizer(g, err);
    }
    if (status == LM_OK && ids->count == 0)
        status = lm_error_set(err, LM_ERR_USAGE, "--tokens-in: expected token ids, found none");
    for (int64_t i = 0; i < ids->count && status == LM_OK; i++)
        if (ids->ids[i] >= g->vocab)
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "the prompt: token %" PRId32
                                  " is outside the model's vocabulary of %" PRId64,
                                  ids->ids[i], g->vocab);
out:
    lm_text_free(&text);
    return status;
}

static lm_status take_prompt(generation *g, lm_error *err) {
    lm_token_list prompt = {0};
    lm_status status = read_prompt(g, &prompt, err);
    for (int64_t i = 0; i < prompt.count && status == LM_OK; i++)
        status = put_token(g, prompt.ids[i], true, err);
    if (status == LM_OK) g->logits = lm_decoder_feed(g->decoder, prompt.ids, prompt.count);
    lm_token_list_free(&prompt);
    return status;
}

/* ---- generating -------------------------------------------------------------------------------*/

/* Up to the end of the document, or a stop text. */
static lm_status generate(generation *g, lm_error *err) {
    const request *r = g->r;
    const lm_sample_options sample = {.temperature = r->temperature,
                                      .top_k = r->top_k,
                                      .top_p = r->top_p,
                                      .seed = (uint64_t)r->seed};
    double *workspace = calloc(2 * (size_t)g->vocab, sizeof *workspace);
    if (!workspace) return lm_error_no_memory(err, NULL);
    lm_status status = take_prompt(g, err);
    for (int64_t i = 0; i < r->tokens && status == LM_OK && !g->text.stopped; i++) {
        int32_t token = lm_sample(&sample, g->logits, g->vocab, (uint64_t)i, workspace);
        if (is_end(g, token) && !r->ignore_end) break;
        status = put_token(g, token, false, err);
        if (i + 1 < r->tokens) g->logits = lm_decoder_next(g->decoder, token);
    }
    if (status == LM_OK) status = print_rest(g, err);
    free(workspace);
    return status;
}

/* The tokens around documents: those of the training data, else the tokenizer's. A tokenizer that
 * only separates documents had its token in the data where the run says so. */
static void find_document_tokens(generation *g, const lm_saved *saved) {
    const lm_model_options *m = &saved->config.model;
    const lm_tokenizer *t = g->tokenizer;
    int32_t own = t ? lm_tokenizer_document_token(t) : -1;
    if (m->document_mask)
        g->begin = (int32_t)m->document_token;
    else if (saved->state.documents)
        g->begin = (int32_t)saved->state.document_token;
    else
        g->begin = t && lm_tokenizer_separates(t) ? -1 : own;
    g->end = t && lm_tokenizer_end_token(t) >= 0 ? lm_tokenizer_end_token(t) : own;
    if (g->begin >= g->vocab) g->begin = -1;
}

static lm_status check(const request *r, lm_error *err) {
    int prompts = (r->prompt != NULL) + (r->prompt_file != NULL) + (r->tokens_in != NULL);
    if (prompts > 1)
        return lm_error_set(err, LM_ERR_USAGE,
                            "generate: --prompt, --prompt-file and --tokens-in exclude each other");
    for (int i = 0; i < r->stops.count; i++)
        if (!*r->stops.items[i])
            return lm_error_set(err, LM_ERR_USAGE, "--stop: expected a text, found none");
    return LM_OK;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    const char *path;
    lm_session session = {0};
    lm_saved saved = {0};
    lm_model *model = NULL;
    lm_tokenizer *tokenizer = NULL;
    generation g = {.r = r};
    lm_text skipped = {0};
    lm_status status = lm_checkpoint_argument("generate", &r->saved, r->checkpoint, &path, err);
    if (status == LM_OK) status = check(r, err);
    if (status == LM_OK) status = lm_machine_session(&r->machine, &session, err);
    if (status != LM_OK) goto out;
    status = lm_saved_open(&saved, path, session.compute.pool, &skipped, err);
    if (status != LM_OK) goto out;
    lm_warn_passed_over(&skipped);
    const lm_tokenizer_options how = {.allow_special = r->allow_special};
    if ((status = lm_saved_tokenizer(&saved, &how, &tokenizer, err)) != LM_OK) goto out;
    g.path = saved.path;
    g.tokenizer = tokenizer;
    g.vocab = saved.config.model.vocab_size;
    find_document_tokens(&g, &saved);
    lm_generated_begin(&g.text, tokenizer, r->stops.items, r->stops.count);
    if (!tokenizer && (!r->tokens_out || r->stops.count > 0)) {
        status = no_tokenizer(&g, err);
        goto out;
    }
    if ((status = lm_saved_model(&saved, 1, &session.compute, &model, err)) != LM_OK) goto out;
    if ((status = lm_decoder_create(&g.decoder, model, err)) != LM_OK) goto out;
    status = generate(&g, err);
out:
    lm_generated_free(&g.text);
    lm_decoder_free(g.decoder);
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
    .usage = "RUN_OR_FILE [--prompt TEXT] [--tokens N] [OPTIONS]",
    .example = "  lmtrain generate runs/quickstart --prompt 'static int' --tokens 400\n",
    .options = options,
    .arguments = {"RUN_OR_FILE", offsetof(request, saved), 0, 1},
    .size = sizeof(request),
    .run = run,
};
