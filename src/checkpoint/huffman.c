#include "checkpoint/huffman.h"

#include "base/error.h"

const uint8_t lm_huffman_length_order[LM_HUFFMAN_LENGTH_CODES] = {
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

enum { SYMBOLS = LM_HUFFMAN_LITERALS };

/* How many codes have which length. What exceeds the limit is cut to it, which overfills the code
 * space; until it is exactly full, a code of the limit's length moves below a shorter one, both one
 * bit longer than that was. */
static void limit_lengths(uint32_t *of_length, int deepest, int limit) {
    uint32_t space = 0; /* in codes of `limit` bits */
    for (int i = limit + 1; i <= deepest; i++) of_length[limit] += of_length[i];
    for (int i = 1; i <= limit; i++) space += of_length[i] << (limit - i);
    for (; space > 1u << limit; space--) {
        int i = limit - 1;
        while (of_length[i] == 0) i--;
        of_length[limit]--;
        of_length[i]--;
        of_length[i + 1] += 2;
    }
}

void lm_huffman_lengths(const uint32_t *counts, int n, int limit, uint8_t *lengths) {
    uint64_t leaves[SYMBOLS];      /* count << 16 | symbol of what occurs, rising */
    uint64_t weights[2 * SYMBOLS]; /* of leaves, then of the nodes above them, rising too */
    int parents[2 * SYMBOLS], depths[2 * SYMBOLS], used = 0, deepest = 0;
    uint32_t of_length[SYMBOLS] = {0};
    LM_ASSERT(n <= SYMBOLS && limit < 16 && n <= 1 << limit);
    for (int s = 0; s < n; s++) {
        lengths[s] = 0;
        if (counts[s] == 0) continue;
        uint64_t leaf = (uint64_t)counts[s] << 16 | (uint64_t)s;
        int at = used++;
        for (; at > 0 && leaves[at - 1] > leaf; at--) leaves[at] = leaves[at - 1];
        leaves[at] = leaf;
    }
    if (used == 0) return;
    for (int i = 0; i < used; i++) weights[i] = leaves[i] >> 16;
    /* Each node goes above the two lightest without a parent; a leaf comes before an equal node. */
    int leaf = 0, node = used, root = 2 * used - 2;
    for (int next = used; next <= root; next++) {
        weights[next] = 0;
        for (int child = 0; child < 2; child++) {
            bool is_leaf = leaf < used && (node == next || weights[leaf] <= weights[node]);
            int lightest = is_leaf ? leaf++ : node++;
            weights[next] += weights[lightest];
            parents[lightest] = next;
        }
    }
    depths[root] = used == 1; /* a lone symbol has a bit too */
    for (int i = root; i >= 0; i--) {
        if (i < root) depths[i] = depths[parents[i]] + 1;
        if (i >= used) continue;
        of_length[depths[i]]++;
        deepest = deepest > depths[i] ? deepest : depths[i];
    }
    if (deepest > limit) limit_lengths(of_length, deepest, limit);
    for (int length = 1, i = used; length <= limit; length++)
        for (uint32_t k = 0; k < of_length[length]; k++)
            lengths[leaves[--i] & 0xFFFF] = (uint8_t)length;
}

static uint16_t reversed(unsigned bits, unsigned length) {
    unsigned out = 0;
    for (; length > 0; length--, bits >>= 1) out = out << 1 | (bits & 1);
    return (uint16_t)out;
}

bool lm_huffman_codes(const uint8_t *lengths, int n, int limit, uint16_t *codes) {
    unsigned of_length[16] = {0}, next[16] = {0};
    for (int s = 0; s < n; s++) {
        if (lengths[s] > limit) return false;
        of_length[lengths[s]]++;
    }
    of_length[0] = 0;
    for (int i = 1; i <= limit; i++) next[i] = (next[i - 1] + of_length[i - 1]) << 1;
    if (next[limit] + of_length[limit] != 1u << limit) return false;
    for (int s = 0; s < n; s++)
        codes[s] = lengths[s] ? reversed(next[lengths[s]]++, lengths[s]) : 0;
    return true;
}
