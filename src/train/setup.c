#include "train/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "data/manifest.h"
#include "machine/limits.h"
#include "tokenizer/tokenizer.h"
#include "train/groups.h"

/* ---- the plan ----------------------------------------------------------------------------------*/

/* At most, at the end of the run. */
static uint64_t checkpoints_kept(const lm_config *c) {
    const lm_checkpoint_options *o = &c->checkpoint;
    uint64_t kept = (uint64_t)o->keep_last;
    if (c->data.val && *c->data.val) kept += (uint64_t)o->keep_best;
    if (o->every > 0 && o->keep_every > 0) {
        int64_t a = o->every, b = o->keep_every; /* Euclid's: steps that are multiples of both */
        while (b > 0) {
            int64_t rest = a % b;
            a = b;
            b = rest;
        }
        kept += (uint64_t)(c->train.steps / (o->every / a) / o->keep_every);
    }
    uint64_t made = o->every > 0 ? (uint64_t)((c->train.steps - 1) / o->every) + 1 : 1;
    return kept < made ? kept : made;
}

static lm_status make_plan(lm_setup *s, lm_error *err) {
    const lm_config *c = s->config;
    lm_train_plan *p = &s->plan;
    bool fits;
    memset(p, 0, sizeof *p);
    lm_model_plan_make(&p->model, &c->model, c->train.micro_batch, true,
                       (lm_precision)c->train.precision, s->threads);
    if (lm_groups_bytes(c, &p->optimizer, &fits, err) != LM_OK) return err->code;
    uint64_t step = (uint64_t)c->train.micro_batch;
    p->batch = (uint64_t)c->train.micro_batch * sizeof(int32_t);
    p->saving = lm_checkpoint_write_bytes(s->threads);
    fits = fits && !p->model.overflow &&
           lm_u64_mul(p->batch, (uint64_t)c->model.context_length + 1, &p->batch) &&
           lm_u64_add(p->model.weights, p->optimizer, &p->checkpoint) &&
           lm_u64_add(p->checkpoint, 1 << 20, &p->checkpoint) &&
           lm_u64_mul(step, (uint64_t)c->train.grad_accumulation, &step) &&
           lm_u64_mul(step, (uint64_t)c->model.context_length, &step) && step <= INT64_MAX &&
           lm_u64_mul(p->checkpoint, checkpoints_kept(c) + 1, &p->disk);
    const uint64_t parts[] = {p->model.weights,     p->model.gradients, p->optimizer,
                              p->model.activations, p->model.scratch,   p->batch,
                              p->model.rounded,     p->saving};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fits = fits && lm_u64_add(p->memory, parts[i], &p->memory);
    p->overflow = !fits;
    p->step_tokens = fits ? (int64_t)step : 0;
    p->tokens = (double)step * (double)c->train.steps;
    p->epochs = p->tokens / ((double)s->sampler.windows * (double)c->model.context_length);
    return LM_OK;
}

lm_status lm_setup_check_memory(const lm_setup *s, lm_error *err) {
    const lm_train_plan *p = &s->plan;
    uint64_t memory = lm_limits_memory();
    char need[32], have[32];
    if (p->overflow)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "the plan's sizes do not fit 64 bits: make the model or micro_batch"
                            " smaller");
    if (p->memory > memory)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "the plan needs %s of memory, %s are available: make the model,"
                            " train.micro_batch or model.context_length smaller (--dry-run shows"
                            " what needs how much)",
                            lm_text_bytes(need, sizeof need, (double)p->memory),
                            lm_text_bytes(have, sizeof have, (double)memory));
    return LM_OK;
}

/* What is free, and what the run's checkpoints occupy already. */
static uint64_t disk_to_be_had(const char *run) {
    char *checkpoints = lm_file_join(run, "checkpoints");
    uint64_t disk = lm_limits_disk(run);
    if (checkpoints && __builtin_add_overflow(disk, lm_checkpoint_bytes(checkpoints), &disk))
        disk = UINT64_MAX;
    free(checkpoints);
    return disk;
}

lm_status lm_setup_check_limits(const lm_setup *s, lm_error *err) {
    const lm_train_plan *p = &s->plan;
    uint64_t disk = disk_to_be_had(s->config->run.dir);
    char need[32], have[32];
    if (lm_setup_check_memory(s, err) != LM_OK) return err->code;
    if (p->disk > disk)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: checkpoints need up to %s of disk, %s are free or theirs: lower"
                            " checkpoint.keep_last or choose another run.dir",
                            s->config->run.dir, lm_text_bytes(need, sizeof need, (double)p->disk),
                            lm_text_bytes(have, sizeof have, (double)disk));
    return LM_OK;
}

static void put_bytes(lm_text *out, const char *what, uint64_t bytes) {
    char text[32];
    lm_text_printf(out, "  %-14s %12s\n", what, lm_text_bytes(text, sizeof text, (double)bytes));
}

