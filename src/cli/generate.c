#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/numbers.h"
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
    int64_t tokens, samples, top_k, seed;
    double temperature, top_p, min_p, repetition_penalty;
    int precision, weights;
    bool allow_special, begin_document, ignore_end, tokens_out, json;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    LM_OPTION_CHECKPOINT(request, checkpoint),
    LM_OPTION_WEIGHTS(request, weights),
    {"prompt", "TEXT",
     "the text to go on from; empty: a document's start, or a line feed where there is none",
     LM_STORED(request, prompt)},
    {"prompt-file", "FILE", "the prompt is the text of a file; -: of standard input",
     LM_STORED(request, prompt_file)},
    {"tokens-in", "IDS", "the prompt as token ids (\"1 2 3\"); -: those on standard input",
     LM_STORED(request, tokens_in)},
    {"allow-special", NULL, "special tokens that stand in the prompt are tokens, not text",
     LM_STORED(request, allow_special)},
    {"begin-document", NULL,
     "the prompt begins a document: put the document token in front of it, as the tokenizers of"
     " some models do anyway",
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
    {"min-p", "P", "leave out tokens less than P times as likely as the likeliest",
     LM_STORED(request, min_p), .real = {.most = 1}},
    {"repetition-penalty", "R",
     "divide positive logits of tokens that were there by R, multiply negative ones; 1: do not",
     LM_STORED(request, repetition_penalty), .real = {.by_default = 1, .least = 0.01, .most = 100}},
    {"seed", "S", "seeds the drawing: the same seed gives the same text", LM_STORED(request, seed),
     .count = {.by_default = 1, .most = INT64_MAX}},
    {"samples", "N",
     "texts to generate at once, each behind a line that counts them; the first is that of one",
     LM_STORED(request, samples), .count = {.by_default = 1, .least = 1, .most = 4096}},
    {"json", NULL, "print a JSON object a line for each text", LM_STORED(request, json)},
    LM_OPTION_PRECISION(request, precision),
    LM_OPTION_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {0},
};

/* Why a text ended. */
typedef enum ending { NOT_ENDED, AT_LENGTH, AT_DOCUMENT, AT_STOP } ending;

/* One text. */
typedef struct sample {
    lm_generated text;
    lm_token_list ids;   /* that were generated */
    unsigned char *seen; /* [vocab]: of the prompt too; NULL: not needed */
    double *workspace;   /* [2 vocab] */
    ending ended;
    int32_t next; /* the token that was drawn */
} sample;

/* What is being generated. The text at hand is printed as soon as it is certain; those behind it
 * wait for their turn. */
typedef struct generation {
    const request *r;
    const char *path;              /* of the checkpoint */
    const lm_tokenizer *tokenizer; /* NULL: not known */
    lm_pool *pool;
    lm_token_list prompt;
    int64_t vocab;
    int32_t begin; /* the token in front of a document; -1: there is none, or it is not known */
    int32_t end;   /* the token that ends a document, beside that one; likewise */
    lm_interop_kept kept; /* more tokens that end a text: of a turn in a talk, say */
    sample *samples;
    int64_t n_samples;
    int64_t printing;    /* the sample at hand */
    int64_t n_printed;   /* ids of it */
    bool begun;          /* its prompt is printed */
    int64_t drawn;       /* tokens drawn for each sample that goes on */
    const float *logits; /* [n_active], logits_row apart; at first all have the prompt's */
    int64_t logits_row;
    int32_t *active; /* [n_active] samples that go on */
    int64_t n_active;
    int32_t *tokens; /* [n_active] theirs */
} generation;

/* ---- printing ---------------------------------------------------------------------------------*/

/* Where a document ends, another begins. */
static bool is_around_documents(const generation *g, int32_t token) {
    return token == g->end || token == g->begin;
}

static bool is_end(const generation *g, int32_t token) {
    const lm_interop_special *special = &g->kept.special;
    bool ends = is_around_documents(g, token);
    for (int32_t i = 0; !ends && lm_interop_end_at(special, i) >= 0; i++)
        ends = token == lm_interop_end_at(special, i);
    return ends;
}

static void append_ids(const int32_t *ids, int64_t n, bool first, lm_text *out) {
    for (int64_t i = 0; i < n; i++)
        lm_text_printf(out, first && i == 0 ? "%" PRId32 : " %" PRId32, ids[i]);
}

