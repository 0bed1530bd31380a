#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/message.h"
#include "base/numbers.h"
#include "cli/commands.h"
#include "cli/eval_choices.h"
#include "cli/eval_text.h"
#include "cli/token_losses.h"
#include "report/metrics.h"
#include "saved/saved.h"
#include "tokenizer/tokenizer.h"
#include "train/evaluate.h"

/* Windows at a time where --batch does not say it: fewer for contexts beyond 2,048 tokens. */
enum { DEFAULT_BATCH = 8, DEFAULT_TOKENS = 16384 };

typedef struct request {
    lm_option_texts saved;
    const char *checkpoint, *data, *token_losses;
    const char *choices, *join;
    lm_tokenize_input text;
    int64_t tokens, items, batch, context;
    int token_bytes, precision, weights;
    bool allow_special, each, json;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    LM_OPTION_CHECKPOINT(request, checkpoint),
    LM_OPTION_WEIGHTS(request, weights),
    {"data", "SHARDS", "tokens: a shard, a directory of shards, or a pattern",
     LM_STORED(request, data)},
    {"text", "PATH",
     "text itself, by the checkpoint's tokenizer: files (also .jsonl, .gz, .zst), directories,"
     " quoted patterns, or - for standard input",
     LM_STORED(request, text.paths), .several = true},
    LM_OPTIONS_READING_TEXT(request, text),
    {"choices", "FILE",
     "questions with several answers, as JSON lines: {\"context\", \"choices\", \"label\"}, or of"
     " HellaSwag, PIQA, ARC, BLiMP",
     LM_STORED(request, choices)},
    {"join", "TEXT",
     "between context and choice (default: a space, unless one of them has white space there)",
     LM_STORED(request, join)},
    {"items", "N", "answer the first N questions; 0: all", LM_STORED(request, items),
     .count = {.most = INT64_MAX}},
    {"each", NULL, "also print a JSON object a line for each question", LM_STORED(request, each)},
    {"allow-special", NULL, "special tokens that stand in the text are tokens, not text",
     LM_STORED(request, allow_special)},
    {"tokens", "N",
     "evaluate about N tokens at most, of shards spread evenly, of text the first; 0: all",
     LM_STORED(request, tokens), .count = {.most = INT64_MAX}},
    {"token-losses", "FILE",
     "also write the loss of every token, as JSON lines: {\"ids\": [...], \"losses\": [...]} for"
     " each window",
     LM_STORED(request, token_losses)},
    {"context", "N", "windows of N tokens at most, which need less memory; 0: the model's context",
     LM_STORED(request, context), .count = {.most = INT32_MAX}},
    {"batch", "N", "windows to evaluate at a time; 0: 8, fewer of more than 2048 tokens each",
     LM_STORED(request, batch), .count = {.most = 1 << 20}},
    LM_OPTION_PRECISION(request, precision),
    LM_OPTION_TOKEN_BYTES(request, token_bytes),
    {"json", NULL, "print one JSON object", LM_STORED(request, json)},
    LM_OPTION_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {0},
};

/* What an evaluation found out. */
typedef struct result {
    double loss; /* nats per token */
    int64_t tokens;
    double bytes_per_token; /* 0: not known */
    int64_t documents;      /* of text; 0: of shards */
    double seconds;
} result;

/* ---- printing ---------------------------------------------------------------------------------*/

static void print_json(const lm_saved *saved, const result *r, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINE);
    lm_json_string(&w, "checkpoint", saved->path);
    lm_json_integer(&w, "step", saved->state.step);
    if (lm_saved_weights_kind(saved)) lm_json_string(&w, "weights", lm_saved_weights_kind(saved));
    if (r->documents > 0) lm_json_integer(&w, "documents", r->documents);
    lm_json_integer(&w, "tokens", r->tokens);
    lm_json_number(&w, "loss", r->loss);
    lm_json_number(&w, "perplexity", lm_perplexity(r->loss));
    if (r->bytes_per_token > 0) {
        lm_json_number(&w, "bytes_per_token", r->bytes_per_token);
        lm_json_number(&w, "bits_per_byte", lm_bits_per_byte(r->loss, r->bytes_per_token));
    }
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

