/* Opening what a run reads: its corpora, its tokenizer, and what its config leaves to them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "data/manifest.h"
#include "tokenizer/tokenizer.h"
#include "train/evaluate.h"
#include "train/setup.h"
#include "train/tokens.h"

static lm_status open_sources(lm_sources *s, const lm_config *c, const char *key,
                              const lm_data_sources *options, bool training, lm_error *err) {
    const lm_corpus_options corpora = {.token_bytes = c->data.token_bytes,
                                       .vocab_size = c->model.vocab_size};
    const bool shuffle = training && c->data.shuffle;
    const lm_sampler_options how = {.context_length = c->model.context_length,
                                    .shuffle = shuffle,
                                    .offsets = shuffle && c->data.offsets,
                                    .seed = (uint64_t)c->run.seed};
    return lm_sources_open(s, options, key, &corpora, &how, err);
}

/* Tokens of another tokenizer mean other text. Without a manifest nothing is known of it. */
static lm_status check_same(const lm_setup *s, const lm_sources *sources, lm_error *err) {
    const lm_manifest_tokenizer *train = lm_sources_tokenizer(&s->train);
    const char *named = s->config->data.tokenizer;
    const char *name = train ? train->name : *named ? named : NULL;
    for (int64_t i = 0; i < sources->count; i++) {
        const lm_source *other = &sources->items[i];
        const lm_manifest_tokenizer *t = lm_corpus_tokenizer(other->corpus);
        bool same = !t || !name ||
                    (train ? lm_manifest_same_tokenizer(train, t) : strcmp(name, t->name) == 0);
        if (same) continue;
        return lm_error_set(err, LM_ERR_USAGE, "%s: %s holds tokens of \"%s\"%s, %s of \"%s\"",
                            other->key, other->path, t->name,
                            strcmp(name, t->name) == 0 ? " of another file" : "",
                            train ? lm_sources_with_tokenizer(&s->train)->key : "data.train", name);
    }
    return LM_OK;
}

static lm_status name_kind(lm_config *c, const char *kind, lm_error *err) {
    char *name = strdup(kind);
    if (!name) return lm_error_no_memory(err, NULL);
    free(c->data.tokenizer);
    c->data.tokenizer = name;
    return LM_OK;
}

/* What the config leaves to the tokenizer, it then says too. */
static lm_status find_tokenizer(lm_setup *s, lm_error *err) {
    lm_config *c = s->config;
    lm_status status = check_same(s, &s->train, err);
    if (status == LM_OK) status = check_same(s, &s->val, err);
    const lm_source *source = lm_sources_with_tokenizer(&s->train);
    if (status == LM_OK)
        status = lm_tokens_open(&s->tokens_of, source ? source->corpus : NULL, c->data.tokenizer,
                                "data.tokenizer", source ? source->key : "", err);
    const lm_tokenizer *t = s->tokens_of;
    if (status != LM_OK || !t) return status;
    const char *kind = lm_tokenizer_kind(t);
    if (!*c->data.tokenizer && (status = name_kind(c, kind, err)) != LM_OK) return status;
    snprintf(s->tokenizer, sizeof s->tokenizer, "%s", kind);
    if (lm_tokenizer_has_file(t)) {
        if ((status = lm_tokenizer_save(t, &s->tokenizer_file, err)) != LM_OK) return status;
        s->tokenizer_digest = lm_digest_of(s->tokenizer_file.data, s->tokenizer_file.length);
    } else {
        s->bytes_per_token = 1;
    }
    if (c->model.vocab_size == LM_VOCAB_UNKNOWN) c->model.vocab_size = lm_tokenizer_vocab_size(t);
    return LM_OK;
}

/* model.document_token, where the config leaves it out; a mask that needs it is an error later. */
static void find_document_token(lm_setup *s) {
    lm_config *c = s->config;
    const lm_manifest_tokenizer *train = lm_sources_tokenizer(&s->train);
    if (c->document_token_given) return;
    if (train && train->document_token >= 0)
        c->model.document_token = train->document_token;
    else if (c->model.document_mask)
        c->model.document_token = LM_TOKEN_UNKNOWN;
}

