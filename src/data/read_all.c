#include "data/read_all.h"

#include <stdlib.h>

#include "base/digest.h"
#include "base/numbers.h"
#include "data/parts.h"

/* The file is read once, in rounds. While tasks read the pieces of a round and look at their ids,
 * another task adds the round before to the digest, which must see the bytes in order. */
enum {
    PIECE = 1 << 17,  /* bytes: a few of them fit the caches, and a task takes 0.1 ms or more */
    MOST_PIECES = 32, /* of a round: 64 MB for two rounds */
    PER_THREAD = 4,   /* so that threads rarely wait for one another */
    IDS = 4096,       /* decoded at a time */
    AHEAD = 16 << 20, /* bytes that the disk is asked for before they are read */
};

typedef struct lm_read_piece {
    int64_t first, n; /* ids */
    uint64_t offset;
    uint32_t largest;
    bool watched;
    lm_status status;
    lm_error err;
} piece;

typedef struct round_of {
    lm_read_all *r;
    const lm_shard *s;
    int64_t count;               /* pieces */
    unsigned char *bytes;        /* where they are read to */
    const unsigned char *before; /* bytes of the round before; NULL: none */
    size_t before_size;
    lm_digest digest;
    uint64_t expected; /* the disk was asked for the bytes before this one */
} round_of;

static int64_t pieces_of(const lm_read_all *r) {
    return lm_min((int64_t)lm_pool_threads(r->pool) * PER_THREAD, MOST_PIECES);
}

static void task(void *argument, int64_t number, int worker) {
    round_of *round = argument;
    (void)worker;
    if (number == 0) {
        if (round->before) lm_digest_add(&round->digest, round->before, round->before_size);
        return;
    }
    piece *p = &round->r->pieces[number - 1];
    unsigned char *bytes = round->bytes + (number - 1) * PIECE;
    size_t size = (size_t)(p->n * round->s->ids.bytes);
    p->status = lm_shard_read_bytes(round->s, p->offset, bytes, size, &p->err);
    if (p->status == LM_OK)
        p->largest = lm_ids_scan(round->s->ids, bytes, p->n, round->r->watch, &p->watched);
}

/* The first id from `first` on that is not below the bound is the error. */
static lm_status name_bad_id(const lm_read_all *r, const lm_shard *s, int64_t first, int64_t n,
                             lm_error *err) {
    int32_t ids[IDS];
    for (int64_t done = 0; done < n; done += IDS) {
        int64_t count = lm_min(n - done, IDS);
        lm_status status = lm_shard_read(s, first + done, count, ids, err);
        if (status != LM_OK) return status;
        for (int64_t i = 0; i < count; i++)
            if ((uint64_t)(uint32_t)ids[i] >= (uint64_t)r->bound)
                return lm_corpus_bad_id(s, first + done + i, r->bound, "", err);
    }
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: it changed while it was read", s->path);
}

/* Takes in what the pieces of a round say. */
static lm_status finish_round(round_of *round, lm_finding *f, lm_error *err) {
    lm_read_all *r = round->r;
    for (int64_t i = 0; i < round->count; i++) {
        const piece *p = &r->pieces[i];
        if (p->status != LM_OK) {
            *err = p->err;
            return p->status;
        }
        if (p->largest >= (uint64_t)r->bound) return name_bad_id(r, round->s, p->first, p->n, err);
        if (p->largest > f->largest) f->largest = p->largest;
        r->watched |= p->watched;
        r->done += (uint64_t)(p->n * round->s->ids.bytes);
    }
    if (r->progress) r->progress(r->context);
    return LM_OK;
}

/* Several threads that read pieces of a file in turn look to the system as if they read here and
 * there, so that it would not read ahead. It is told to, up to `end`. */
static void read_ahead(round_of *round, uint64_t offset, uint64_t end) {
    uint64_t want = lm_u64_min(offset + AHEAD, end), from = round->expected;
    if (from < offset || from > end) from = offset;
    if (want < from || (want - from < AHEAD / 4 && want < end) || want == from) return;
    lm_file_reader_expect(&round->s->file, from, want - from);
    round->expected = want;
}

