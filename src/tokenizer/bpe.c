#include "tokenizer/bpe.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/numbers.h"
#include "tokenizer/bpe_tables.h"
#include "tokenizer/piece_key.h"

/* ---- tables -----------------------------------------------------------------------------------*/

/* Slots for n entries, a power of two at most half full. */
static size_t slots_for(int64_t n) {
    size_t slots = 16;
    while (slots < 2 * (size_t)n) slots *= 2;
    return slots;
}

static lm_status same_bytes(int32_t a, int32_t b, lm_error *err) {
    return lm_error_set(err, LM_ERR_USAGE, "tokens %d and %d have the same bytes", a, b);
}

static lm_status fill_tokens(lm_bpe *b, lm_error *err) {
    for (int32_t id = 0; id < b->n_tokens; id++) {
        const unsigned char *p = b->bytes + b->offsets[id];
        size_t n = b->offsets[id + 1] - b->offsets[id];
        if (n == 0) continue;
        b->longest = lm_size_max(b->longest, n);
        int32_t other = find_token(b, p, n);
        if (other >= 0) return same_bytes(other, id, err);
        uint64_t h = hash_bytes(p, n);
        size_t i = h & b->token_mask;
        while (b->tokens[i].id >= 0) i = (i + 1) & b->token_mask;
        b->tokens[i] = (token_slot){(uint32_t)(h >> 32), id};
    }
    return LM_OK;
}

/* Bytes that some vocabularies have no tokens for: those that UTF-8 never has, control characters,
 * and first bytes of characters beyond plane 3 (SmolLM's lacks some of each). */