/* Where there are several. */
static void put_weights(const lm_saved *saved, lm_text *out) {
    const char *kind = lm_saved_weights_kind(saved);
    if (kind) lm_text_say(out, "weights        %s\n", kind);
}

static void print_lines(const lm_saved *saved, const result *r, lm_text *out) {
    double perplexity = lm_perplexity(r->loss);
    lm_text_say(out, "checkpoint     %s (step %" PRId64 ")\n", saved->path, saved->state.step);
    put_weights(saved, out);
    if (r->documents > 0) lm_text_say(out, "documents      %" PRId64 "\n", r->documents);
    lm_text_say(out, "tokens         %" PRId64 " in %.1f s\n", r->tokens, r->seconds);
    lm_text_say(out, "loss           %.6f nats per token\n", r->loss);
    lm_text_say(out, perplexity < 1e6 ? "perplexity     %.4f\n" : "perplexity     %.4g\n",
                perplexity);
    if (r->bytes_per_token > 0)
        lm_text_say(out, "bits per byte  %.6f (%.4f bytes per token)\n",
                    lm_bits_per_byte(r->loss, r->bytes_per_token), r->bytes_per_token);
}

/* ---- shards -----------------------------------------------------------------------------------*/

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
    lm_error unread;
    *bytes_per_token = 0;
    if (lm_saved_tokenizer_fails(saved, &unread)) {
        lm_message_write(stderr, "lmtrain: warning: bits per byte are not known: %-s\n",
                         unread.message);
        return LM_OK;
    }
    lm_status status = lm_saved_tokenizer(saved, NULL, &t, err);
    if (status == LM_OK && t)
        status = lm_evaluation_bytes(sampler, max_tokens, t, bytes_per_token, err);
    lm_tokenizer_close(t);
    return status;
}

/* Tokens of a window: those of learned positions may be fewer than the model's. */
static int64_t context_of(const request *r, const lm_saved *saved) {
    return r->context > 0 ? r->context : saved->config.model.context_length;
}

/* The corpus to evaluate on, whose ids the model knows, and its windows. */
static lm_status open_data(const request *r, const lm_saved *saved, int threads, lm_corpus **corpus,
                           lm_sampler *sampler, lm_error *err) {
    const lm_model_options *m = &saved->config.model;
    lm_corpus_options how = {.token_bytes = 2 * r->token_bytes, .vocab_size = m->vocab_size};
    lm_status status = lm_corpus_open(corpus, r->data, &how, err);
    if (status != LM_OK) return status;
    if ((status = check_tokenizer(saved, *corpus, r->data, err)) != LM_OK) return status;
    const lm_sampler_options in_order = {.context_length = context_of(r, saved)};
    status = lm_sampler_init(sampler, *corpus, &in_order, err);
    if (status != LM_OK && !r->context)
        return lm_error_set(err, status, "%-s\n(--context N evaluates windows of N tokens)",
                            err->message);
    if (status != LM_OK) return status;
    lm_corpus_check check = {.threads = threads, .progress = stderr};
    return lm_corpus_validate(*corpus, m->vocab_size, &check, err);
}

