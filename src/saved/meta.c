#include "saved/meta.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "optim/average.h"

#define FORMAT  "lmtrain checkpoint"
#define VERSION 1

/* Only of sets that have names: one that has none is val_loss. */
static void write_val_losses(const lm_run_state *s, const lm_config *config, lm_json_writer *w) {
    const lm_data_sources *sets = &config->data.val;
    if (sets->count == 0 || !sets->items[0].name) return;
    lm_json_array(w, "val_losses", LM_JSON_LINE);
    for (int64_t i = 0; i < sets->count; i++) lm_json_number(w, NULL, s->val_losses[i]);
    lm_json_end(w);
}

static void write_noise(const lm_noise *n, lm_json_writer *w) {
    if (n->steps == 0) return;
    lm_json_integer(w, "noise_steps", n->steps);
    lm_json_number(w, "noise_signal", n->signal);
    lm_json_number(w, "noise_trace", n->trace);
}

/* Of the guards, when they have seen or done something. */
static void write_guards(const lm_run_state *s, lm_json_writer *w) {
    if (s->skips > 0) lm_json_integer(w, "skips", s->skips);
    if (s->skips_in_row > 0) lm_json_integer(w, "skips_in_row", s->skips_in_row);
    if (s->rewind_step > 0) lm_json_integer(w, "rewind_step", s->rewind_step);
    if (s->rewinds > 0) lm_json_integer(w, "rewinds", s->rewinds);
    if (s->rewinds_here > 0) lm_json_integer(w, "rewinds_here", s->rewinds_here);
    if (s->taken.count == 0) return;
    lm_json_array(w, "taken_losses", LM_JSON_LINE);
    for (int64_t i = 0; i < s->taken.count; i++) lm_json_number(w, NULL, s->taken.loss[i]);
    lm_json_end(w);
    lm_json_array(w, "taken_grad_norms", LM_JSON_LINE);
    for (int64_t i = 0; i < s->taken.count; i++) lm_json_number(w, NULL, s->taken.grad_norm[i]);
    lm_json_end(w);
}

void lm_run_state_print(const lm_run_state *s, const lm_config *config, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_text resolved = {0};
    lm_config_print_result(config, &resolved);
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "format", FORMAT);
    lm_json_integer(&w, "version", VERSION);
    lm_json_string(&w, "lmtrain", LM_VERSION);
    lm_json_integer(&w, "arithmetic", LM_ARITHMETIC);
    lm_json_integer(&w, "step", s->step);
    lm_json_integer(&w, "tokens", s->tokens);
    lm_json_integer(&w, "samples", s->samples);
    if (s->data_start > 0) lm_json_integer(&w, "data_start", s->data_start);
    lm_json_integer(&w, "parameters", s->parameters);
    lm_json_number(&w, "train_loss", s->train_loss);
    lm_json_number(&w, "val_loss", s->val_loss);
    write_val_losses(s, config, &w);
    lm_json_integer(&w, "val_step", s->val_step);
    lm_json_number(&w, "best_val_loss", s->best_val_loss);
    lm_json_integer(&w, "best_val_step", s->best_val_step);
    if (s->evals_since_best > 0) lm_json_integer(&w, "evals_since_best", s->evals_since_best);
    write_noise(&s->noise, &w);
    if (s->averaged > 0) lm_json_integer(&w, "averaged", s->averaged);
    if (s->averaged > 0 && s->gap != 1) lm_json_number(&w, "gap", s->gap);
    if (s->averaged > 0) lm_json_number(&w, "val_loss_raw", s->val_loss_raw);
    if (s->rates.sum > 0) lm_json_number(&w, "rates_peak", s->rates.peak);
    if (s->rates.sum > 0) lm_json_number(&w, "rates_sum", s->rates.sum);
    lm_json_string(&w, "tokenizer", s->tokenizer);
    if (s->tokenizer_digest) lm_json_digest(&w, "tokenizer_xxh64", s->tokenizer_digest);
    if (s->documents) lm_json_integer(&w, "document_token", s->document_token);
    lm_json_digest(&w, "train_xxh64", s->train_digest);
    lm_json_digest(&w, "val_xxh64", s->val_digest);
    lm_json_digest(&w, "digest", s->digest);
    write_guards(s, &w);
    lm_json_text(&w, "config", lm_text_cstr(&resolved), resolved.length);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
    out->failed |= resolved.failed;
    lm_text_free(&resolved);
}

