/* Checking a corpus before the first step: every id, every digest. What a manifest vouches for, or
 * an earlier check, is not read again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/message.h"
#include "base/numbers.h"
#include "data/parts.h"
#include "data/read_all.h"

enum {
    SMALL = 16 << 20, /* bytes: less than these are read by one thread */
    WORTH = 8 << 20,  /* smaller shards are read again sooner than looked up */
    FEW = 16 << 20,   /* ids among which a watched one is looked for before all are read */
};

/* ---- saying how far it is ---------------------------------------------------------------------*/

#define FIRST  0.5 /* seconds before the first line */
#define REDRAW 0.2
#define PLAIN  10.0 /* between lines that are not redrawn */

typedef struct progress {
    FILE *to; /* NULL: nothing is said */
    bool terminal, said;
    const lm_read_all *reading;
    const char *path;
    uint64_t total;
    double started, last;
} progress;

static void say(void *context) {
    progress *p = context;
    double now = lm_clock_seconds(), took = now - p->started;
    char total[32], speed[32];
    if (!p->to || now - p->last < (!p->said ? FIRST : p->terminal ? REDRAW : PLAIN)) return;
    p->last = now;
    p->said = true;
    uint64_t done = lm_u64_min(p->reading->done, p->total);
    if (p->terminal) fputs("\r", p->to);
    lm_message_write(p->to, "lmtrain: checking %s: %.0f%% of %s, %s/s", p->path,
                     100 * (double)done / (double)p->total,
                     lm_text_bytes(total, sizeof total, (double)p->total),
                     lm_text_bytes(speed, sizeof speed, (double)done / took));
    fputs(p->terminal ? "\033[K" : "\n", p->to);
    fflush(p->to);
}

/* Only when a line was printed: short checks stay silent. */
static void say_end(const progress *p, bool done, const lm_error *not_kept) {
    char total[32];
    if (!p->said) return;
    if (p->terminal) fprintf(p->to, "\r\033[K");
    if (!done) return;
    lm_message_write(p->to, "lmtrain: checked %s: %s in %.1f s", p->path,
                     lm_text_bytes(total, sizeof total, (double)p->total),
                     lm_clock_seconds() - p->started);
    lm_message_write(p->to,
                     *not_kept->message ? "; to be checked again at the next start: %-s\n" : "%s\n",
                     not_kept->message);
}

/* ---- checking ---------------------------------------------------------------------------------*/

/* What is known without reading the shard. */
static bool is_known(const lm_shard *s, lm_finding *f) {
    const lm_manifest *m = &s->manifest;
    if (m->found && m->vouches && m->size == s->identity.size &&
        m->modified == s->identity.modified) {
        *f = (lm_finding){.digest = m->digest, .largest = (uint32_t)m->largest};
        return true;
    }
    return s->identity.size >= WORTH && lm_remembered_find(s, f);
}

/* Looks for the watched id where an early find is likely. */
static lm_status look_for_watched(lm_corpus *c, lm_error *err) {
    int32_t ids[4096];
    int64_t left = FEW;
    for (int64_t i = 0; i < c->count && left > 0; i++) {
        const lm_shard *s = &c->shards[i];
        for (int64_t first = 0; first < s->tokens && left > 0; first += 4096) {
            int64_t n = lm_min(s->tokens - first, 4096);
            lm_status status = lm_shard_read(s, first, n, ids, err);
            if (status != LM_OK) return status;
            for (int64_t k = 0; k < n; k++) c->watched |= ids[k] == c->watch;
            if (c->watched) return LM_OK;
            left -= n;
        }
    }
    return LM_OK;
}

/* Fills in what is known of each shard, and which are to be read: *bytes of them. */
static lm_status plan(lm_corpus *c, int64_t vocab_size, bool everything, lm_finding *found,
                      bool *read, uint64_t *bytes, lm_error *err) {
    bool all = everything;
    c->watched = false;
    for (int64_t i = 0; i < c->count; i++)
        read[i] = all || !is_known(&c->shards[i], &found[i]) ||
                  found[i].largest >= (uint64_t)vocab_size; /* to name where it is */
    if (!all && c->watch >= 0) {
        lm_status status = look_for_watched(c, err);
        if (status != LM_OK) return status;
        all = !c->watched; /* only all of it says that an id does not occur */
    }
    *bytes = 0;
    for (int64_t i = 0; i < c->count; i++) {
        read[i] |= all;
        if (read[i]) *bytes += c->shards[i].file.size;
    }
    return LM_OK;
}