/* An error that follows from a vocabulary of the data names where its size stands. */
static void name_vocabulary(const lm_setup *s, lm_error *err) {
    const lm_source *source = lm_sources_with_tokenizer(&s->train);
    if (source) {
        char *manifest = lm_manifest_path(lm_corpus_shard_path(source->corpus, 0));
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
    lm_status status = open_sources(&s->train, c, "data.train", &c->data.train, true, err);
    if (status != LM_OK) return status;
    if ((status = open_sources(&s->val, c, "data.val", &c->data.val, false, err)) != LM_OK)
        return status;
    const lm_source *source = lm_sources_with_tokenizer(&s->train);
    if (!given && source) c->model.vocab_size = lm_corpus_vocab_size(source->corpus);
    if ((status = find_tokenizer(s, err)) != LM_OK) return status;
    if (c->model.vocab_size == LM_VOCAB_UNKNOWN)
        return lm_error_set(err, LM_ERR_USAGE,
                            "model.vocab_size: expected a value, since %s has no manifest that"
                            " gives one",
                            s->train.items[0].path);
    find_document_token(s);
    status = lm_model_resolve(&c->model, err);
    if (status != LM_OK && !given) name_vocabulary(s, err);
    return status;
}

lm_status lm_setup_resolve(lm_config *config, lm_error *err) {
    lm_setup s = {.config = config};
    lm_saved from;
    lm_text said = {0};
    lm_error aside;
    lm_status status = lm_setup_inherit(config, false, &from, &said, err);
    if (status == LM_OK) status = resolve(&s, err);
    lm_saved_close(&from);
    lm_text_free(&said);
    lm_setup_close(&s);
    if (config->model.vocab_size == LM_VOCAB_UNKNOWN)
        (void)lm_model_resolve(&config->model, &aside); /* what does not depend on the data */
    return status;
}

/* The config has been checked: it is a list of windows. */
static lm_status open_skips(lm_setup *s, lm_error *err) {
    lm_text problem = {0};
    bool fine = lm_skips_parse(&s->skips, s->config->data.skip, &problem);
    LM_ASSERT(fine || problem.failed);
    lm_text_free(&problem);
    return fine ? LM_OK : lm_error_no_memory(err, "data.skip");
}

/* Others wait while this process reads a corpus. */
static void be_heard(void *argument, bool within) {
    (void)within;
    lm_comm_alive(argument);
}

lm_status lm_setup_open(lm_setup *s, lm_config *config, int threads, lm_isa_mask isas, bool quiet,
                        lm_error *err) {
    return lm_setup_open_shared(s, NULL, config, threads, isas, quiet, err);
}

lm_status lm_setup_open_shared(lm_setup *s, lm_comm *comm, lm_config *config, int threads,
                               lm_isa_mask isas, bool quiet, lm_error *err) {
    lm_status status;
    memset(s, 0, sizeof *s);
    s->config = config;
    s->comm = comm;
    s->ranks = lm_comm_size(comm);
    s->rank = lm_comm_rank(comm);
    s->threads = threads > 0 ? threads : (int)config->run.threads;
    if (s->threads <= 0)
        s->threads = (int)lm_max(lm_cpu_threads(&s->threads_asked) / lm_comm_sharers(comm), 1);
    lm_kernels_fill(&s->kernels, isas);
    if ((status = open_skips(s, err)) != LM_OK) goto out;
    if ((status = resolve(s, err)) != LM_OK) goto out;
    if ((status = lm_setup_plan(s, err)) != LM_OK) goto out;
    for (int64_t i = 0; i < s->train.count && config->model.document_mask; i++)
        lm_corpus_watch(s->train.items[i].corpus, config->model.document_token);
    lm_corpus_check check = {.threads = s->threads,
                             .progress = quiet ? NULL : stderr,
                             .turn = be_heard,
                             .turn_argument = comm};
    status = lm_sources_validate(&s->train, config->model.vocab_size, &check, err);
    if (status != LM_OK || s->val.count == 0) goto out;
    status = lm_sources_validate(&s->val, config->model.vocab_size, &check, err);
    if (status == LM_OK && s->tokens_of)
        status = lm_evaluation_bytes(&s->val.items[0].sampler, config->eval.tokens, s->tokens_of,
                                     &s->bytes_per_token, err);
out:
    if (status != LM_OK) lm_setup_close(s);
    return status;
}

lm_status lm_setup_take_offsets(lm_setup *s, bool offsets, lm_error *err) {
    s->config->data.offsets = offsets;
    return lm_sources_set_offsets(&s->train, offsets && s->config->data.shuffle, err);
}

void lm_setup_close(lm_setup *s) {
    lm_sources_close(&s->train);
    lm_sources_close(&s->val);
    lm_skips_free(&s->skips);
    lm_tokenizer_close(s->tokens_of);
    lm_text_free(&s->tokenizer_file);
    lm_text_free(&s->kept);
    memset(s, 0, sizeof *s);
}
