/* Opening what a run reads: its corpora, its tokenizer, and what its config leaves to them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/manifest.h"
#include "tokenizer/tokenizer.h"
#include "train/setup.h"

static lm_status open_corpus(lm_corpus **corpus, lm_sampler *sampler, const lm_config *c,
                             const char *key, const char *path, bool shuffle, lm_error *err) {
    lm_corpus_options how = {.token_bytes = c->data.token_bytes, .vocab_size = c->model.vocab_size};
    lm_status status = lm_corpus_open(corpus, path, &how, err);
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
    if ((status = lm_tokenizer_open(&tokenizer, c->data.tokenizer, NULL, err)) != LM_OK) {
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
    if (s->threads <= 0) s->threads = lm_cpu_threads(&s->threads_asked);
    lm_kernels_fill(&s->kernels, isas);
    if ((status = resolve(s, err)) != LM_OK) goto out;
    if ((status = lm_setup_plan(s, err)) != LM_OK) goto out;
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
