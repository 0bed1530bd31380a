#include "data/sampler.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "base/rng.h"

/* Of a shard of so many tokens. */
static int64_t count_windows(int64_t tokens, const lm_sampler_options *how) {
    const int64_t time = how->context_length;
    if (tokens < time + 1) return 0;
    return how->offsets ? lm_max(1, tokens / time - 1) : (tokens - 1) / time;
}

static int64_t windows_of(const lm_sampler *s, int64_t shard) {
    return s->ends[shard] - (shard > 0 ? s->ends[shard - 1] : 0);
}

lm_status lm_sampler_init(lm_sampler *s, const lm_corpus *c, const lm_sampler_options *how,
                          lm_error *err) {
    const int64_t shards = lm_corpus_shards(c), time = how->context_length;
    int64_t longest = 0;
    LM_ASSERT(time >= 1 && how->stream >= 0 && how->stream < LM_SAMPLER_MOST_STREAMS);
    LM_ASSERT(how->shuffle || !how->offsets);
    *s = (lm_sampler){.corpus = c, .how = *how};
    s->ends = calloc((size_t)shards, sizeof *s->ends);
    if (!s->ends) return lm_error_no_memory(err, lm_corpus_path(c));
    for (int64_t i = 0; i < shards; i++) {
        int64_t tokens = lm_corpus_shard_tokens(c, i);
        longest = lm_max(longest, tokens);
        s->windows += count_windows(tokens, how);
        s->ends[i] = s->windows;
    }
    if (s->windows > 0) return LM_OK;
    lm_sampler_free(s);
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: expected at least %" PRId64
                        " tokens in a shard (model.context_length + 1), found %" PRId64,
                        lm_corpus_shard_path(c, 0), time + 1, longest);
}

void lm_sampler_free(lm_sampler *s) {
    free(s->ends);
    memset(s, 0, sizeof *s);
}

static void put_share(lm_text *out, int64_t tokens, int64_t all) {
    lm_text_printf(out, "%" PRId64 " token%s (%.2g%%)", tokens, tokens == 1 ? "" : "s",
                   100 * (double)tokens / (double)all);
}

void lm_sampler_print_unused(const lm_sampler *s, lm_text *out) {
    const int64_t all = lm_corpus_tokens(s->corpus), skipped = lm_corpus_skipped(s->corpus);
    int64_t shards = 0, in_short = 0, tails = 0;
    for (int64_t i = 0; i < lm_corpus_shards(s->corpus); i++) {
        int64_t tokens = lm_corpus_shard_tokens(s->corpus, i), windows = windows_of(s, i);
        shards += windows == 0;
        if (windows == 0) in_short += tokens;
        if (windows > 0) tails += tokens - windows * s->how.context_length - 1;
    }
    if (shards + tails + skipped == 0) return;
    lm_text_say(out, "not used of %s:", lm_corpus_path(s->corpus));
    const char *between = " ";
    if (shards > 0) {
        lm_text_printf(out, " ");
        put_share(out, in_short, all);
        lm_text_printf(out,
                       " in %" PRId64 " of %" PRId64 " shards, shorter than a window of %" PRId64,
                       shards, lm_corpus_shards(s->corpus), s->how.context_length + 1);
        between = "; ";
    }
    if (tails > 0) {
        lm_text_printf(out, "%s", between);
        put_share(out, tails, all);
        lm_text_printf(out,
                       s->how.offsets ? " in each epoch, other ones each time"
                                      : " behind the last whole window%s",
                       lm_corpus_shards(s->corpus) - shards > 1 ? "s" : "");
        between = "; ";
    }
    if (skipped > 0)
        lm_text_printf(out, "%s%" PRId64 " file%s no shard%s by %s", between, skipped,
                       skipped == 1 ? " that is" : "s that are", skipped == 1 ? "" : "s",
                       skipped == 1 ? "its name" : "their names");
    lm_text_printf(out, "\n");
}