void lm_run_state_init(lm_run_state *s) {
    *s = (lm_run_state){.arithmetic = LM_ARITHMETIC,
                        .gap = 1,
                        .train_loss = NAN,
                        .val_loss = NAN,
                        .best_val_loss = NAN,
                        .val_loss_raw = NAN};
    for (int i = 0; i < LM_DATA_MOST_SOURCES; i++) s->val_losses[i] = NAN;
}

static int64_t get_count(lm_json_reader *r, const char *key) {
    return lm_json_get_count(r, key, 0, (int64_t)1 << 53);
}

static int64_t get_step(lm_json_reader *r, const char *key) {
    return lm_json_get_count(r, key, 0, LM_CHECKPOINT_MAX_STEP);
}

static void get_val_losses(lm_json_reader *r, lm_run_state *s) {
    if (!lm_json_has(r, "val_losses")) return;
    if (lm_json_enter(r, "val_losses") > LM_DATA_MOST_SOURCES)
        lm_json_wrong(r, NULL, "at most 256 numbers");
    for (int64_t i = 0; lm_json_next(r); i++) s->val_losses[i] = lm_json_get_number(r, NULL);
    lm_json_leave(r);
}

/* Finite numbers into out [LM_SPIKES_MOST]; returns how many. */
static int64_t get_taken(lm_json_reader *r, const char *key, double *out) {
    int64_t n = 0;
    if (!lm_json_has(r, key)) return 0;
    if (lm_json_enter(r, key) > LM_SPIKES_MOST) lm_json_wrong(r, NULL, "at most 128 numbers");
    for (; lm_json_next(r); n++) {
        out[n] = lm_json_get_number(r, NULL);
        if (!isfinite(out[n])) lm_json_wrong(r, NULL, "a finite number");
    }
    lm_json_leave(r);
    return n;
}

static void get_guards(lm_json_reader *r, lm_run_state *s) {
    if (lm_json_has(r, "skips")) s->skips = get_count(r, "skips");
    if (lm_json_has(r, "skips_in_row"))
        s->skips_in_row = lm_json_get_count(r, "skips_in_row", 0, s->skips);
    if (lm_json_has(r, "rewind_step"))
        s->rewind_step = lm_json_get_count(r, "rewind_step", 0, s->step);
    if (lm_json_has(r, "rewinds")) s->rewinds = get_count(r, "rewinds");
    if (lm_json_has(r, "rewinds_here"))
        s->rewinds_here = lm_json_get_count(r, "rewinds_here", 0, s->rewinds);
    s->taken.count = get_taken(r, "taken_losses", s->taken.loss);
    if (get_taken(r, "taken_grad_norms", s->taken.grad_norm) != s->taken.count)
        lm_json_wrong(r, "taken_grad_norms", "as many numbers as taken_losses has");
}

