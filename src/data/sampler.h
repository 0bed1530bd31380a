/* Data order as a pure function of (seed, sample index), in O(1) memory: a checkpoint stores a
 * counter, not a loader.
 *
 *     lm_sampler s;
 *     lm_sampler_init(&s, corpus, &(lm_sampler_options){.context_length = 256, .shuffle = true,
 *                                                       .seed = seed}, err);
 *     lm_sampler_window(&s, sample_index, tokens, err); // tokens [context_length + 1]
 *     lm_sampler_free(&s);
 *
 * A shard of n tokens has floor((n-1)/T) windows: tokens i*T .. i*T+T. Neighbours share one token,
 * the last target of the first and the first input of the second. The tail is dropped. An epoch
 * takes every window once, in the order of a keyed permutation: a Feistel network over the next
 * power of four, walked until it lands inside (Black & Rogaway 2002).
 *
 * With offsets the windows of each epoch are other ones: in each epoch those of a shard begin at a
 * token that is drawn anew. Every epoch has as many windows of a shard as fit behind any of the
 * first T tokens, max(1, floor(n/T) - 1), and the first of them begins anywhere from where all of
 * them fit. So what one epoch leaves out, others have. */
#ifndef LM_DATA_SAMPLER_H
#define LM_DATA_SAMPLER_H

#include "base/text.h"
#include "data/corpus.h"

enum { LM_SAMPLER_MOST_STREAMS = 1 << 16 };

typedef struct lm_sampler_options {
    int64_t context_length; /* T */
    bool shuffle;           /* else in file order */
    bool offsets;           /* other windows in each epoch; only when shuffled */
    uint64_t seed;
    int64_t stream; /* samplers of a run with the same seed have different ones, from 0 on */
} lm_sampler_options;

typedef struct lm_sampler {
    const lm_corpus *corpus;
    lm_sampler_options how;
    int64_t windows; /* per epoch */
    int64_t *ends;   /* [shards]: windows of a shard and of those before it */
} lm_sampler;

/* LM_ERR_USAGE when no shard holds a whole window. The corpus must outlive s. */
lm_status lm_sampler_init(lm_sampler *s, const lm_corpus *c, const lm_sampler_options *how,
                          lm_error *err);
void lm_sampler_free(lm_sampler *s); /* zero-initialised or twice is fine */
/* Appends a line that says with figures what no window holds: shards that are too short, the ends
 * of the others, which with offsets are others in each epoch, and files that are no shards. Nothing
 * when all is used. */
void lm_sampler_print_unused(const lm_sampler *s, lm_text *out);
/* The window of sample `index` (epoch index / windows); overwrites tokens [context_length + 1].
 * Errors are those of lm_corpus_read. */
lm_status lm_sampler_window(const lm_sampler *s, int64_t index, int32_t *tokens, lm_error *err);
/* The n tokens of its shard behind that window; -1 from the end of the shard on. Overwrites tokens
 * [n]. */
lm_status lm_sampler_behind(const lm_sampler *s, int64_t index, int64_t n, int32_t *tokens,
                            lm_error *err);
/* Where that window begins: a token of *shard. */
int64_t lm_sampler_place(const lm_sampler *s, int64_t index, int64_t *shard);
/* Asks the disk for the window of sample `index`, which is soon to be read, and does not wait. */
void lm_sampler_expect(const lm_sampler *s, int64_t index);
/* Window i < windows in file order, for evaluation; without offsets (asserted). */
lm_status lm_sampler_window_in_order(const lm_sampler *s, int64_t i, int32_t *tokens,
                                     lm_error *err);

/* The token of a shard at which its windows begin in an epoch: 0 without offsets. The shard has
 * windows. */
int64_t lm_sampler_offset(const lm_sampler *s, int64_t epoch, int64_t shard);

/* Where i in [0, n) goes in the permutation of (seed, stream, epoch): a bijection of [0, n). */
int64_t lm_permute(uint64_t seed, int64_t stream, int64_t epoch, int64_t n, int64_t i);

#endif
