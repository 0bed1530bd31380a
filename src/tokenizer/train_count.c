#include "tokenizer/train_count.h"

#include <stdlib.h>

#include "base/numbers.h"
#include "tokenizer/bpe_tables.h"

typedef struct short_slot {
    piece_key key; /* 0: free */
    uint64_t count;
} short_slot;

typedef struct long_slot {
    uint64_t hash, at, size; /* at: in lm_piece_counts.bytes */
    uint64_t count;          /* 0: free */
} long_slot;

enum {
    FIRST_SLOTS = 1 << 10,
    BATCH = 256, /* pieces looked up together, so that the memory of one is fetched during others */
};

/* At most 5/8 of the slots are in use. */
static bool is_full(uint64_t n, size_t slots) {
    return n >= slots / 8 * 5;
}

static size_t short_place(const lm_piece_counts *c, piece_key k) {
    return (size_t)(hash_key(k) >> 20) & (c->short_slots - 1);
}

static short_slot *find_short(const lm_piece_counts *c, piece_key k) {
    size_t i = short_place(c, k);
    while (c->shorts[i].count > 0 && !same_key(c->shorts[i].key, k))
        i = (i + 1) & (c->short_slots - 1);
    return &c->shorts[i];
}

static bool grow_shorts(lm_piece_counts *c) {
    lm_piece_counts grown = {.short_slots = c->short_slots ? 2 * c->short_slots : FIRST_SLOTS};
    grown.shorts = calloc(grown.short_slots, sizeof *grown.shorts);
    if (!grown.shorts) return false;
    for (size_t i = 0; i < c->short_slots; i++)
        if (c->shorts[i].count > 0) *find_short(&grown, c->shorts[i].key) = c->shorts[i];
    free(c->shorts);
    c->shorts = grown.shorts;
    c->short_slots = grown.short_slots;
    return true;
}

static inline bool add_short(lm_piece_counts *c, piece_key k, uint64_t times) {
    if (is_full(c->n_short, c->short_slots) && !grow_shorts(c)) return false;
    short_slot *s = find_short(c, k);
    if (s->count == 0) {
        s->key = k;
        c->n_short++;
    }
    s->count += times;
    return true;
}

static bool grow_longs(lm_piece_counts *c) {
    size_t slots = c->long_slots ? 2 * c->long_slots : FIRST_SLOTS;
    long_slot *longs = calloc(slots, sizeof *longs);
    if (!longs) return false;
    for (size_t i = 0; i < c->long_slots; i++) {
        if (c->longs[i].count == 0) continue;
        size_t to = c->longs[i].hash & (slots - 1);
        while (longs[to].count > 0) to = (to + 1) & (slots - 1);
        longs[to] = c->longs[i];
    }
    free(c->longs);
    c->longs = longs;
    c->long_slots = slots;
    return true;
}

static bool keep_bytes(lm_piece_counts *c, const unsigned char *bytes, size_t size) {
    size_t need;
    if (!lm_size_add(c->used, size, &need)) return false;
    if (need > c->capacity) {
        size_t room = lm_size_max(lm_size_max(need, 1 << 16), c->capacity + c->capacity / 2);
        unsigned char *grown = realloc(c->bytes, room);
        if (!grown) return false;
        c->bytes = grown;
        c->capacity = room;
    }
    memcpy(c->bytes + c->used, bytes, size);
    c->used = need;
    return true;
}

static bool add_long(lm_piece_counts *c, const unsigned char *bytes, size_t size, uint64_t times) {
    if (is_full(c->n_long, c->long_slots) && !grow_longs(c)) return false;
    uint64_t hash = hash_bytes(bytes, size);
    size_t i = hash & (c->long_slots - 1);
    for (long_slot *s; (s = &c->longs[i])->count > 0; i = (i + 1) & (c->long_slots - 1)) {
        if (s->hash != hash || s->size != size || memcmp(c->bytes + s->at, bytes, size) != 0)
            continue;
        s->count += times;
        return true;
    }
    c->longs[i] = (long_slot){hash, c->used, size, times};
    c->n_long++;
    if (keep_bytes(c, bytes, size)) return true;
    c->longs[i].count = 0;
    c->n_long--;
    return false;
}

bool lm_piece_counts_add(lm_piece_counts *c, const unsigned char *bytes, size_t size,
                         uint64_t times) {
    if (times == 0) return true;
    return size > SHORT_KEY ? add_long(c, bytes, size, times)
                            : add_short(c, key_of(bytes, size, false), times);
}

bool lm_piece_counts_add_text(lm_piece_counts *c, lm_scanner scan, const unsigned char *text,
                              size_t size) {
    size_t ends[BATCH];
    piece_key keys[BATCH];
    if (c->short_slots == 0 && !grow_shorts(c)) return false;
    for (size_t at = 0; at < size;) {
        size_t n = scan(text, size, at, ends, BATCH), n_keys = 0;
        for (size_t i = 0; i < n; at = ends[i++]) {
            size_t length = ends[i] - at;
            if (length > SHORT_KEY) {
                if (!add_long(c, text + at, length, 1)) return false;
            } else if (length > 1) {
                keys[n_keys] = key_of(text + at, length, true);
                __builtin_prefetch(&c->shorts[short_place(c, keys[n_keys++])]);
            }
        }
        for (size_t i = 0; i < n_keys; i++)
            if (!add_short(c, keys[i], 1)) return false;
    }
    return true;
}

bool lm_piece_counts_add_all(lm_piece_counts *c, const lm_piece_counts *from) {
    lm_counted_piece p;
    for (uint64_t cursor = 0; lm_piece_counts_next(from, &cursor, &p);)
        if (!lm_piece_counts_add(c, p.bytes, p.size, p.count)) return false;
    return true;
}

bool lm_piece_counts_next(const lm_piece_counts *c, uint64_t *cursor, lm_counted_piece *piece) {
    for (; *cursor < c->short_slots; ++*cursor) {
        const short_slot *s = &c->shorts[*cursor];
        if (s->count == 0) continue;
        *piece = (lm_counted_piece){(const unsigned char *)&s->key, s->key.high >> 56, s->count};
        ++*cursor;
        return true;
    }
    for (; *cursor < c->short_slots + c->long_slots; ++*cursor) {
        const long_slot *s = &c->longs[*cursor - c->short_slots];
        if (s->count == 0) continue;
        *piece = (lm_counted_piece){c->bytes + s->at, s->size, s->count};
        ++*cursor;
        return true;
    }
    return false;
}

void lm_piece_counts_clear(lm_piece_counts *c) {
    if (c->n_short > 0) memset(c->shorts, 0, c->short_slots * sizeof *c->shorts);
    if (c->n_long > 0) memset(c->longs, 0, c->long_slots * sizeof *c->longs);
    c->n_short = c->n_long = 0;
    c->used = 0;
}

void lm_piece_counts_free(lm_piece_counts *c) {
    free(c->shorts);
    free(c->longs);
    free(c->bytes);
    *c = (lm_piece_counts){0};
}
