/* The merging of one piece, in two ways with one result: short pieces look at every pair each time,
 * long ones keep the pairs in a heap. */
#include <stdlib.h>

#include "base/numbers.h"
#include "base/text.h"
#include "tokenizer/bpe_tables.h"

size_t lm_bpe_symbol(const lm_bpe *b, const unsigned char *text, size_t size, int32_t *id,
                     bool *is_byte) {
    *is_byte = !b->characters;
    *id = b->byte_ids[text[0]];
    if (!b->characters) return 1;
    size_t n = text[0] < 0x80 ? 1 : lm_text_utf8_length((const char *)text, size);
    int32_t found = n == 0 ? -1 : n == 1 ? b->ascii_ids[text[0]] : find_token(b, text, n);
    *is_byte = found < 0;
    if (found < 0) return n > 0 ? n : 1;
    *id = found;
    return n;
}

/* ---- short pieces -----------------------------------------------------------------------------*/

/* Symbols lie side by side: symbol i covers text[start[i] .. start[i + 1]), and pair[i] is what it
 * and its right neighbour merge to. */
typedef struct symbols {
    int count;
    uint16_t start[LM_BPE_SHORT + 1];
    int32_t id[LM_BPE_SHORT];
    uint32_t rank[LM_BPE_SHORT];
    int32_t result[LM_BPE_SHORT];
} symbols;

static inline merged look_up(const lm_bpe *b, const unsigned char *text, const symbols *s, int i) {
    if (!b->by_ranks) return find_pair(b, s->id[i], s->id[i + 1]);
    return rank_of(b, find_token(b, text + s->start[i], (size_t)(s->start[i + 2] - s->start[i])));
}

static inline void set_pair(const lm_bpe *b, const unsigned char *text, symbols *s, int i) {
    merged m = {NO_RANK, -1};
    if (i + 1 < s->count) m = look_up(b, text, s, i);
    s->rank[i] = m.rank;
    s->result[i] = m.id;
}

static int lowest(const symbols *s) {
    int best = 0;
    uint32_t rank = s->rank[0];
    for (int i = 1; i < s->count; i++)
        if (s->rank[i] < rank) {
            rank = s->rank[i];
            best = i;
        }
    return best;
}

static void begin_with_bytes(const lm_bpe *b, const unsigned char *text, size_t size, symbols *s) {
    s->count = (int)size;
    for (int i = 0; i < s->count; i++) {
        s->start[i] = (uint16_t)i;
        s->id[i] = b->byte_ids[text[i]];
    }
    s->start[s->count] = (uint16_t)size;
    for (int i = 0; i + 1 < s->count; i++) {
        const struct byte_pair *p = &b->byte_pairs[text[i] * 256 + text[i + 1]];
        s->rank[i] = p->rank;
        s->result[i] = p->id;
    }
    s->rank[s->count - 1] = NO_RANK;
}

static void begin_with_characters(const lm_bpe *b, const unsigned char *text, size_t size,
                                  symbols *s) {
    s->count = 0;
    for (size_t at = 0; at < size;) {
        int32_t id;
        bool is_byte;
        size_t n = lm_bpe_symbol(b, text + at, size - at, &id, &is_byte);
        for (size_t i = 0; i < (is_byte ? n : 1); i++) {
            s->start[s->count] = (uint16_t)(at + i);
            s->id[s->count++] = is_byte ? b->byte_ids[text[at + i]] : id;
        }
        at += n;
    }
    s->start[s->count] = (uint16_t)size;
    for (int i = 0; i < s->count; i++) set_pair(b, text, s, i);
}

static int64_t merge_short(const lm_bpe *b, const unsigned char *text, size_t size, int32_t *ids) {
    symbols s;
    if (b->characters)
        begin_with_characters(b, text, size, &s);
    else
        begin_with_bytes(b, text, size, &s);
    for (;;) {
        int i = lowest(&s);
        if (s.rank[i] == NO_RANK) break;
        s.id[i] = s.result[i];
        int behind = s.count - i - 2; /* symbols to the right of the pair */
        memmove(s.start + i + 1, s.start + i + 2, ((size_t)behind + 1) * sizeof *s.start);
        memmove(s.id + i + 1, s.id + i + 2, (size_t)behind * sizeof *s.id);
        memmove(s.rank + i + 1, s.rank + i + 2, (size_t)behind * sizeof *s.rank);
        memmove(s.result + i + 1, s.result + i + 2, (size_t)behind * sizeof *s.result);
        s.count--;
        set_pair(b, text, &s, i);
        if (i > 0) set_pair(b, text, &s, i - 1);
    }
    memcpy(ids, s.id, (size_t)s.count * sizeof *ids);
    return s.count;
}

/* ---- long pieces ------------------------------------------------------------------------------*/