static lm_status evaluate_data(const request *r, const lm_saved *saved, int64_t batch,
                               lm_compute *compute, lm_token_losses *losses, result *found,
                               lm_error *err) {
    lm_corpus *corpus = NULL;
    lm_sampler sampler = {0};
    lm_model *model = NULL;
    int32_t *tokens = NULL;
    const int threads = lm_pool_threads(compute->pool);
    lm_status status = open_data(r, saved, threads, &corpus, &sampler, err);
    if (status != LM_OK) goto out;
    batch = lm_min(batch, sampler.windows);
    if ((status = lm_saved_model(saved, batch, compute, &model, err)) != LM_OK) goto out;
    tokens = calloc((size_t)batch * (size_t)(sampler.how.context_length + 1), sizeof *tokens);
    status = tokens ? LM_OK : lm_error_no_memory(err, NULL);
    if (status != LM_OK) goto out;
    status = find_bytes_per_token(saved, &sampler, r->tokens, &found->bytes_per_token, err);
    if (status != LM_OK) goto out;
    const lm_evaluation e = {.model = model,
                             .sampler = &sampler,
                             .batch = batch,
                             .max_tokens = r->tokens,
                             .tokens = tokens,
                             .each = losses ? lm_token_losses_add : NULL,
                             .to = losses};
    double start = lm_clock_seconds();
    status = lm_evaluate(&e, NULL, &found->loss, &found->tokens, err);
    found->seconds = lm_clock_seconds() - start;
out:
    free(tokens);
    lm_model_free(model);
    lm_sampler_free(&sampler);
    lm_corpus_close(corpus);
    return status;
}

/* ---- text -------------------------------------------------------------------------------------*/

static lm_status open_tokenizer(const request *r, const lm_saved *saved, lm_tokenizer **t,
                                lm_error *err) {
    const lm_tokenizer_options how = {.allow_special = r->allow_special};
    lm_status status = lm_saved_tokenizer(saved, &how, t, err);
    if (status != LM_OK || *t) return status;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s does not say which tokenizer its tokens are of (data.tokenizer was"
                        " empty and the data had no manifest): evaluate it on tokens, by --data",
                        saved->path);
}

typedef struct making {
    lm_saved saved; /* its config is this copy's own to shorten */
    lm_compute *compute;
    double seconds; /* that it took */
} making;

static lm_status make_model(void *to, int64_t batch, int64_t time, lm_model **model,
                            lm_error *err) {
    making *m = to;
    double start = lm_clock_seconds();
    lm_saved_shorten(&m->saved, time);
    lm_status status = lm_saved_model(&m->saved, batch, m->compute, model, err);
    m->seconds = lm_clock_seconds() - start;
    return status;
}

static lm_status evaluate_text(const request *r, const lm_saved *saved, int64_t batch,
                               lm_compute *compute, lm_token_losses *losses, result *found,
                               lm_error *err) {
    lm_eval_text_result of_text;
    lm_tokenizer *tokenizer = NULL;
    lm_text passed = {0};
    making how = {.saved = *saved, .compute = compute};
    lm_eval_text e = {.make = make_model,
                      .to = &how,
                      .pool = compute->pool,
                      .vocab = saved->config.model.vocab_size,
                      .batch = batch,
                      .time = context_of(r, saved),
                      .max_tokens = r->tokens,
                      .losses = losses};
    lm_status status = open_tokenizer(r, saved, &tokenizer, err);
    if (status != LM_OK) goto out;
    e.tokenizer = tokenizer;
    double start = lm_clock_seconds();
    status = lm_eval_text_run(&e, &r->text, &of_text, &passed, err);
    if (status != LM_OK) goto out;
    fputs(lm_text_cstr(&passed), stderr);
    *found = (result){.loss = of_text.loss / (double)of_text.tokens,
                      .tokens = of_text.tokens,
                      .bytes_per_token = (double)of_text.bytes / (double)of_text.tokens,
                      .documents = of_text.documents,
                      .seconds = lm_clock_seconds() - start - how.seconds};
out:
    lm_tokenizer_close(tokenizer);
    lm_text_free(&passed);
    return status;
}

/* ---- questions --------------------------------------------------------------------------------*/

/* The names of lm_choices_score, and how they are called in JSON. */
static const char *const score_names[LM_CHOICES_SCORES] = {"accuracy", "  by bytes", "  by tokens"};
static const char *const score_keys[LM_CHOICES_SCORES] = {"accuracy", "accuracy_bytes",
                                                          "accuracy_tokens"};

static double standard_error(double share, int64_t n) {
    return n > 1 ? sqrt(share * (1 - share) / (double)(n - 1)) : 0;
}

