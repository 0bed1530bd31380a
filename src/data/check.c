/* Checking a corpus before the first step: every id, every digest. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/numbers.h"
#include "data/format.h"
#include "data/parts.h"

enum { BLOCK = 1 << 16 }; /* bytes read at a time */

static bool occurs(int64_t id, const int32_t *ids, int64_t n) {
    bool found = false;
    for (int64_t i = 0; i < n; i++) found |= ids[i] == id;
    return found;
}

static lm_status validate_ids(lm_corpus *c, const lm_shard *s, int64_t vocab_size, lm_error *err) {
    int32_t ids[BLOCK / 2];
    for (int64_t first = 0; first < s->tokens; first += BLOCK / 2) {
        int64_t n = lm_min(s->tokens - first, BLOCK / 2);
        lm_status status = lm_shard_read(s, first, n, ids, err);
        if (status != LM_OK) return status;
        if (c->watch >= 0 && !c->watched) c->watched = occurs(c->watch, ids, n);
        if (lm_ids_largest(ids, n) < (uint64_t)vocab_size) continue;
        int64_t i = 0;
        while (i + 1 < n && (uint64_t)(uint32_t)ids[i] < (uint64_t)vocab_size) i++;
        return lm_corpus_bad_id(s, first + i, vocab_size, "", err);
    }
    return LM_OK;
}

static lm_status digest(const lm_shard *s, uint64_t *result, lm_error *err) {
    unsigned char bytes[BLOCK];
    lm_digest d;
    lm_digest_init(&d);
    for (uint64_t offset = 0; offset < s->file.size; offset += BLOCK) {
        size_t n = (size_t)lm_u64_min(s->file.size - offset, BLOCK);
        lm_status status = lm_shard_read_bytes(s, offset, bytes, n, err);
        if (status != LM_OK) return status;
        lm_digest_add(&d, bytes, n);
    }
    *result = lm_digest_end(&d);
    return LM_OK;
}

lm_status lm_corpus_validate(lm_corpus *c, int64_t vocab_size, lm_error *err) {
    lm_digest whole;
    lm_digest_init(&whole);
    c->watched = false;
    for (int64_t i = 0; i < c->count; i++) {
        const lm_shard *s = &c->shards[i];
        uint64_t found;
        lm_status status = validate_ids(c, s, vocab_size, err);
        if (status != LM_OK) return status;
        if ((status = digest(s, &found, err)) != LM_OK) return status;
        if (s->manifest.found && s->manifest.digest != found)
            return lm_error_set(err, LM_ERR_RUNTIME,
                                "%s: damaged: expected digest %016" PRIx64
                                " (its manifest says so), found %016" PRIx64,
                                s->path, s->manifest.digest, found);
        unsigned char bytes[8];
        lm_write_u64(bytes, found);
        lm_digest_add(&whole, bytes, sizeof bytes);
        if (!s->has_index) continue;
        lm_write_u64(bytes, s->index_digest);
        lm_digest_add(&whole, bytes, sizeof bytes);
    }
    c->digest = lm_digest_end(&whole);
    c->bound = vocab_size;
    c->validated = true;
    return LM_OK;
}

void lm_corpus_watch(lm_corpus *c, int64_t id) {
    c->watch = id;
    c->validated = false;
}

bool lm_corpus_watched(const lm_corpus *c) {
    LM_ASSERT(c->validated);
    return c->watched;
}

uint64_t lm_corpus_digest(const lm_corpus *c) {
    LM_ASSERT(c->validated);
    return c->digest;
}