/* What stands in front of the sample at hand; then, with --tokens-out, its prompt. */
static void begin_sample(generation *g, lm_text *out) {
    const request *r = g->r;
    if (r->json) return;
    if (r->tokens_out)
        append_ids(g->prompt.ids, g->prompt.count, true, out);
    else if (g->n_samples > 1)
        lm_text_printf(out, "--- %" PRId64 " of %" PRId64 " ---\n", g->printing + 1, g->n_samples);
}

/* What is certain of it and not printed yet. */
static void put_certain(generation *g, sample *s, lm_text *out) {
    const request *r = g->r;
    if (r->json) return;
    if (r->tokens_out) {
        append_ids(s->ids.ids + g->n_printed, s->ids.count - g->n_printed, false, out);
        g->n_printed = s->ids.count;
    } else {
        lm_text_append(out, s->text.text.data, s->text.certain);
        lm_generated_take(&s->text, s->text.certain);
    }
}

static void put_json(const generation *g, const sample *s, lm_text *out) {
    static const char *const endings[] = {"", "length", "document", "stop"};
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINE);
    lm_json_integer(&w, "sample", g->printing);
    lm_json_integer(&w, "prompt_tokens", g->prompt.count);
    lm_json_array(&w, "tokens", LM_JSON_LINE);
    for (int64_t i = 0; i < s->ids.count; i++) lm_json_integer(&w, NULL, s->ids.ids[i]);
    lm_json_end(&w);
    if (g->tokenizer) {
        lm_text text = {0};
        lm_text_append(&text, s->text.text.data, s->text.certain);
        lm_json_string(&w, "text", lm_text_cstr(&text));
        out->failed |= text.failed;
        lm_text_free(&text);
    }
    lm_json_string(&w, "ended", endings[s->ended]);
    lm_json_end(&w);
}

/* All that can be printed now. */
static lm_status print(generation *g, lm_error *err) {
    lm_text out = {0};
    while (g->printing < g->n_samples) {
        sample *s = &g->samples[g->printing];
        if (!g->begun) begin_sample(g, &out);
        g->begun = true;
        if (s->ended) lm_generated_finish(&s->text);
        put_certain(g, s, &out);
        if (!s->ended) break;
        if (g->r->json) put_json(g, s, &out);
        lm_text_append(&out, "\n", 1);
        g->printing++;
        g->n_printed = 0;
        g->begun = false;
    }
    lm_status status = out.failed        ? lm_error_no_memory(err, "generate")
                       : out.length == 0 ? LM_OK
                                         : lm_print(&out, err);
    lm_text_free(&out);
    return status;
}

/* The tokens around documents are not text, and neither is what a text ended with. */
static lm_status put_token(generation *g, sample *s, int32_t token, bool prompt, lm_error *err) {
    if (s->seen) s->seen[token] = 1;
    if (!prompt) {
        lm_status status = lm_token_list_append(&s->ids, token, err);
        if (status != LM_OK) return status;
    }
    if (!g->tokenizer || (prompt ? is_around_documents(g, token) : is_end(g, token))) return LM_OK;
    if (prompt && g->r->json) return LM_OK;
    return prompt ? lm_generated_prompt(&s->text, token, err)
                  : lm_generated_put(&s->text, token, err);
}

/* ---- the prompt -------------------------------------------------------------------------------*/

static lm_status no_tokenizer(const generation *g, lm_error *err) {
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s does not say which tokenizer its tokens are of (data.tokenizer was"
                        " empty and the data had no manifest): give the prompt by --tokens-in and"
                        " add --tokens-out",
                        g->path);
}

/* A document's start: its token, or where there is none a line feed. */
static lm_status begin_document(const generation *g, lm_token_list *ids, lm_error *err) {
    if (g->begin >= 0) return lm_token_list_append(ids, g->begin, err);
    if (!g->tokenizer) return no_tokenizer(g, err);
    if (g->r->begin_document)
        return lm_error_set(
            err, LM_ERR_USAGE,
            "--begin-document: no token begins a document in what %s was trained on", g->path);
    return lm_tokenizer_encode(g->tokenizer, "\n", 1, ids, err);
}