/* The shard of window i, which becomes its number there. */
static int64_t find_shard(const lm_sampler *s, int64_t *i) {
    int64_t low = 0, high = lm_corpus_shards(s->corpus) - 1;
    LM_ASSERT(*i >= 0 && *i < s->windows);
    while (low < high) { /* the first shard that ends behind it */
        int64_t middle = low + (high - low) / 2;
        if (s->ends[middle] > *i) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if (low > 0) *i -= s->ends[low - 1];
    return low;
}

/* Where a window stands: tokens first .. first + context_length of a shard. */
typedef struct place {
    int64_t shard, first;
} place;

/* Window i of an epoch, in file order. */
static place place_of(const lm_sampler *s, int64_t epoch, int64_t i) {
    int64_t shard = find_shard(s, &i);
    return (place){shard, lm_sampler_offset(s, epoch, shard) + i * s->how.context_length};
}

static place place_of_sample(const lm_sampler *s, int64_t index) {
    int64_t epoch = index / s->windows, i = index % s->windows;
    if (s->how.shuffle) i = lm_permute(s->how.seed, s->how.stream, epoch, s->windows, i);
    return place_of(s, epoch, i);
}

lm_status lm_sampler_window_in_order(const lm_sampler *s, int64_t i, int32_t *tokens,
                                     lm_error *err) {
    LM_ASSERT(!s->how.offsets);
    place p = place_of(s, 0, i);
    return lm_corpus_read(s->corpus, p.shard, p.first, s->how.context_length + 1, tokens, err);
}

lm_status lm_sampler_window(const lm_sampler *s, int64_t index, int32_t *tokens, lm_error *err) {
    place p = place_of_sample(s, index);
    return lm_corpus_read(s->corpus, p.shard, p.first, s->how.context_length + 1, tokens, err);
}

lm_status lm_sampler_behind(const lm_sampler *s, int64_t index, int64_t n, int32_t *tokens,
                            lm_error *err) {
    const place p = place_of_sample(s, index);
    const int64_t end = p.first + s->how.context_length + 1;
    const int64_t there = lm_min(n, lm_corpus_shard_tokens(s->corpus, p.shard) - end);
    for (int64_t i = there; i < n; i++) tokens[i] = -1;
    return there > 0 ? lm_corpus_read(s->corpus, p.shard, end, there, tokens, err) : LM_OK;
}

int64_t lm_sampler_place(const lm_sampler *s, int64_t index, int64_t *shard) {
    place p = place_of_sample(s, index);
    *shard = p.shard;
    return p.first;
}

void lm_sampler_expect(const lm_sampler *s, int64_t index) {
    place p = place_of_sample(s, index);
    lm_corpus_expect(s->corpus, p.shard, p.first, s->how.context_length + 1);
}

/* ---- offsets ----------------------------------------------------------------------------------*/

#define STREAM_SHIFT 40 /* of a counter: below it are shards, or what the permutation has there */

int64_t lm_sampler_offset(const lm_sampler *s, int64_t epoch, int64_t shard) {
    const lm_rng rng = {.seed = s->how.seed, .purpose = LM_RNG_OFFSETS, .step = (uint32_t)epoch};
    uint32_t words[4];
    int64_t tokens = lm_corpus_shard_tokens(s->corpus, shard), windows = windows_of(s, shard);
    if (!s->how.offsets) return 0;
    LM_ASSERT(windows > 0);
    uint64_t choices = (uint64_t)(tokens - windows * s->how.context_length);
    lm_rng_block(&rng, (uint64_t)s->how.stream << STREAM_SHIFT | (uint64_t)shard, words);
    LM_ASSERT(choices <= UINT32_MAX); /* fewer than 2 T */
    return (int64_t)(words[0] * choices >> 32);
}

/* ---- the permutation --------------------------------------------------------------------------*/

#define ROUNDS 4

/* A balanced Feistel network on 2*bits bits, 62 at most: a bijection whatever the round function
 * is. */
static uint64_t feistel(const lm_rng *rng, uint64_t stream, int bits, uint64_t x) {
    uint64_t mask = ((uint64_t)1 << bits) - 1, left = x >> bits, right = x & mask;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint32_t words[4];
        lm_rng_block(rng, stream << STREAM_SHIFT | round << 32 | right, words);
        uint64_t next = left ^ (words[0] & mask);
        left = right;
        right = next;
    }
    return left << bits | right;
}

int64_t lm_permute(uint64_t seed, int64_t stream, int64_t epoch, int64_t n, int64_t i) {
    LM_ASSERT(n >= 1 && n <= (int64_t)1 << 62 && i >= 0 && i < n);
    lm_rng rng = {.seed = seed, .purpose = LM_RNG_DATA, .step = (uint32_t)epoch};
    int bits = 1; /* of each half */
    while ((uint64_t)1 << 2 * bits < (uint64_t)n) bits++;
    /* Following the network from a point inside comes back inside, and reaches each point from one
     * other only: so the walk is a bijection of [0, n). It takes less than four rounds on
     * average. */
    uint64_t x = (uint64_t)i;
    do x = feistel(&rng, (uint64_t)stream, bits, x);
    while (x >= (uint64_t)n);
    return (int64_t)x;
}
