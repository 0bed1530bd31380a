/* The corpora that a run reads: the sources of its mixture, or its validation sets.
 *
 *     lm_sources s;
 *     lm_sources_open(&s, &options, "data.train", &corpora, &samplers, err);
 *     lm_sources_validate(&s, vocab_size, &check, err);
 *     lm_sources_window(&s, sample, tokens, err);        // of a mixture: which source's, mixture.h
 *     lm_sources_close(&s);
 *
 * Each source has its own corpus, its own order and its own epochs. One source is a mixture too,
 * with the order that it has alone. */
#ifndef LM_DATA_SOURCES_H
#define LM_DATA_SOURCES_H

#include "data/mixture.h"
#include "data/options.h"
#include "data/sampler.h"

typedef struct lm_source {
    const char *name;                /* that of the options: lm_data_source_name */
    const char *path;                /* likewise */
    bool named;                      /* the options give a name */
    char key[2 * LM_DATA_MOST_NAME]; /* "data.train", "data.train[1]", "data.val.prose" */
    lm_corpus *corpus;
    lm_sampler sampler;
} lm_source;

typedef struct lm_sources {
    lm_source *items; /* [count] */
    int64_t count;
    lm_mixture mixture; /* of sources that have weights, or of one */
} lm_sources;

/* Opens every corpus and makes its sampler; `how`: of the first one, the others have other streams.
 * `options` must outlive *s; when it is empty, so is *s. `key` is the config's and begins errors.
 * Of several sources those with weights make a mixture: shares that are 0 are an error. Errors are
 * those of lm_corpus_open and lm_sampler_init. */
lm_status lm_sources_open(lm_sources *s, const lm_data_sources *options, const char *key,
                          const lm_corpus_options *corpora, const lm_sampler_options *how,
                          lm_error *err);
void lm_sources_close(lm_sources *s); /* zero-initialised or twice is fine */

/* Makes the samplers anew, with offsets or without. */
lm_status lm_sources_set_offsets(lm_sources *s, bool offsets, lm_error *err);

/* lm_corpus_validate of each. */
lm_status lm_sources_validate(lm_sources *s, int64_t vocab_size, const lm_corpus_check *check,
                              lm_error *err);
/* Digest of what is read: that of the only corpus, or of those of all in order, with the shares of
 * a mixture; 0 when there is none. Known after lm_sources_validate (asserted). */
uint64_t lm_sources_digest(const lm_sources *s);
/* The first source whose shards have manifests, and so a tokenizer; NULL: none has. */
const lm_source *lm_sources_with_tokenizer(const lm_sources *s);
const lm_manifest_tokenizer *lm_sources_tokenizer(const lm_sources *s); /* that; NULL: none has */

/* The window of sample `index` of the mixture; overwrites tokens [context_length + 1]. Errors are
 * those of lm_corpus_read. */
lm_status lm_sources_window(const lm_sources *s, int64_t index, int32_t *tokens, lm_error *err);
/* lm_sampler_behind of that window: the n tokens that follow it, -1 where there are none. */
lm_status lm_sources_behind(const lm_sources *s, int64_t index, int64_t n, int32_t *tokens,
                            lm_error *err);
/* Where that window stands, for people. */
typedef struct lm_window_place {
    const lm_source *source;
    const char *file; /* the shard; owned by its corpus */
    int64_t token;    /* of the shard, at which the window begins */
    uint64_t byte;    /* of the file, at which it does */
} lm_window_place;
lm_window_place lm_sources_place(const lm_sources *s, int64_t index);
/* Asks the disk for that window, which is soon to be read, and does not wait. */
void lm_sources_expect(const lm_sources *s, int64_t index);
/* What of source i is among the first `samples` samples of the mixture. */
int64_t lm_sources_tokens(const lm_sources *s, int64_t i, int64_t samples);
double lm_sources_epochs(const lm_sources *s, int64_t i, int64_t samples);

#endif
