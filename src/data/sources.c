#include "data/sources.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/digest.h"

/* ---- opening ----------------------------------------------------------------------------------*/

static lm_status open_source(lm_source *s, const lm_corpus_options *corpora,
                             const lm_sampler_options *how, lm_error *err) {
    lm_status status = lm_corpus_open(&s->corpus, s->path, corpora, err);
    if (status == LM_OK) status = lm_sampler_init(&s->sampler, s->corpus, how, err);
    if (status != LM_OK) lm_error_prefix(err, "%s", s->key);
    return status;
}

static lm_status mix(lm_sources *s, const lm_data_sources *options, const char *key,
                     lm_error *err) {
    int64_t *shares = calloc((size_t)s->count, sizeof *shares);
    double *weights = calloc((size_t)s->count, sizeof *weights);
    lm_status status = shares && weights ? LM_OK : lm_error_no_memory(err, NULL);
    if (status != LM_OK) goto out;
    for (int64_t i = 0; i < s->count; i++) weights[i] = s->count > 1 ? options->items[i].weight : 1;
    if (!lm_mixture_shares(weights, s->count, shares))
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s: expected weights that are 1/%d of their sum or more", key,
                              LM_MIXTURE_PERIOD);
    if (status == LM_OK) status = lm_mixture_init(&s->mixture, shares, s->count, err);
out:
    free(shares);
    free(weights);
    return status;
}

static void name_key(lm_source *s, const char *key, const lm_data_sources *options, int64_t i) {
    const lm_data_source *o = &options->items[i];
    if (o->weight == 0 && o->name) {
        snprintf(s->key, sizeof s->key, "%s.%s", key, o->name);
    } else if (options->count > 1) {
        snprintf(s->key, sizeof s->key, "%s[%" PRId64 "]", key, i);
    } else {
        snprintf(s->key, sizeof s->key, "%s", key);
    }
}

lm_status lm_sources_open(lm_sources *s, const lm_data_sources *options, const char *key,
                          const lm_corpus_options *corpora, const lm_sampler_options *how,
                          lm_error *err) {
    lm_sampler_options own = *how;
    lm_status status = LM_OK;
    *s = (lm_sources){0};
    if (options->count == 0) return LM_OK;
    s->items = calloc((size_t)options->count, sizeof *s->items);
    if (!s->items) return lm_error_no_memory(err, key);
    s->count = options->count;
    for (int64_t i = 0; i < s->count && status == LM_OK; i++) {
        const lm_data_source *o = &options->items[i];
        lm_source *source = &s->items[i];
        source->name = lm_data_source_name(o);
        source->named = o->name != NULL;
        source->path = o->path;
        name_key(source, key, options, i);
        own.stream = how->stream + i;
        status = open_source(source, corpora, &own, err);
    }
    bool mixed = s->count == 1 || options->items[0].weight > 0;
    if (status == LM_OK && mixed) status = mix(s, options, key, err);
    if (status != LM_OK) lm_sources_close(s);
    return status;
}

lm_status lm_sources_set_offsets(lm_sources *s, bool offsets, lm_error *err) {
    lm_status status = LM_OK;
    for (int64_t i = 0; i < s->count && status == LM_OK; i++) {
        lm_sampler *sampler = &s->items[i].sampler;
        lm_sampler_options how = sampler->how;
        how.offsets = offsets;
        lm_sampler_free(sampler);
        status = lm_sampler_init(sampler, s->items[i].corpus, &how, err);
    }
    return status;
}

void lm_sources_close(lm_sources *s) {
    for (int64_t i = 0; i < s->count; i++) {
        lm_sampler_free(&s->items[i].sampler);
        lm_corpus_close(s->items[i].corpus);
    }
    lm_mixture_free(&s->mixture);
    free(s->items);
    memset(s, 0, sizeof *s);
}

/* ---- all of them ------------------------------------------------------------------------------*/

lm_status lm_sources_validate(lm_sources *s, int64_t vocab_size, const lm_corpus_check *check,
                              lm_error *err) {
    lm_status status = LM_OK;
    for (int64_t i = 0; i < s->count && status == LM_OK; i++)
        status = lm_corpus_validate(s->items[i].corpus, vocab_size, check, err);
    return status;
}

uint64_t lm_sources_digest(const lm_sources *s) {
    lm_digest all;
    if (s->count <= 1) return s->count ? lm_corpus_digest(s->items[0].corpus) : 0;
    lm_digest_init(&all);
    for (int64_t i = 0; i < s->count; i++) {
        unsigned char bytes[16];
        lm_write_u64(bytes, lm_corpus_digest(s->items[i].corpus));
        lm_write_u64(bytes + 8, s->mixture.count ? (uint64_t)s->mixture.shares[i] : 0);
        lm_digest_add(&all, bytes, sizeof bytes);
    }
    return lm_digest_end(&all);
}

const lm_source *lm_sources_with_tokenizer(const lm_sources *s) {
    for (int64_t i = 0; i < s->count; i++)
        if (lm_corpus_tokenizer(s->items[i].corpus)) return &s->items[i];
    return NULL;
}

const lm_manifest_tokenizer *lm_sources_tokenizer(const lm_sources *s) {
    const lm_source *source = lm_sources_with_tokenizer(s);
    return source ? lm_corpus_tokenizer(source->corpus) : NULL;
}

/* ---- the mixture ------------------------------------------------------------------------------*/

lm_status lm_sources_window(const lm_sources *s, int64_t index, int32_t *tokens, lm_error *err) {
    int64_t source, own;
    lm_mixture_find(&s->mixture, index, &source, &own);
    return lm_sampler_window(&s->items[source].sampler, own, tokens, err);
}

lm_status lm_sources_behind(const lm_sources *s, int64_t index, int64_t n, int32_t *tokens,
                            lm_error *err) {
    int64_t source, own;
    lm_mixture_find(&s->mixture, index, &source, &own);
    return lm_sampler_behind(&s->items[source].sampler, own, n, tokens, err);
}

lm_window_place lm_sources_place(const lm_sources *s, int64_t index) {
    int64_t source, own;
    lm_mixture_find(&s->mixture, index, &source, &own);
    const lm_source *from = &s->items[source];
    int64_t shard, token = lm_sampler_place(&from->sampler, own, &shard);
    return (lm_window_place){.source = from,
                             .file = lm_corpus_shard_path(from->corpus, shard),
                             .token = token,
                             .byte = lm_corpus_byte(from->corpus, shard, token)};
}

void lm_sources_expect(const lm_sources *s, int64_t index) {
    int64_t source, own;
    lm_mixture_find(&s->mixture, index, &source, &own);
    lm_sampler_expect(&s->items[source].sampler, own);
}

int64_t lm_sources_tokens(const lm_sources *s, int64_t i, int64_t samples) {
    return lm_mixture_count(&s->mixture, samples, i) * s->items[i].sampler.how.context_length;
}

double lm_sources_epochs(const lm_sources *s, int64_t i, int64_t samples) {
    return (double)lm_mixture_count(&s->mixture, samples, i) / (double)s->items[i].sampler.windows;
}