/* What recomputing more than the config asks for would save. */
static void put_recompute(lm_text *out, const lm_setup *s) {
    const lm_config *c = s->config;
    char text[32];
    lm_text_printf(out, "  recompute %s", lm_recompute_name(c->model.recompute));
    for (int kind = c->model.recompute + 1; kind < LM_RECOMPUTE_COUNT; kind++) {
        lm_model_options o = c->model;
        lm_model_plan plan;
        o.recompute = kind;
        lm_model_plan_make(&plan, &o, c->train.micro_batch, true, (lm_precision)c->train.precision,
                           s->threads);
        lm_text_printf(out, "; %s would save %s", lm_recompute_name(kind),
                       lm_text_bytes(text, sizeof text,
                                     (double)(s->plan.model.activations - plan.activations)));
    }
    lm_text_printf(out, "\n");
}

void lm_setup_print_plan(const lm_setup *s, lm_text *out) {
    const lm_train_plan *p = &s->plan;
    const lm_config *c = s->config;
    const lm_model_options *m = &c->model;
    char a[32], b[32], isas[128];
    lm_text_printf(out,
                   "model     %s parameters: %" PRId64 " layers of %" PRId64 ", %" PRId64
                   " heads, vocabulary %" PRId64 ", context %" PRId64 "\n",
                   lm_text_count(a, sizeof a, (double)p->model.parameters), m->n_layers, m->d_model,
                   m->n_heads, m->vocab_size, m->context_length);
    lm_text_printf(out, "data      %s: %s tokens", c->data.train,
                   lm_text_count(a, sizeof a, (double)lm_corpus_tokens(s->train)));
    if (s->val)
        lm_text_printf(out, "; validation %s: %s tokens", c->data.val,
                       lm_text_count(a, sizeof a, (double)lm_corpus_tokens(s->val)));
    if (lm_setup_shared_shard(s))
        lm_text_printf(out, "\n          " LM_SHARED_SHARD, lm_setup_shared_shard(s));
    if (lm_setup_no_documents(s))
        lm_text_printf(out, "\n          " LM_NO_DOCUMENTS, (long long)m->document_token,
                       c->data.train);
    lm_text_printf(
        out, "\ntraining  %" PRId64 " steps of %" PRId64 " tokens: %s tokens, %.3g epochs\n",
        c->train.steps, p->step_tokens, lm_text_count(a, sizeof a, p->tokens), p->epochs);
    lm_text_printf(out, "work      %sFLOP a token, %sFLOP in all\n",
                   lm_text_count(a, sizeof a, p->model.flops_per_token),
                   lm_text_count(b, sizeof b, p->model.flops_per_token * p->tokens));
    lm_text_printf(out, "machine   %d thread%s, %s\n", s->threads, s->threads == 1 ? "" : "s",
                   lm_cpu_describe(s->kernels.isas, isas, sizeof isas));
    lm_text_printf(out, "memory\n");
    put_bytes(out, "weights", p->model.weights + p->model.rounded);
    put_bytes(out, "gradients", p->model.gradients);
    put_bytes(out, "optimizer", p->optimizer);
    put_bytes(out, "activations", p->model.activations);
    put_bytes(out, "scratch", p->model.scratch);
    put_bytes(out, "batch", p->batch);
    put_bytes(out, "saving", p->saving);
    put_bytes(out, "total", p->memory);
    put_bytes(out, "available", lm_limits_memory());
    put_recompute(out, s);
    lm_text_printf(out,
                   "disk      at most %s a checkpoint, %s for those kept and the one being"
                   " written\n",
                   lm_text_bytes(a, sizeof a, (double)p->checkpoint),
                   lm_text_bytes(b, sizeof b, (double)p->disk));
}

/* ---- opening -----------------------------------------------------------------------------------*/

static lm_status open_corpus(lm_corpus **corpus, lm_sampler *sampler, const lm_config *c,
                             const char *key, const char *path, bool shuffle, lm_error *err) {
    lm_status status = lm_corpus_open(corpus, path, err);
    if (status == LM_OK)
        status = lm_sampler_init(sampler, *corpus, c->model.context_length, shuffle,
                                 (uint64_t)c->run.seed, err);
    if (status != LM_OK) lm_error_prefix(err, "%s", key);
    return status;
}

/* Tokens of another tokenizer mean other text. */
static lm_status check_tokenizers(const lm_setup *s, lm_error *err) {
    const char *named = *s->config->data.tokenizer ? s->config->data.tokenizer : NULL;
    const char *train = lm_corpus_tokenizer(s->train);
    const char *val = s->val ? lm_corpus_tokenizer(s->val) : NULL;
    if (named && train && strcmp(named, train) != 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "data.tokenizer: \"%s\" does not agree with the manifest of data.train,"
                            " which says \"%s\"",
                            named, train);
    if (!train) train = named;
    if (train && val && strcmp(train, val) != 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "data.val: %s holds tokens of \"%s\", data.train of \"%s\"",
                            s->config->data.val, val, train);
    return LM_OK;
}