static void get_state(lm_json_reader *r, lm_run_state *s) {
    if (lm_json_has(r, "tokenizer_xxh64"))
        s->tokenizer_digest = lm_json_get_digest(r, "tokenizer_xxh64");
    s->arithmetic = 1; /* of those that do not say it yet */
    if (lm_json_has(r, "arithmetic"))
        s->arithmetic = lm_json_get_count(r, "arithmetic", 1, (int64_t)1 << 53);
    s->step = get_step(r, "step");
    s->tokens = get_count(r, "tokens");
    s->samples = get_count(r, "samples");
    if (lm_json_has(r, "data_start"))
        s->data_start = lm_json_get_count(r, "data_start", 0, s->samples);
    s->parameters = get_count(r, "parameters");
    s->train_loss = lm_json_get_number(r, "train_loss");
    s->val_loss = lm_json_get_number(r, "val_loss");
    get_val_losses(r, s);
    s->val_step = get_step(r, "val_step");
    s->best_val_loss = lm_json_get_number(r, "best_val_loss");
    s->best_val_step = get_step(r, "best_val_step");
    if (lm_json_has(r, "evals_since_best")) s->evals_since_best = get_step(r, "evals_since_best");
    if (lm_json_has(r, "noise_steps")) {
        s->noise.steps = get_step(r, "noise_steps");
        s->noise.signal = lm_json_get_number(r, "noise_signal");
        s->noise.trace = lm_json_get_number(r, "noise_trace");
    }
    if (lm_json_has(r, "averaged")) s->averaged = get_step(r, "averaged");
    if (lm_json_has(r, "gap")) {
        char range[48];
        s->gap = lm_json_get_number(r, "gap");
        snprintf(range, sizeof range, "a number from %g to 1", LM_AVERAGE_GAP_LEAST);
        if (!(s->gap >= LM_AVERAGE_GAP_LEAST && s->gap <= 1)) lm_json_wrong(r, "gap", range);
    }
    if (lm_json_has(r, "rates_sum")) {
        s->rates.peak = lm_json_get_number(r, "rates_peak");
        s->rates.sum = lm_json_get_number(r, "rates_sum");
    }
    if (lm_json_has(r, "val_loss_raw")) s->val_loss_raw = lm_json_get_number(r, "val_loss_raw");
    lm_json_get_string(r, "tokenizer", s->tokenizer, sizeof s->tokenizer);
    s->documents = lm_json_has(r, "document_token");
    if (s->documents) s->document_token = get_count(r, "document_token");
    s->train_digest = lm_json_get_digest(r, "train_xxh64");
    s->val_digest = lm_json_get_digest(r, "val_xxh64");
    s->digest = lm_json_get_digest(r, "digest");
    get_guards(r, s);
}

/* A version above VERSION may mean anything by what it holds: only looking at it is allowed. */
static lm_status check_version(lm_json_reader *r, lm_text *newer, bool *is_newer, lm_error *err) {
    lm_json_expect_string(r, "format", FORMAT);
    int64_t version = lm_json_get_count(r, "version", 1, (int64_t)1 << 53);
    *is_newer = version > VERSION;
    if (r->status != LM_OK || !*is_newer) return r->status;
    if (!newer)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: written by a newer lmtrain: its format has version %lld, this one"
                            " (%s) reads %d",
                            r->file, (long long)version, LM_VERSION, VERSION);
    lm_text_say(newer, "the format of meta.json has version %lld, this lmtrain reads %d\n",
                (long long)version, VERSION);
    return LM_OK;
}

/* `newer`: see lm_run_state_look; NULL: nothing may be unknown. */
static lm_status parse(lm_run_state *s, lm_config *config, const char *path, const char *meta,
                       lm_text *newer, lm_error *err) {
    lm_json_reader r = {0};
    lm_text file = {0};
    char *text = NULL;
    bool is_newer;
    lm_run_state_init(s);
    lm_text_printf(&file, "%s: meta.json", path);
    lm_status status = lm_json_open(&r, lm_text_cstr(&file), meta, strlen(meta), err);
    if (status != LM_OK) goto out;
    if ((status = check_version(&r, newer, &is_newer, err)) != LM_OK) goto out;
    get_state(&r, s);
    if (r.status != LM_OK && is_newer) { /* what follows the first difference stays unknown */
        lm_text_say(newer, "%-s\n", err->message);
        r.status = LM_OK;
    }
    text = lm_json_get_object_text(&r, "config");
    if ((status = r.status) != LM_OK) goto out;
    status = lm_config_parse_saved(config, path, text, strlen(text), newer, err);
    if (status != LM_OK) lm_config_free(config);
out:
    free(text);
    lm_json_close(&r);
    lm_text_free(&file);
    return status;
}

lm_status lm_run_state_parse(lm_run_state *s, lm_config *config, const char *path, const char *meta,
                             lm_error *err) {
    return parse(s, config, path, meta, NULL, err);
}

lm_status lm_run_state_look(lm_run_state *s, lm_config *config, const char *path, const char *meta,
                            lm_text *newer, lm_error *err) {
    return parse(s, config, path, meta, newer, err);
}

double lm_run_state_val_loss(const char *meta) {
    lm_error aside;
    lm_json_reader r;
    if (lm_json_open(&r, "meta.json", meta, strlen(meta), &aside) != LM_OK) return NAN;
    double loss = lm_json_get_number(&r, "val_loss");
    lm_json_close(&r);
    return loss;
}