static lm_status hold_to_manifest(const lm_shard *s, const lm_finding *f, lm_error *err) {
    if (!s->manifest.found || s->manifest.digest == f->digest) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%s: damaged: expected digest %016" PRIx64
                        " (its manifest says so), found %016" PRIx64,
                        s->path, s->manifest.digest, f->digest);
}

static lm_status read_shards(lm_corpus *c, lm_read_all *r, const bool *read, lm_finding *found,
                             lm_error *not_kept, lm_error *err) {
    for (int64_t i = 0; i < c->count; i++) {
        const lm_shard *s = &c->shards[i];
        lm_finding known;
        lm_error why = {0};
        lm_status status = read[i] ? lm_read_all_shard(r, s, &found[i], err) : LM_OK;
        if (status == LM_OK) status = hold_to_manifest(s, &found[i], err);
        if (status != LM_OK) return status;
        if (!read[i] || s->identity.size < WORTH || is_known(s, &known)) continue;
        lm_remembered_keep(s, &found[i], &why);
        if (*why.message) *not_kept = why;
    }
    return LM_OK;
}

/* Of the first `count` shards. */
static uint64_t digest_of(const lm_corpus *c, int64_t count) {
    lm_digest whole;
    lm_digest_init(&whole);
    for (int64_t i = 0; i < count; i++) {
        const lm_shard *s = &c->shards[i];
        unsigned char bytes[8];
        lm_write_u64(bytes, s->digest);
        lm_digest_add(&whole, bytes, sizeof bytes);
        if (!s->has_index) continue;
        lm_write_u64(bytes, s->index_digest);
        lm_digest_add(&whole, bytes, sizeof bytes);
    }
    return lm_digest_end(&whole);
}

lm_status lm_corpus_validate(lm_corpus *c, int64_t vocab_size, const lm_corpus_check *how,
                             lm_error *err) {
    lm_read_all r = {.bound = vocab_size, .watch = c->watch, .progress = say};
    progress p = {.reading = &r, .path = c->path, .started = lm_clock_seconds()};
    lm_finding *found = calloc((size_t)c->count, sizeof *found);
    bool *read = calloc((size_t)c->count, sizeof *read);
    lm_error not_kept = {0};
    lm_status status = found && read ? LM_OK : lm_error_no_memory(err, c->path);
    if (status != LM_OK) goto out;
    status = plan(c, vocab_size, how->everything, found, read, &p.total, err);
    if (status != LM_OK) goto out;
    int threads = p.total < SMALL ? 1 : (int)lm_max(1, how->threads);
    if (p.total > 0 && (status = lm_pool_create(&r.pool, threads, err)) != LM_OK) goto out;
    if (r.pool) lm_pool_set_between(r.pool, how->turn, how->turn_argument);
    r.context = &p;
    p.to = how->progress;
    p.terminal = p.to && isatty(fileno(p.to)) == 1;
    p.last = p.started;
    status = read_shards(c, &r, read, found, &not_kept, err);
    say_end(&p, status == LM_OK, &not_kept);
    if (status != LM_OK) goto out;
    c->watched |= r.watched;
    for (int64_t i = 0; i < c->count; i++) c->shards[i].digest = found[i].digest;
    c->digest = digest_of(c, c->count);
    c->bound = vocab_size;
    c->validated = true;
out:
    lm_read_all_free(&r);
    lm_pool_free(r.pool);
    free(found);
    free(read);
    return status;
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

int64_t lm_corpus_first_shards(const lm_corpus *c, uint64_t digest) {
    int64_t count = c->count;
    LM_ASSERT(c->validated);
    while (count > 0 && digest_of(c, count) != digest) count--;
    return count;
}
