/* Inside the room: what byte-pair encoding looks things up in. */
#ifndef LM_TOKENIZER_BPE_TABLES_H
#define LM_TOKENIZER_BPE_TABLES_H

#include <string.h>

#include "tokenizer/bpe.h"
#include "tokenizer/pattern.h"

#define NO_RANK UINT32_MAX

typedef struct token_slot {
    uint32_t tag; /* upper half of the hash */
    int32_t id;   /* -1: free */
} token_slot;

typedef struct pair_slot {
    int32_t left, right; /* ids; left -1: free */
    uint32_t rank;
    int32_t id; /* of the merged pair */
} pair_slot;

struct lm_bpe {
    lm_scanner scan;
    lm_pattern *pattern; /* NULL: none */
    bool by_ranks, whole_first, lacks_bytes;
    int64_t n_tokens;
    unsigned char *bytes;
    uint64_t *offsets;
    size_t longest; /* bytes of a token */
    token_slot *tokens;
    size_t token_mask; /* slots - 1 */
    pair_slot *pairs;  /* NULL by ranks */
    size_t pair_mask;
    uint32_t *ranks; /* [n_tokens], or NULL: ids are ranks */
    bool characters;
    int32_t byte_ids[256];   /* with characters, of what is no token */
    int32_t ascii_ids[128];  /* with characters; -1: no token */
    unsigned char *adjacent; /* without scan: the bits of pairs of bytes, first * 256 + second, that
                                stand side by side in some token, so that text is not cut there */
    struct byte_pair {
        uint32_t rank;
        int32_t id;
    } byte_pairs[65536]; /* [first * 256 + second] */
};

/* A pair that can be merged: NO_RANK when it cannot. */
typedef struct merged {
    uint32_t rank;
    int32_t id;
} merged;

static inline uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= 0x9FB21C651E98DF25u; /* an odd constant of even bit density */
    return x ^ x >> 28;
}

static inline uint64_t hash_bytes(const unsigned char *p, size_t n) {
    uint64_t h = n * 0x9E3779B97F4A7C15u, word; /* 2^64 / golden ratio */
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = mix(h ^ word);
    }
    for (word = 0; n > 0; n--) word = word << 8 | p[n - 1];
    return mix(h ^ word);
}

static inline int32_t find_token(const lm_bpe *b, const unsigned char *p, size_t n) {
    if (n > b->longest) return -1;
    uint64_t h = hash_bytes(p, n);
    for (size_t i = h & b->token_mask;; i = (i + 1) & b->token_mask) {
        token_slot s = b->tokens[i];
        if (s.id < 0) return -1;
        if (s.tag != (uint32_t)(h >> 32)) continue;
        uint64_t at = b->offsets[s.id];
        if (b->offsets[s.id + 1] - at == n && memcmp(b->bytes + at, p, n) == 0) return s.id;
    }
}

/* Of the token that a pair makes, by ranks. */
static inline merged rank_of(const lm_bpe *b, int32_t id) {
    return (merged){id < 0 ? NO_RANK : b->ranks ? b->ranks[id] : (uint32_t)id, id};
}

static inline size_t pair_hash(int32_t left, int32_t right) {
    return (size_t)mix((uint64_t)(uint32_t)left << 32 | (uint32_t)right);
}

static inline merged find_pair(const lm_bpe *b, int32_t left, int32_t right) {
    for (size_t i = pair_hash(left, right) & b->pair_mask;; i = (i + 1) & b->pair_mask) {
        const pair_slot *s = &b->pairs[i];
        if (s->left == left && s->right == right) return (merged){s->rank, s->id};
        if (s->left < 0) return (merged){NO_RANK, -1};
    }
}

/* The first symbol of text[0 .. size), size > 0: its bytes. With characters, one that is no token
 * is one symbol per byte, of which *id receives the first. */
size_t lm_bpe_symbol(const lm_bpe *b, const unsigned char *text, size_t size, int32_t *id,
                     bool *is_byte);

/* Merges the symbols of one piece: overwrites ids and returns their number, LM_BPE_LACKS, or -1
 * without memory. (bpe_merge.c) */
typedef struct merge_space merge_space;
int64_t merge_piece(const lm_bpe *b, merge_space **space, const unsigned char *text, size_t size,
                    int32_t *ids);
void merge_space_free(merge_space *space);

#endif