static lm_status read_prompt(generation *g, lm_error *err) {
    const request *r = g->r;
    lm_token_list *ids = &g->prompt;
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
    bool begins =
        r->begin_document || (!r->tokens_in && g->tokenizer && lm_tokenizer_begins(g->tokenizer));
    if ((empty || begins) && (status = begin_document(g, ids, err)) != LM_OK) goto out;
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

/* ---- generating -------------------------------------------------------------------------------*/

static lm_status make_samples(generation *g, lm_error *err) {
    const request *r = g->r;
    size_t n = (size_t)g->n_samples;
    g->samples = calloc(n, sizeof *g->samples);
    g->active = calloc(n, sizeof *g->active);
    g->tokens = calloc(n, sizeof *g->tokens);
    if (!g->samples || !g->active || !g->tokens) return lm_error_no_memory(err, "--samples");
    for (int64_t i = 0; i < g->n_samples; i++) {
        sample *s = &g->samples[i];
        lm_generated_begin(&s->text, g->tokenizer, r->stops.items, r->stops.count);
        s->workspace = calloc(2 * (size_t)g->vocab, sizeof *s->workspace);
        if (r->repetition_penalty != 1) s->seen = calloc((size_t)g->vocab, 1);
        if (!s->workspace || (r->repetition_penalty != 1 && !s->seen))
            return lm_error_no_memory(err, "--samples");
        for (int64_t k = 0; k < g->prompt.count; k++) {
            lm_status status = put_token(g, s, g->prompt.ids[k], true, err);
            if (status != LM_OK) return status;
        }
        g->active[g->n_active++] = (int32_t)i;
    }
    return LM_OK;
}

static void free_samples(generation *g) {
    for (int64_t i = 0; g->samples && i < g->n_samples; i++) {
        lm_generated_free(&g->samples[i].text);
        lm_token_list_free(&g->samples[i].ids);
        free(g->samples[i].seen);
        free(g->samples[i].workspace);
    }
    free(g->samples);
    free(g->active);
    free(g->tokens);
    lm_token_list_free(&g->prompt);
}

static void draw_task(void *argument, int64_t task, int worker) {
    generation *g = argument;
    const request *r = g->r;
    int32_t number = g->active[task];
    sample *s = &g->samples[number];
    const lm_sample_options how = {.temperature = r->temperature,
                                   .top_k = r->top_k,
                                   .top_p = r->top_p,
                                   .min_p = r->min_p,
                                   .repetition_penalty = r->repetition_penalty,
                                   .seed = (uint64_t)r->seed};
    (void)worker;
    s->next = lm_sample(&how, g->logits + task * g->logits_row, g->vocab, s->seen, (uint32_t)number,
                        (uint64_t)g->drawn, s->workspace);
}

/* A token more for each sample that goes on; then g->active and g->tokens are those that go on. */
static lm_status draw(generation *g, lm_error *err) {
    int64_t n = 0;
    lm_pool_run(g->pool, g->n_active, draw_task, g);
    g->drawn++;
    for (int64_t i = 0; i < g->n_active; i++) {
        sample *s = &g->samples[g->active[i]];
        lm_status status = LM_OK;
        if (is_end(g, s->next) && !g->r->ignore_end)
            s->ended = AT_DOCUMENT;
        else
            status = put_token(g, s, s->next, false, err);
        if (status != LM_OK) return status;
        if (s->text.stopped) s->ended = AT_STOP;
        if (!s->ended && g->drawn == g->r->tokens) s->ended = AT_LENGTH;
        if (s->ended) continue;
        g->active[n] = g->active[i];
        g->tokens[n++] = s->next;
    }
    g->n_active = n;
    return LM_OK;
}

static lm_status generate(generation *g, lm_model *model, lm_error *err) {
    const request *r = g->r;
    lm_decoder *d = NULL;
    const int64_t context = lm_model_get_options(model)->context_length;
    const int64_t rest = context - lm_min(context, g->prompt.count);
    const lm_decoder_options how = {.sequences = g->n_samples,
                                    .capacity =
                                        r->tokens < rest ? g->prompt.count + r->tokens : context};
    lm_status status = lm_decoder_create(&d, model, &how, err);
    if (status == LM_OK) status = make_samples(g, err);
    if (status == LM_OK) status = print(g, err);
    if (status != LM_OK) goto out;
    if (r->tokens == 0) {
        for (int64_t i = 0; i < g->n_samples; i++) g->samples[i].ended = AT_LENGTH;
        g->n_active = 0;
    } else {
        g->logits = lm_decoder_feed(d, 0, g->prompt.ids, g->prompt.count);
        for (int64_t i = 1; i < g->n_samples; i++) lm_decoder_copy(d, 0, i);
    }
    while (g->n_active > 0) {
        if ((status = draw(g, err)) != LM_OK) goto out;
        if ((status = print(g, err)) != LM_OK) goto out;
        if (g->n_active == 0) break;
        g->logits = lm_decoder_step(d, g->n_active, g->active, g->tokens);
        g->logits_row = g->vocab;
    }
    status = print(g, err);
out:
    lm_decoder_free(d);
    return status;
}

static lm_status check(const request *r, lm_error *err) {
    int prompts = (r->prompt != NULL) + (r->prompt_file != NULL) + (r->tokens_in != NULL);
    if (prompts > 1)
        return lm_error_set(err, LM_ERR_USAGE,
                            "generate: --prompt, --prompt-file and --tokens-in exclude each other");
    if (r->json && r->tokens_out)
        return lm_error_set(err, LM_ERR_USAGE,
                            "generate: --json has the ids too: leave --tokens-out out");
    for (int i = 0; i < r->stops.count; i++)
        if (!*r->stops.items[i])
            return lm_error_set(err, LM_ERR_USAGE, "--stop: expected a text, found none");
    return LM_OK;
}

/* NULL where ids go in and out and the tokenizer cannot be read. */
static lm_status open_tokenizer(const request *r, const lm_saved *saved, lm_tokenizer **t,
                                lm_error *err) {
    const lm_tokenizer_options how = {.allow_special = r->allow_special};
    lm_error aside;
    *t = NULL;
    if (r->tokens_in && r->tokens_out && r->stops.count == 0 &&
        lm_saved_tokenizer_fails(saved, &aside))
        return LM_OK;
    return lm_saved_tokenizer(saved, &how, t, err);
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    const char *path;
    lm_session session = {0};
    lm_saved saved = {0};
    lm_model *model = NULL;
    lm_tokenizer *tokenizer = NULL;
    generation g = {.r = r, .n_samples = r->samples, .kept = lm_interop_kept_none()};
    lm_text skipped = {0};
    lm_status status = lm_checkpoint_argument("generate", &r->saved, r->checkpoint, &path, err);
    if (status == LM_OK) status = check(r, err);
    if (status == LM_OK) status = lm_machine_session(&r->machine, &session, err);
    if (status != LM_OK) goto out;
    status = lm_saved_open(&saved, path, session.compute.pool, &skipped, err);
    if (status != LM_OK) goto out;
    lm_warn_passed_over(&skipped);
    if ((status = lm_saved_choose(&saved, r->weights, err)) != LM_OK) goto out;
    if ((status = open_tokenizer(r, &saved, &tokenizer, err)) != LM_OK) goto out;
    if ((status = lm_saved_kept(&saved, &g.kept, err)) != LM_OK) goto out;
    g.path = saved.path;
    g.pool = session.compute.pool;
    g.tokenizer = tokenizer;
    g.vocab = saved.config.model.vocab_size;
    g.begin = lm_begin_token(&saved, tokenizer);
    g.end = tokenizer ? lm_tokenizer_end_token(tokenizer) : -1;
    if (g.end < 0 && tokenizer) g.end = lm_tokenizer_document_token(tokenizer);
    if (!tokenizer && (!(r->tokens_out || r->json) || r->stops.count > 0)) {
        status = no_tokenizer(&g, err);
        goto out;
    }
    if ((status = read_prompt(&g, err)) != LM_OK) goto out;
    lm_precision_chosen(r->precision, &saved);
    if (r->tokens < INT64_MAX - g.prompt.count)
        lm_saved_shorten(&saved, g.prompt.count + r->tokens);
    if ((status = lm_saved_model(&saved, 1, &session.compute, &model, err)) != LM_OK) goto out;
    status = generate(&g, model, err);
out:
    free_samples(&g);
    lm_interop_kept_free(&g.kept);
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