static void print_choices(const request *r, const lm_saved *saved, const char *form,
                          const lm_eval_choices_result *found, double seconds, lm_text *out) {
    lm_json_writer w = {.out = out};
    if (!r->json) {
        lm_text_say(out, "checkpoint     %s (step %" PRId64 ")\n", saved->path, saved->state.step);
        put_weights(saved, out);
        lm_text_say(out, "questions      %" PRId64 " (%s), %" PRId64 " choices", found->items, form,
                    found->choices);
        if (found->cut > 0) lm_text_say(out, ", %" PRId64 " cut on the left", found->cut);
        lm_text_say(out, "\ntokens         %" PRId64 " in %.1f s\n", found->tokens, seconds);
        for (int s = 0; s < LM_CHOICES_SCORES; s++) {
            double share = (double)found->right[s] / (double)found->items;
            lm_text_say(out, "%-14s %.4f +- %.4f\n", score_names[s], share,
                        standard_error(share, found->items));
        }
        lm_text_say(out, "chance         %.4f\n", found->chance);
        return;
    }
    lm_json_object(&w, NULL, LM_JSON_LINE);
    lm_json_string(&w, "checkpoint", saved->path);
    lm_json_integer(&w, "step", saved->state.step);
    if (lm_saved_weights_kind(saved)) lm_json_string(&w, "weights", lm_saved_weights_kind(saved));
    lm_json_string(&w, "form", form);
    lm_json_integer(&w, "questions", found->items);
    lm_json_integer(&w, "cut", found->cut);
    for (int s = 0; s < LM_CHOICES_SCORES; s++) {
        char key[32];
        double share = (double)found->right[s] / (double)found->items;
        lm_json_number(&w, score_keys[s], share);
        snprintf(key, sizeof key, "%s_error", score_keys[s]);
        lm_json_number(&w, key, standard_error(share, found->items));
    }
    lm_json_number(&w, "chance", found->chance);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

/* Tokens of the longest text at most: a byte is three of them where U+2581 stands for a space and
 * is no token itself, or where Unicode's normalization form C is longer. */
static int64_t most_tokens(const lm_choices *c, const char *join) {
    enum { MORE = 8 };
    size_t most = 0;
    for (int64_t i = 0; i < c->n_items; i++)
        for (int k = 0; k < c->items[i].n; k++)
            most = lm_size_max(most, strlen(lm_choices_context(c, i)) +
                                         strlen(lm_choices_choice(c, i, k)));
    return (int64_t)(3 * (most + (join ? strlen(join) : 1)) + MORE);
}

static lm_status evaluate_choices(const request *r, const lm_saved *saved, lm_compute *compute,
                                  lm_text *out, lm_error *err) {
    lm_tokenizer *tokenizer = NULL;
    lm_choices choices = {0};
    lm_eval_choices_result found;
    lm_eval_choices e = {.pool = compute->pool, .join = r->join, .each = r->each ? out : NULL};
    lm_status status = open_tokenizer(r, saved, &tokenizer, err);
    if (status != LM_OK) goto out;
    e.tokenizer = tokenizer;
    e.begin = lm_begin_token(saved, tokenizer);
    if ((status = lm_choices_read(&choices, r->choices, r->items, err)) != LM_OK) goto out;
    making how = {.saved = *saved, .compute = compute};
    status = make_model(&how, 1, most_tokens(&choices, r->join), &e.model, err);
    if (status != LM_OK) goto out;
    double start = lm_clock_seconds();
    if ((status = lm_eval_choices_run(&e, &choices, &found, err)) != LM_OK) {
        lm_error_prefix(err, "%s", r->choices);
        goto out;
    }
    print_choices(r, saved, choices.form, &found, lm_clock_seconds() - start, out);
out:
    lm_model_free(e.model);
    lm_choices_free(&choices);
    lm_tokenizer_close(tokenizer);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------*/

static lm_status check(const request *r, lm_error *err) {
    bool text = r->text.paths.count > 0;
    if ((r->data != NULL) + text + (r->choices != NULL) != 1)
        return lm_error_set(err, LM_ERR_USAGE,
                            "eval: expected one of --data, --text and --choices (lmtrain eval"
                            " --help)");
    if (!text && (r->text.field || r->text.separator || r->text.format))
        return lm_error_set(err, LM_ERR_USAGE,
                            "eval: --format, --field and --separator are of --text");
    if (r->data && r->allow_special)
        return lm_error_set(err, LM_ERR_USAGE,
                            "eval: --allow-special is of text, --data has tokens");
    if (!r->choices && (r->join || r->items || r->each))
        return lm_error_set(err, LM_ERR_USAGE, "eval: --join, --items and --each are of --choices");
    if (r->choices && (r->tokens || r->token_losses))
        return lm_error_set(err, LM_ERR_USAGE,
                            "eval: --tokens and --token-losses are not of --choices, which has"
                            " --items and --each");
    return LM_OK;
}

static lm_status check_context(const request *r, const lm_saved *saved, lm_error *err) {
    if (r->context <= saved->config.model.context_length) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE, "--context %" PRId64 ": %s has a context of %" PRId64,
                        r->context, saved->path, saved->config.model.context_length);
}

static int64_t batch_of(const request *r, int64_t context) {
    if (r->batch > 0) return r->batch;
    return lm_max(1, lm_min(DEFAULT_BATCH, DEFAULT_TOKENS / context));
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    const char *path;
    lm_session session = {0};
    lm_saved saved = {0};
    lm_text out = {0}, skipped = {0};
    result found = {0};
    lm_token_losses losses = {0};
    lm_status status = lm_checkpoint_argument("eval", &r->saved, r->checkpoint, &path, err);
    if (status == LM_OK) status = check(r, err);
    if (status == LM_OK) status = lm_machine_session(&r->machine, &session, err);
    if (status != LM_OK) goto out;
    status = lm_saved_open(&saved, path, session.compute.pool, &skipped, err);
    if (status != LM_OK) goto out;
    lm_warn_passed_over(&skipped);
    if ((status = lm_saved_choose(&saved, r->weights, err)) != LM_OK) goto out;
    lm_precision_chosen(r->precision, &saved);
    if ((status = check_context(r, &saved, err)) != LM_OK) goto out;
    lm_saved_shorten(&saved, r->context);
    int64_t batch = batch_of(r, context_of(r, &saved));
    if (r->choices) {
        status = evaluate_choices(r, &saved, &session.compute, &out, err);
        if (status == LM_OK) status = lm_print(&out, err);
        goto out;
    }
    if (r->token_losses) status = lm_token_losses_open(&losses, r->token_losses, err);
    if (status != LM_OK) goto out;
    status = (r->data ? evaluate_data : evaluate_text)(
        r, &saved, batch, &session.compute, r->token_losses ? &losses : NULL, &found, err);
    if (status == LM_OK && r->token_losses) status = lm_token_losses_commit(&losses, err);
    if (status != LM_OK) goto out;
    if (r->json)
        print_json(&saved, &found, &out);
    else
        print_lines(&saved, &found, &out);
    status = lm_print(&out, err);
out:
    lm_token_losses_close(&losses);
    lm_text_free(&out);
    lm_text_free(&skipped);
    lm_saved_close(&saved);
    lm_session_close(&session);
    return status;
}

const lm_command lm_command_eval = {
    .name = "eval",
    .summary =
        "loss, perplexity and bits per byte of a model on tokens or text; answers to questions",
    .usage = "RUN_OR_FILE {--data SHARDS | --text PATH... | --choices FILE} [OPTIONS]",
    .example = "  lmtrain eval runs/quickstart --data data/headers/val.bin\n"
               "  lmtrain eval runs/quickstart --text /usr/include/stdio.h\n"
               "  lmtrain eval runs/book --choices hellaswag_val.jsonl\n",
    .options = options,
    .arguments = {"RUN_OR_FILE", offsetof(request, saved), 0, 1},
    .size = sizeof(request),
    .run = run,
};