/* Ids that stand back to back, from `token` on: n of them. */
static lm_status read_ids(round_of *round, int64_t token, int64_t n, lm_finding *f, lm_error *err) {
    lm_read_all *r = round->r;
    const int bytes = round->s->ids.bytes;
    const int64_t most = pieces_of(r);
    int64_t unused;
    uint64_t offset = lm_shard_offset(round->s, token, &unused);
    const uint64_t end = offset + (uint64_t)(n * bytes);
    int turn = 0;
    for (int64_t done = 0; done < n; turn ^= 1) {
        size_t size = 0;
        read_ahead(round, offset, end);
        round->bytes = r->buffer + (turn ? most * PIECE : 0);
        for (round->count = 0; round->count < most && done < n; round->count++) {
            int64_t count = lm_min(n - done, PIECE / bytes);
            r->pieces[round->count] = (piece){.first = token + done, .n = count, .offset = offset};
            done += count;
            offset += (uint64_t)(count * bytes);
            size += (size_t)(count * bytes);
        }
        lm_pool_run(r->pool, round->count + 1, task, round);
        round->before = round->bytes;
        round->before_size = size;
        lm_status status = finish_round(round, f, err);
        if (status != LM_OK) return status;
    }
    task(round, 0, 0);
    round->before = NULL;
    return LM_OK;
}

/* Bytes that are no ids: headers and gaps. */
static lm_status read_others(round_of *round, uint64_t from, uint64_t to, lm_error *err) {
    lm_read_all *r = round->r;
    for (; from < to; from += PIECE) {
        size_t n = (size_t)lm_u64_min(to - from, PIECE);
        lm_status status = lm_shard_read_bytes(round->s, from, r->buffer, n, err);
        if (status != LM_OK) return status;
        lm_digest_add(&round->digest, r->buffer, n);
        r->done += n;
    }
    return LM_OK;
}

/* Sequences in another order than that of the file: the ids in their order, then the bytes. */
static lm_status read_apart(round_of *round, lm_finding *f, lm_error *err) {
    const lm_shard *s = round->s;
    for (int64_t i = 0; i < s->n_runs; i++) {
        int64_t n;
        (void)lm_shard_offset(s, s->runs[i].token, &n);
        lm_status status = read_ids(round, s->runs[i].token, n, f, err);
        if (status != LM_OK) return status;
    }
    lm_digest_init(&round->digest);
    return read_others(round, 0, s->file.size, err);
}

static lm_status read_in_order(round_of *round, lm_finding *f, lm_error *err) {
    const lm_shard *s = round->s;
    int64_t n;
    uint64_t from = lm_shard_offset(s, 0, &n), to = from + (uint64_t)(n * s->ids.bytes);
    lm_status status = read_others(round, 0, from, err);
    if (status == LM_OK) status = read_ids(round, 0, n, f, err);
    if (status == LM_OK) status = read_others(round, to, s->file.size, err);
    return status;
}

lm_status lm_read_all_shard(lm_read_all *r, const lm_shard *s, lm_finding *f, lm_error *err) {
    round_of round = {.r = r, .s = s};
    const size_t pieces = (size_t)pieces_of(r);
    *f = (lm_finding){0};
    lm_digest_init(&round.digest);
    if (!r->buffer) r->buffer = malloc(2 * pieces * PIECE);
    if (!r->pieces) r->pieces = calloc(pieces, sizeof *r->pieces);
    if (!r->buffer || !r->pieces) return lm_error_no_memory(err, s->path);
    lm_status status = s->n_runs > 1 ? read_apart(&round, f, err) : read_in_order(&round, f, err);
    f->digest = lm_digest_end(&round.digest);
    return status;
}

void lm_read_all_free(lm_read_all *r) {
    free(r->buffer);
    free(r->pieces);
    r->buffer = NULL;
    r->pieces = NULL;
}