/* A list of symbols, each named by its first byte (other bytes have no node that counts), and a
 * heap of the pairs that merge. An entry of the heap is out of date when its left symbol is gone or
 * has another end by now. */
typedef struct node {
    uint32_t next, before; /* first bytes of the neighbours; next == size: none */
    int32_t id;            /* -1: merged into its left neighbour */
} node;

typedef struct candidate {
    uint32_t rank, at;
    uint32_t end; /* first byte behind the pair */
    int32_t id;   /* of the pair merged */
} candidate;

struct merge_space {
    size_t capacity; /* bytes of a piece */
    node *nodes;
    candidate *heap;
    size_t heap_count;
};

static bool comes_before(candidate a, candidate b) {
    return a.rank < b.rank || (a.rank == b.rank && a.at < b.at);
}

static void push(merge_space *m, candidate c) {
    size_t i = m->heap_count++;
    for (; i > 0 && comes_before(c, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = c;
}

static candidate pop(merge_space *m) {
    candidate top = m->heap[0], last = m->heap[--m->heap_count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < m->heap_count; i = child) {
        if (child + 1 < m->heap_count && comes_before(m->heap[child + 1], m->heap[child])) child++;
        if (!comes_before(m->heap[child], last)) break;
        m->heap[i] = m->heap[child];
    }
    m->heap[i] = last;
    return top;
}

static void push_pair(const lm_bpe *b, merge_space *m, const unsigned char *text, size_t size,
                      uint32_t at) {
    uint32_t right = m->nodes[at].next;
    if (right == size) return;
    uint32_t end = m->nodes[right].next;
    merged pair;
    if (b->by_ranks)
        pair = rank_of(b, find_token(b, text + at, end - at));
    else
        pair = find_pair(b, m->nodes[at].id, m->nodes[right].id);
    if (pair.rank != NO_RANK) push(m, (candidate){pair.rank, at, end, pair.id});
}

static bool reserve(merge_space **space, size_t size) {
    if (*space && (*space)->capacity >= size) return true;
    merge_space_free(*space);
    *space = calloc(1, sizeof **space);
    if (!*space) return false;
    /* Each merge takes one candidate and adds at most two: 2 size are never exceeded. */
    (*space)->nodes = malloc(size * sizeof(node));
    (*space)->heap = malloc(2 * size * sizeof(candidate));
    (*space)->capacity = size;
    if ((*space)->nodes && (*space)->heap) return true;
    merge_space_free(*space);
    *space = NULL;
    return false;
}

void merge_space_free(merge_space *space) {
    if (!space) return;
    free(space->nodes);
    free(space->heap);
    free(space);
}

static void begin_nodes(const lm_bpe *b, node *nodes, const unsigned char *text, uint32_t size) {
    for (uint32_t at = 0, before = 0, end; at < size; at = end) {
        int32_t id;
        bool is_byte;
        end = at + (uint32_t)lm_bpe_symbol(b, text + at, size - at, &id, &is_byte);
        for (uint32_t i = at, next; i < end; before = i, i = next) {
            next = is_byte ? i + 1 : end;
            nodes[i] =
                (node){.next = next, .before = before, .id = is_byte ? b->byte_ids[text[i]] : id};
        }
    }
}

static int64_t merge_long(const lm_bpe *b, merge_space **space, const unsigned char *text,
                          size_t size, int32_t *ids) {
    if (size > UINT32_MAX / 2 || !reserve(space, size)) return -1;
    merge_space *m = *space;
    node *nodes = m->nodes;
    m->heap_count = 0;
    begin_nodes(b, nodes, text, (uint32_t)size);
    for (uint32_t i = 0; i < size; i = nodes[i].next) push_pair(b, m, text, size, i);
    while (m->heap_count > 0) {
        candidate c = pop(m);
        node *left = &nodes[c.at];
        /* Borders between symbols only go: two symbols that still cover the bytes of the pair are
         * the two that were found. */
        if (left->id < 0 || left->next == size || nodes[left->next].next != c.end) continue;
        nodes[left->next].id = -1;
        left->next = c.end;
        left->id = c.id;
        if (c.end < size) nodes[c.end].before = c.at;
        push_pair(b, m, text, size, c.at);
        if (c.at > 0) push_pair(b, m, text, size, left->before);
    }
    int64_t n = 0;
    for (uint32_t i = 0; i < size; i = nodes[i].next) ids[n++] = nodes[i].id;
    return n;
}

int64_t merge_piece(const lm_bpe *b, merge_space **space, const unsigned char *text, size_t size,
                    int32_t *ids) {
    if (b->lacks_bytes && lm_bpe_lacking(b, text, size) >= 0) return LM_BPE_LACKS;
    return size <= LM_BPE_SHORT ? merge_short(b, text, size, ids)
                                : merge_long(b, space, text, size, ids);
}