/* The tokenizer that the config names, else the one of the training data: the config then says it
 * too. */
static lm_status find_tokenizer(lm_setup *s, lm_error *err) {
    lm_config *c = s->config;
    lm_tokenizer *tokenizer = NULL;
    lm_status status = check_tokenizers(s, err);
    if (status != LM_OK) return status;
    if (!*c->data.tokenizer && lm_corpus_tokenizer(s->train)) {
        char *name = strdup(lm_corpus_tokenizer(s->train));
        if (!name) return lm_error_no_memory(err, NULL);
        free(c->data.tokenizer);
        c->data.tokenizer = name;
    }
    if (!*c->data.tokenizer) return LM_OK;
    if ((status = lm_tokenizer_open(&tokenizer, c->data.tokenizer, err)) != LM_OK) {
        lm_error_prefix(err, "data.tokenizer");
        return status;
    }
    snprintf(s->tokenizer, sizeof s->tokenizer, "%s", c->data.tokenizer);
    s->bytes_per_token = lm_tokenizer_bytes_per_token(tokenizer);
    if (c->model.vocab_size == LM_VOCAB_UNKNOWN)
        c->model.vocab_size = lm_tokenizer_vocab_size(tokenizer);
    lm_tokenizer_close(tokenizer);
    return LM_OK;
}

/* An error that follows from a vocabulary of the data names where its size stands. */
static void name_vocabulary(const lm_setup *s, lm_error *err) {
    if (lm_corpus_vocab_size(s->train) > 0) {
        char *manifest = lm_manifest_path(lm_corpus_shard_path(s->train, 0));
        if (manifest) lm_error_prefix(err, "%s: vocab_size", manifest);
        free(manifest);
    } else {
        lm_error_prefix(err, "data.tokenizer = \"%s\"", s->config->data.tokenizer);
    }
}

/* Everything that the config leaves to the data. */
static lm_status resolve(lm_setup *s, lm_error *err) {
    lm_config *c = s->config;
    bool given = c->model.vocab_size != LM_VOCAB_UNKNOWN;
    lm_status status =
        open_corpus(&s->train, &s->sampler, c, "data.train", c->data.train, c->data.shuffle, err);
    if (status != LM_OK) return status;
    if (*c->data.val) {
        status = open_corpus(&s->val, &s->val_sampler, c, "data.val", c->data.val, false, err);
        if (status != LM_OK) return status;
    }
    if (!given) c->model.vocab_size = lm_corpus_vocab_size(s->train);
    if ((status = find_tokenizer(s, err)) != LM_OK) return status;
    if (c->model.vocab_size == LM_VOCAB_UNKNOWN)
        return lm_error_set(err, LM_ERR_USAGE,
                            "model.vocab_size: expected a value, since %s has no manifest that"
                            " gives one",
                            c->data.train);
    status = lm_model_resolve(&c->model, err);
    if (status != LM_OK && !given) name_vocabulary(s, err);
    return status;
}

const char *lm_setup_shared_shard(const lm_setup *s) {
    for (int64_t i = 0; s->val && i < lm_corpus_shards(s->val); i++)
        for (int64_t k = 0; k < lm_corpus_shards(s->train); k++)
            if (lm_file_same(lm_corpus_shard_path(s->val, i), lm_corpus_shard_path(s->train, k)))
                return lm_corpus_shard_path(s->val, i);
    return NULL;
}

bool lm_setup_no_documents(const lm_setup *s) {
    return s->config->model.document_mask && !lm_corpus_watched(s->train);
}

lm_status lm_setup_resolve(lm_config *config, lm_error *err) {
    lm_setup s = {.config = config};
    lm_error aside;
    lm_status status = resolve(&s, err);
    lm_setup_close(&s);
    if (config->model.vocab_size == LM_VOCAB_UNKNOWN)
        (void)lm_model_resolve(&config->model, &aside); /* what does not depend on the data */
    return status;
}

lm_status lm_setup_open(lm_setup *s, lm_config *config, int threads, lm_isa_mask isas,
                        lm_error *err) {
    lm_status status;
    memset(s, 0, sizeof *s);
    s->config = config;
    s->threads = threads > 0 ? threads : (int)config->run.threads;
    if (s->threads <= 0) s->threads = lm_cpu_usable();
    lm_kernels_fill(&s->kernels, isas);
    if ((status = resolve(s, err)) != LM_OK) goto out;
    if ((status = make_plan(s, err)) != LM_OK) goto out;
    if (config->model.document_mask) lm_corpus_watch(s->train, config->model.document_token);
    if ((status = lm_corpus_validate(s->train, config->model.vocab_size, err)) != LM_OK) goto out;
    if (s->val) status = lm_corpus_validate(s->val, config->model.vocab_size, err);
out:
    if (status != LM_OK) lm_setup_close(s);
    return status;
}

void lm_setup_close(lm_setup *s) {
    lm_corpus_close(s->train);
    lm_corpus_close(s->val);
    memset(s, 0, sizeof *s);
}