static bool is_rare(int byte) {
    return byte == 0xC0 || byte == 0xC1 || byte >= 0xF1 || byte == 0x7F ||
           (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r');
}

int lm_bpe_lacking(const lm_bpe *b, const unsigned char *text, size_t size) {
    for (size_t i = 0; i < size && b->lacks_bytes; i++)
        if (b->byte_ids[text[i]] < 0) return text[i];
    return -1;
}

/* A token for each byte alone. */
static lm_status fill_bytes(lm_bpe *b, const lm_bpe_source *source, lm_error *err) {
    memset(b->byte_ids, 0xFF, sizeof b->byte_ids); /* every id -1 */
    for (int64_t id = 0; b->characters && id < source->n_tokens; id++)
        if (source->tokens[id].byte)
            b->byte_ids[source->bytes[source->tokens[id].at]] = (int32_t)id;
    for (int c = 0; c < 256; c++) {
        unsigned char byte = (unsigned char)c;
        int32_t id = find_token(b, &byte, 1);
        if (!b->characters) b->byte_ids[c] = id;
        if (c < 128) b->ascii_ids[c] = id;
        b->lacks_bytes |= b->byte_ids[c] < 0;
        if (b->byte_ids[c] < 0 && (b->characters || !is_rare(c)))
            return lm_error_set(err, LM_ERR_USAGE,
                                "the vocabulary has no token for the byte 0x%02X alone", c);
    }
    return LM_OK;
}

/* Scores merge what makes up a token; that is the same in all libraries only while every character
 * of a token is a token too. Added tokens are found before anything is merged. */
static lm_status check_characters(const lm_bpe *b, const lm_bpe_source *source, lm_error *err) {
    for (int32_t id = 0; id < b->n_tokens; id++) {
        if (source->tokens[id].added) continue;
        const unsigned char *p = b->bytes + b->offsets[id];
        size_t size = b->offsets[id + 1] - b->offsets[id], n;
        for (size_t at = 0; at < size; at += n) {
            int32_t symbol;
            bool is_byte;
            n = lm_bpe_symbol(b, p + at, size - at, &symbol, &is_byte);
            if (!is_byte) continue;
            return lm_error_set(err, LM_ERR_USAGE,
                                "token %d, \"%.*s\", has a character that is no token", (int)id,
                                (int)lm_size_min(size, 40), p);
        }
    }
    return LM_OK;
}

static void set_adjacent(lm_bpe *b, unsigned first, unsigned second, bool yes) {
    size_t bit = first * 256 + second;
    if (yes)
        b->adjacent[bit / 8] |= (unsigned char)(1 << bit % 8);
    else
        b->adjacent[bit / 8] &= (unsigned char)~(1 << bit % 8);
}

/* The bytes that continue a character are never behind a cut. No cut is beside U+2581 (E2 96 81),
 * so that texts may be cut before it becomes a space. */
static lm_status fill_adjacent(lm_bpe *b, bool each_space, lm_error *err) {
    b->adjacent = calloc(65536 / 8, 1);
    if (!b->adjacent) return lm_error_no_memory(err, "a tokenizer");
    for (int32_t id = 0; id < b->n_tokens; id++)
        for (uint64_t i = b->offsets[id] + 1; i < b->offsets[id + 1]; i++)
            set_adjacent(b, b->bytes[i - 1], b->bytes[i], true);
    for (unsigned c = 0; c < 256 && each_space; c++) set_adjacent(b, c, ' ', false);
    for (unsigned i = 0; i < 65536; i++)
        if ((i % 256 & 0xC0) == 0x80 || i % 256 == 0xE2 || i / 256 == 0x81)
            set_adjacent(b, i / 256, i % 256, true);
    return LM_OK;
}

/* Of equal pairs the first in the list counts. */
static lm_status fill_pairs(lm_bpe *b, const lm_bpe_source *source, lm_error *err) {
    for (int64_t rank = 0; rank < source->n_merges; rank++) {
        lm_bpe_merge m = source->merges[rank];
        const unsigned char *p = source->bytes + m.at;
        int32_t left = find_token(b, p, m.left), right = find_token(b, p + m.left, m.right);
        int32_t result = find_token(b, p, (size_t)m.left + m.right);
        if (left < 0 || right < 0 || result < 0)
            return lm_error_set(err, LM_ERR_USAGE, "merge %lld: its %s is not in the vocabulary",
                                (long long)rank,
                                left < 0    ? "first part"
                                : right < 0 ? "second part"
                                            : "result");
        if (find_pair(b, left, right).rank != NO_RANK) continue;
        size_t i = pair_hash(left, right) & b->pair_mask;
        while (b->pairs[i].left >= 0) i = (i + 1) & b->pair_mask;
        b->pairs[i] = (pair_slot){left, right, (uint32_t)rank, result};
    }
    return LM_OK;
}

static void fill_byte_pairs(lm_bpe *b) {
    for (int i = 0; i < 65536; i++) {
        unsigned char two[2] = {(unsigned char)(i / 256), (unsigned char)(i % 256)};
        merged m;
        if (b->by_ranks) {
            m = rank_of(b, find_token(b, two, 2));
        } else {
            int32_t left = b->byte_ids[two[0]], right = b->byte_ids[two[1]];
            m = left < 0 || right < 0 ? (merged){NO_RANK, -1} : find_pair(b, left, right);
        }
        b->byte_pairs[i].rank = m.rank;
        b->byte_pairs[i].id = m.id;
    }
}

static lm_status allocate(lm_bpe *b, const lm_bpe_source *source, lm_error *err) {
    uint64_t size = 0;
    size_t n = (size_t)source->n_tokens;
    size_t token_slots = slots_for(source->n_tokens), pair_slots = slots_for(source->n_merges);
    for (int64_t i = 0; i < source->n_tokens; i++)
        if (!source->tokens[i].hidden) size += source->tokens[i].size;
    b->bytes = malloc(size + 1);
    b->offsets = malloc((n + 1) * sizeof *b->offsets);
    b->tokens = malloc(token_slots * sizeof *b->tokens);
    b->token_mask = token_slots - 1;
    b->pairs = b->by_ranks ? NULL : malloc(pair_slots * sizeof *b->pairs);
    b->pair_mask = pair_slots - 1;
    if (b->by_ranks && source->ranks) b->ranks = malloc(n * sizeof *b->ranks + 1);
    if (!b->bytes || !b->offsets || !b->tokens || (!b->by_ranks && !b->pairs) ||
        (b->by_ranks && source->ranks && !b->ranks))
        return lm_error_no_memory(err, "a tokenizer");
    if (b->ranks) memcpy(b->ranks, source->ranks, n * sizeof *b->ranks);
    uint64_t at = 0;
    for (int64_t i = 0; i < source->n_tokens; i++) {
        lm_bpe_token t = source->tokens[i];
        b->offsets[i] = at;
        if (t.hidden || t.size == 0) continue;
        memcpy(b->bytes + at, source->bytes + t.at, t.size);
        at += t.size;
    }
    b->offsets[source->n_tokens] = at;
    memset(b->tokens, 0xFF, token_slots * sizeof *b->tokens); /* every id -1 */
    if (b->pairs) memset(b->pairs, 0xFF, pair_slots * sizeof *b->pairs);
    return LM_OK;
}

lm_status lm_bpe_create(lm_bpe **out, const lm_bpe_source *source, lm_error *err) {
    LM_ASSERT(source->n_tokens <= LM_BPE_VOCAB_MOST);
    lm_status status;
    lm_bpe *b = *out = calloc(1, sizeof *b);
    if (!b) return lm_error_no_memory(err, "a tokenizer");
    b->scan = source->scan;
    b->by_ranks = source->by_ranks;
    b->characters = source->characters;
    b->whole_first = source->whole_first || (b->by_ranks && !b->characters);
    b->n_tokens = source->n_tokens;
    if ((status = allocate(b, source, err)) != LM_OK) goto out;
    if ((status = fill_tokens(b, err)) != LM_OK) goto out;
    if ((status = fill_bytes(b, source, err)) != LM_OK) goto out;
    if (b->characters && b->by_ranks) status = check_characters(b, source, err);
    if (status != LM_OK) goto out;
    if (source->n_patterns > 0)
        status = lm_pattern_create(&b->pattern, source->patterns, source->n_patterns, err);
    if (status != LM_OK) goto out;
    if (!b->scan && !b->pattern && (status = fill_adjacent(b, source->each_space, err)) != LM_OK)
        goto out;
    if (!b->by_ranks && (status = fill_pairs(b, source, err)) != LM_OK) goto out;
    if (!b->characters) fill_byte_pairs(b);
out:
    if (status != LM_OK) {
        lm_bpe_free(b);
        *out = NULL;
    }
    return status;
}

void lm_bpe_free(lm_bpe *b) {
    if (!b) return;
    free(b->bytes);
    free(b->offsets);
    free(b->tokens);
    free(b->pairs);
    free(b->ranks);
    free(b->adjacent);
    lm_pattern_free(b->pattern);
    free(b);
}

int32_t lm_bpe_find(const lm_bpe *b, const unsigned char *bytes, size_t size) {
    return size == 0 ? -1 : find_token(b, bytes, size);
}

/* ---- what a worker remembers ------------------------------------------------------------------*/

/* A piece of at most SHORT_KEY bytes that became at most 4 tokens. Two entries are one cache line,
 * the newer first. */
enum { KEPT_IDS = 4, COUNT_SHIFT = 28 };

typedef struct kept_piece {
    piece_key key;          /* 0: free; a length is never 0 */
    uint32_t ids[KEPT_IDS]; /* the first with the number of ids from bit COUNT_SHIFT on */
} kept_piece;

typedef struct bucket {
    kept_piece pieces[2];
} bucket;

/* 2 MiB: most of it stays in the second cache, and a page of that size holds it. */
#define BUCKETS ((size_t)1 << 15)

enum {
    BATCH = 128
}; /* pieces looked up together, so that the memory of one is fetched during others */

struct lm_bpe_worker {
    lm_arena arena;
    bucket *buckets;
    merge_space *space;
    lm_pattern_scan *scan; /* made when it is needed */
    size_t ends[BATCH];
    piece_key keys[BATCH];
    uint32_t places[BATCH];
};

lm_status lm_bpe_worker_create(lm_bpe_worker **out, lm_error *err) {
    lm_bpe_worker *w = *out = calloc(1, sizeof *w);
    if (!w) return lm_error_no_memory(err, "a tokenizer");
    lm_status status =
        lm_arena_init(&w->arena, BUCKETS * sizeof *w->buckets, "the tokenizer's cache", err);
    if (status != LM_OK) {
        free(w);
        *out = NULL;
        return status;
    }
    w->buckets = lm_arena_take(&w->arena, BUCKETS * sizeof *w->buckets);
    return LM_OK;
}

void lm_bpe_worker_free(lm_bpe_worker *w) {
    if (!w) return;
    lm_arena_free(&w->arena);
    merge_space_free(w->space);
    lm_pattern_scan_free(w->scan);
    free(w);
}

static inline uint32_t place_of(piece_key k) {
    return (uint32_t)(hash_key(k) >> 32) & (uint32_t)(BUCKETS - 1);
}

/* Overwrites 4 ids, returns how many of them count. */
static inline int64_t take_ids(const kept_piece *p, int32_t *ids) {
    for (int i = 0; i < KEPT_IDS; i++) ids[i] = (int32_t)p->ids[i];
    ids[0] &= (1 << COUNT_SHIFT) - 1;
    return p->ids[0] >> COUNT_SHIFT;
}

static int64_t encode_piece(const lm_bpe *b, lm_bpe_worker *w, const unsigned char *p, size_t n,
                            int32_t *ids) {
    if (b->whole_first && (ids[0] = find_token(b, p, n)) >= 0) return 1;
    return merge_piece(b, &w->space, p, n, ids);
}

int64_t lm_bpe_merge_piece(const lm_bpe *b, lm_bpe_worker *w, const unsigned char *piece,
                           size_t size, int32_t *ids) {
    return merge_piece(b, &w->space, piece, size, ids);
}

static int64_t encode_new(const lm_bpe *b, lm_bpe_worker *w, const unsigned char *p, size_t n,
                          piece_key k, bucket *place, int32_t *ids) {
    int64_t count = encode_piece(b, w, p, n, ids);
    if (count > KEPT_IDS || count < 0) return count;
    place->pieces[1] = place->pieces[0];
    place->pieces[0] = (kept_piece){.key = k};
    for (int64_t i = 0; i < count; i++) place->pieces[0].ids[i] = (uint32_t)ids[i];
    place->pieces[0].ids[0] |= (uint32_t)count << COUNT_SHIFT;
    return count;
}

static void look_ahead(lm_bpe_worker *w, const unsigned char *text, size_t size, size_t at,
                       size_t pieces) {
    for (size_t i = 0; i < pieces; at = w->ends[i++]) {
        size_t n = w->ends[i] - at;
        if (n > SHORT_KEY) continue;
        w->keys[i] = key_of(text + at, n, size - at >= 16);
        w->places[i] = place_of(w->keys[i]);
        __builtin_prefetch(&w->buckets[w->places[i]]);
    }
}

static inline bool may_cut(const lm_bpe *b, const unsigned char *text, size_t at) {
    size_t bit = (size_t)text[at - 1] * 256 + text[at];
    return !(b->adjacent[bit / 8] >> bit % 8 & 1);
}

static size_t cut_apart(const lm_bpe *b, const unsigned char *text, size_t size, size_t at,
                        size_t *ends, size_t most) {
    size_t n = 0;
    while (at < size && n < most) {
        do at++;
        while (at < size && !may_cut(b, text, at));
        ends[n++] = at;
    }
    return n;
}

/* The ends of the next pieces, at most `most`; 0: a pattern gave up. */
static size_t next_pieces(const lm_bpe *b, lm_pattern_scan *scan, const unsigned char *text,
                          size_t size, size_t at, size_t *ends, size_t most) {
    if (b->scan) return b->scan(text, size, at, ends, most);
    if (b->pattern) return lm_pattern_scan_next(scan, at, ends, most);
    return cut_apart(b, text, size, at, ends, most);
}

size_t lm_bpe_piece(const lm_bpe *b, const unsigned char *text, size_t size, size_t at) {
    lm_pattern_scan *scan = NULL;
    lm_error aside;
    size_t end;
    if (b->pattern && lm_pattern_scan_create(&scan, b->pattern, &aside) != LM_OK) return size;
    if (scan) lm_pattern_scan_begin(scan, text + at, size - at);
    size_t n = next_pieces(b, scan, text + at, size - at, 0, &end, 1);
    lm_pattern_scan_free(scan);
    return n > 0 ? at + end : size;
}

size_t lm_bpe_cut(const lm_bpe *b, const unsigned char *text, size_t size, size_t at,
                  size_t limit) {
    if (b->scan) return lm_scan_cut(text, size, at, limit);
    if (b->pattern) return at;
    while (limit > at && (limit == size || !may_cut(b, text, limit))) limit--;
    return limit;
}

int64_t lm_bpe_encode(const lm_bpe *b, lm_bpe_worker *w, const unsigned char *text, size_t size,
                      int32_t *ids) {
    int64_t count = 0;
    lm_error aside;
    if (b->pattern && !w->scan && lm_pattern_scan_create(&w->scan, b->pattern, &aside) != LM_OK)
        return -1;
    if (w->scan) lm_pattern_scan_begin(w->scan, text, size);
    for (size_t at = 0; at < size;) {
        size_t pieces = next_pieces(b, w->scan, text, size, at, w->ends, BATCH);
        if (pieces == 0) return LM_BPE_GAVE_UP;
        look_ahead(w, text, size, at, pieces);
        for (size_t i = 0; i < pieces; at = w->ends[i++]) {
            size_t n = w->ends[i] - at;
            int64_t added;
            if (n > SHORT_KEY) {
                added = encode_piece(b, w, text + at, n, ids + count);
            } else {
                bucket *place = &w->buckets[w->places[i]];
                if (same_key(place->pieces[0].key, w->keys[i])) {
                    added = take_ids(&place->pieces[0], ids + count);
                } else if (same_key(place->pieces[1].key, w->keys[i])) {
                    added = take_ids(&place->pieces[1], ids + count);
                } else {
                    added = encode_new(b, w, text + at, n, w->keys[i], place, ids + count);
                }
            }
            if (added < 0) return added;
            count += added;
        }
    }
    return count;
}
