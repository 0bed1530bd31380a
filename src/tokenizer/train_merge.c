/* The pieces that differ lie one behind the other in cells, a cell per byte. A pair of symbols has
 * a count and the places where it stands.
 *
 * A pair comes to stand somewhere only in the step that makes the newer of its two symbols; from
 * then on it only goes. So its list of places is made once and never grows: places where the pair
 * is gone are passed over when the list is read. A step looks at the places of one pair, and for
 * each symbol x that stands beside it once, however often, at the pair that goes and the pair that
 * comes: n log n in all.
 *
 * Counts only fall, so the heap holds each pair once with a count that may be too high; the one on
 * top is put back when it is. */
#include "tokenizer/train_merge.h"

#include <stdlib.h>

#include "base/numbers.h"
#include "tokenizer/bpe_tables.h"

/* In the first cell of a symbol its id; in its last, when it has several bytes, -(bytes), which
 * leads back to the first; something negative between them. */
typedef struct cell {
    int32_t symbol;
    uint32_t weight; /* in the first cell: how often the piece occurs; a piece that occurs more
                        often than that counts stands here several times */
} cell;
#define BORDER INT32_MAX /* before, between and behind the pieces */

/* Learning knows this only from here, so that tests can reach it. */
#ifndef LM_TRAIN_MOST_WEIGHT
#define LM_TRAIN_MOST_WEIGHT UINT32_MAX
#endif

typedef struct pair {
    int32_t left, right; /* left -1: free */
    uint64_t count;      /* below LEAST: of no interest any more */
    uint32_t *places;    /* cells where left begins, rising */
    uint32_t n_places;
    bool recount; /* of equal symbols: the count may be too high */
} pair;
enum { LEAST = 2 }; /* a pair that could be merged once is not worth a symbol */

typedef struct candidate {
    uint64_t count, key; /* key: left, right */
} candidate;

/* A symbol that stands beside the pair that is being merged. */
typedef struct neighbour {
    int32_t symbol;
    uint32_t n;      /* places */
    uint64_t weight; /* of these */
    uint32_t *places;
} neighbour;

/* All that stand on one side. */
typedef struct side {
    int32_t *number; /* [symbols] of a symbol among the neighbours; -1: it is none */
    neighbour *list; /* [symbols] */
    int32_t n;
    struct event {
        int32_t number;
        uint32_t place;
    } * events; /* [most places of a pair] */
    uint32_t n_events;
} side;

typedef struct chunk {
    struct chunk *next;
    uint32_t places[];
} chunk;
enum { CHUNK = 1 << 18 };

typedef struct learner {
    cell *cells;
    size_t n_cells;
    int32_t *lengths; /* [symbols] */
    pair *pairs;
    size_t slots, n_pairs;
    candidate *heap;
    size_t n_heap, heap_capacity;
    chunk *chunks;
    uint32_t *room; /* of the newest chunk */
    size_t room_left;
    side before, behind;
    uint32_t events_capacity;
    bool failed; /* no memory */
} learner;

/* ---- the heap ---------------------------------------------------------------------------------*/

static inline bool comes_first(candidate a, candidate b) {
    return a.count != b.count ? a.count > b.count : a.key < b.key;
}

static void sift_down(learner *l, size_t i, candidate c) {
    for (size_t child; (child = 2 * i + 1) < l->n_heap; i = child) {
        if (child + 1 < l->n_heap && comes_first(l->heap[child + 1], l->heap[child])) child++;
        if (!comes_first(l->heap[child], c)) break;
        l->heap[i] = l->heap[child];
    }
    l->heap[i] = c;
}

static void push(learner *l, candidate c) {
    if (l->n_heap == l->heap_capacity) {
        size_t room = l->heap_capacity ? 2 * l->heap_capacity : 1 << 12;
        candidate *grown = realloc(l->heap, room * sizeof *grown);
        if (!grown) {
            l->failed = true;
            return;
        }
        l->heap = grown;
        l->heap_capacity = room;
    }
    size_t i = l->n_heap++;
    for (; i > 0 && comes_first(c, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = c;
}

static void pop(learner *l) {
    candidate last = l->heap[--l->n_heap];
    if (l->n_heap > 0) sift_down(l, 0, last);
}

/* ---- pairs ------------------------------------------------------------------------------------*/

static inline pair *find_pair_slot(const learner *l, int32_t left, int32_t right) {
    size_t i = pair_hash(left, right) & (l->slots - 1);
    while (l->pairs[i].left >= 0 && (l->pairs[i].left != left || l->pairs[i].right != right))
        i = (i + 1) & (l->slots - 1);
    return &l->pairs[i];
}

static void prefetch_pair(const learner *l, int32_t left, int32_t right) {
    __builtin_prefetch(&l->pairs[pair_hash(left, right) & (l->slots - 1)]);
}

static bool allocate_pairs(learner *l, size_t slots) {
    l->pairs = malloc(slots * sizeof *l->pairs);
    if (!l->pairs) return false;
    l->slots = slots;
    for (size_t i = 0; i < slots; i++) l->pairs[i].left = -1;
    return true;
}

/* Twice the slots, without the pairs that are of no interest any more. */
static void grow_pairs(learner *l) {
    pair *old = l->pairs;
    size_t slots = l->slots;
    if (!allocate_pairs(l, 2 * slots)) {
        l->pairs = old;
        l->failed = true;
        return;
    }
    l->n_pairs = 0;
    for (size_t i = 0; i < slots; i++) {
        if (old[i].left < 0 || old[i].count < LEAST) continue;
        *find_pair_slot(l, old[i].left, old[i].right) = old[i];
        l->n_pairs++;
    }
    free(old);
}

static uint32_t *take_places(learner *l, size_t n) {
    if (n > l->room_left) {
        size_t room = lm_size_max(n, CHUNK);
        chunk *c = malloc(sizeof *c + room * sizeof *c->places);
        if (!c) {
            l->failed = true;
            return NULL;
        }
        c->next = l->chunks;
        l->chunks = c;
        l->room = c->places;
        l->room_left = room;
    }
    uint32_t *places = l->room;
    l->room += n;
    l->room_left -= n;
    return places;
}

/* A pair that came to stand at n places; returns where they are to be written, NULL when it is of
 * no interest or there is no memory. */
static uint32_t *add_pair(learner *l, int32_t left, int32_t right, uint64_t count, uint32_t n) {
    if (count < LEAST) return NULL;
    if (l->n_pairs >= l->slots / 2) grow_pairs(l);
    if (l->failed) return NULL;
    uint32_t *places = take_places(l, n);
    if (!places) return NULL;
    *find_pair_slot(l, left, right) =
        (pair){.left = left, .right = right, .count = count, .places = places, .n_places = n};
    l->n_pairs++;
    push(l, (candidate){count, (uint64_t)left << 32 | (uint32_t)right});
    return places;
}

static inline bool stands_at(const learner *l, const pair *p, uint32_t place) {
    return l->cells[place].symbol == p->left &&
           l->cells[place + (uint32_t)l->lengths[p->left]].symbol == p->right;
}

/* Of a pair of equal symbols: merged from left to right, how often? Forgets where it is gone. */
static void count_again(learner *l, pair *p) {
    uint32_t kept = 0, behind = 0;
    uint64_t count = 0;
    for (uint32_t i = 0; i < p->n_places; i++) {
        uint32_t place = p->places[i];
        if (!stands_at(l, p, place)) continue;
        p->places[kept++] = place;
        if (place < behind) continue;
        count += l->cells[place].weight;
        behind = place + 2 * (uint32_t)l->lengths[p->left];
    }
    p->n_places = kept;
    p->count = count;
    p->recount = false;
}

/* ---- one merge --------------------------------------------------------------------------------*/

static inline int32_t number_of(side *s, int32_t symbol) {
    int32_t i = s->number[symbol];
    if (i < 0) {
        i = s->number[symbol] = s->n++;
        s->list[i] = (neighbour){.symbol = symbol};
    }
    return i;
}

static inline void note(side *s, int32_t symbol, uint32_t place, uint64_t weight) {
    int32_t i = number_of(s, symbol);
    s->list[i].n++;
    s->list[i].weight += weight;
    s->events[s->n_events++] = (struct event){i, place};
}

static void forget(side *s) {
    for (int32_t i = 0; i < s->n; i++) s->number[s->list[i].symbol] = -1;
    s->n = 0;
    s->n_events = 0;
}

/* Room for the neighbours at so many places. */
static bool reserve_events(learner *l, uint32_t places) {
    if (places <= l->events_capacity) return true;
    struct event *before = realloc(l->before.events, places * sizeof *before);
    if (before) l->before.events = before;
    struct event *behind = realloc(l->behind.events, places * sizeof *behind);
    if (behind) l->behind.events = behind;
    if (!before || !behind) return false;
    l->events_capacity = places;
    return true;
}

/* Writes the new symbol wherever the pair stands, and notes what stands before and behind it then.
 * Returns how often the second symbol of one place stood before the first of the next: there the
 * pair (right, left) went, but (new, left) did not come. */
static uint64_t rewrite(learner *l, const pair *p, int32_t made) {
    const uint32_t left = (uint32_t)l->lengths[p->left], right = (uint32_t)l->lengths[p->right];
    uint64_t joined = 0;
    uint32_t counted = 0; /* pairs of new symbols are counted up to here */
    for (uint32_t i = 0; i < p->n_places; i++) {
        const uint32_t place = p->places[i], end = place + left + right;
        if (i + 16 < p->n_places) __builtin_prefetch(&l->cells[p->places[i + 16]], 1);
        if (!stands_at(l, p, place)) continue;
        const uint32_t weight = l->cells[place].weight;
        l->cells[place].symbol = made;
        l->cells[place + left].symbol = -1;
        l->cells[end - 1].symbol = -(int32_t)(left + right);

        int32_t x = l->cells[place - 1].symbol;
        if (x != BORDER) {
            uint32_t start = x < 0 ? place - (uint32_t)-x : place - 1;
            x = l->cells[start].symbol;
            bool again = x == made && start < counted;
            if (x == made) {
                side *s = &l->behind; /* its last event: this pair's left symbol */
                neighbour *was = &s->list[s->events[--s->n_events].number];
                was->n--;
                was->weight -= weight;
                joined += weight;
                if (!again) counted = end;
            }
            note(&l->before, x, start, again ? 0 : weight);
        }
        int32_t y = l->cells[end].symbol;
        if (y != BORDER) note(&l->behind, y, place, weight);
    }
    return joined;
}

static void lower(learner *l, int32_t left, int32_t right, uint64_t weight) {
    pair *p = find_pair_slot(l, left, right);
    if (p->left < 0 || p->count < LEAST) return;
    if (left == right) {
        p->recount = true;
    } else {
        LM_ASSERT(p->count >= weight);
        p->count -= weight;
    }
}

enum { AHEAD = 8 };

/* The pairs (x, left) and (right, y) went. */
static void lower_counts(learner *l, lm_merged_pair p, int32_t made, uint64_t joined) {
    const side *s = &l->before;
    for (int32_t i = 0; i < s->n; i++) {
        if (i + AHEAD < s->n) prefetch_pair(l, s->list[i + AHEAD].symbol, p.left);
        if (s->list[i].symbol != made) lower(l, s->list[i].symbol, p.left, s->list[i].weight);
    }
    s = &l->behind;
    for (int32_t i = 0; i < s->n; i++) {
        if (i + AHEAD < s->n) prefetch_pair(l, p.right, s->list[i + AHEAD].symbol);
        uint64_t more = s->list[i].symbol == p.left ? joined : 0;
        lower(l, p.right, s->list[i].symbol, s->list[i].weight + more);
    }
}

/* The pairs (x, new) or (new, y) came. */
static void add_pairs(learner *l, side *s, int32_t made, bool before) {
    for (int32_t i = 0; i < s->n && !l->failed; i++) {
        neighbour *x = &s->list[i];
        if (i + AHEAD < s->n) {
            int32_t ahead = s->list[i + AHEAD].symbol;
            prefetch_pair(l, before ? ahead : made, before ? made : ahead);
        }
        x->places = before ? add_pair(l, x->symbol, made, x->weight, x->n)
                           : add_pair(l, made, x->symbol, x->weight, x->n);
    }
    for (uint32_t i = 0; i < s->n_events && !l->failed; i++) {
        neighbour *x = &s->list[s->events[i].number];
        if (x->places) *x->places++ = s->events[i].place;
    }
}

static bool merge(learner *l, pair *p, int32_t made) {
    const lm_merged_pair symbols = {p->left, p->right};
    l->lengths[made] = l->lengths[p->left] + l->lengths[p->right];
    if (!reserve_events(l, p->n_places)) return false;
    uint64_t joined = rewrite(l, p, made);
    p->count = 0;
    lower_counts(l, symbols, made, joined);
    add_pairs(l, &l->before, made, true);
    add_pairs(l, &l->behind, made, false);
    forget(&l->before);
    forget(&l->behind);
    return !l->failed;
}

/* The pair that could be merged most often; NULL: none is left. */
static pair *take_best(learner *l) {
    while (l->n_heap > 0) {
        candidate top = l->heap[0];
        pair *p = find_pair_slot(l, (int32_t)(top.key >> 32), (int32_t)(uint32_t)top.key);
        if (p->left >= 0 && p->recount) count_again(l, p);
        if (p->left < 0 || p->count < LEAST) {
            pop(l);
        } else if (p->count < top.count) {
            top.count = p->count;
            sift_down(l, 0, top);
        } else {
            pop(l);
            return p;
        }
    }
    return NULL;
}

/* ---- the beginning ----------------------------------------------------------------------------*/

static size_t copies_of(uint64_t count) {
    return (size_t)((count - 1) / LM_TRAIN_MOST_WEIGHT + 1);
}

/* At most n merges. */
static lm_status allocate(learner *l, const lm_piece_counts *pieces, int64_t n_merges,
                          lm_error *err) {
    lm_counted_piece p;
    size_t n = 1;
    for (uint64_t cursor = 0; lm_piece_counts_next(pieces, &cursor, &p);) {
        size_t bytes;
        if (!lm_size_mul(p.size + 1, copies_of(p.count), &bytes) || !lm_size_add(n, bytes, &n) ||
            n > LM_TRAIN_MOST_BYTES)
            return lm_error_set(err, LM_ERR_USAGE,
                                "training a tokenizer: the pieces of the text that differ have"
                                " more than %llu bytes together: train it on a sample",
                                (unsigned long long)LM_TRAIN_MOST_BYTES);
    }
    l->n_cells = n;
    /* Each merge leaves a symbol less. */
    size_t symbols = 256 + lm_size_min((size_t)n_merges, n);
    l->cells = malloc(n * sizeof *l->cells);
    l->lengths = malloc(symbols * sizeof *l->lengths);
    side *sides[] = {&l->before, &l->behind};
    for (int i = 0; i < 2; i++) {
        sides[i]->number = malloc(symbols * sizeof *sides[i]->number);
        sides[i]->list = malloc(symbols * sizeof *sides[i]->list);
        if (!sides[i]->number || !sides[i]->list) return lm_error_no_memory(err, "a tokenizer");
        memset(sides[i]->number, 0xFF, symbols * sizeof *sides[i]->number); /* -1 */
    }
    if (!l->cells || !l->lengths || !allocate_pairs(l, 1 << 16))
        return lm_error_no_memory(err, "a tokenizer");
    for (int32_t i = 0; i < 256; i++) l->lengths[i] = 1;
    return LM_OK;
}

static void fill_cells(learner *l, const lm_piece_counts *pieces) {
    const cell border = {BORDER, 0};
    lm_counted_piece p;
    size_t at = 0;
    l->cells[at++] = border;
    for (uint64_t cursor = 0; lm_piece_counts_next(pieces, &cursor, &p);) {
        for (uint64_t rest = p.count; rest > 0;) {
            uint32_t weight = (uint32_t)lm_u64_min(rest, LM_TRAIN_MOST_WEIGHT);
            rest -= weight;
            for (size_t i = 0; i < p.size; i++) l->cells[at++] = (cell){p.bytes[i], weight};
            l->cells[at++] = border;
        }
    }
    LM_ASSERT(at == l->n_cells);
}

/* Every pair of bytes with its places. */
static bool find_byte_pairs(learner *l) {
    neighbour *all = calloc(65536, sizeof *all); /* [left * 256 + right] */
    if (!all) return false;
    uint32_t counted = 0; /* pairs of equal bytes are counted up to here */
    for (uint32_t i = 0; i + 1 < l->n_cells; i++) {
        int32_t left = l->cells[i].symbol, right = l->cells[i + 1].symbol;
        if (left == BORDER || right == BORDER) continue;
        neighbour *x = &all[left << 8 | right];
        x->n++;
        if (left == right) {
            if (i < counted) continue;
            counted = i + 2;
        }
        x->weight += l->cells[i].weight;
    }
    for (int32_t i = 0; i < 65536 && !l->failed; i++)
        if (all[i].n > 0) all[i].places = add_pair(l, i >> 8, i & 255, all[i].weight, all[i].n);
    for (uint32_t i = 0; i + 1 < l->n_cells && !l->failed; i++) {
        int32_t left = l->cells[i].symbol, right = l->cells[i + 1].symbol;
        if (left == BORDER || right == BORDER) continue;
        neighbour *x = &all[left << 8 | right];
        if (x->places) *x->places++ = i;
    }
    free(all);
    return !l->failed;
}

static void free_learner(learner *l) {
    for (chunk *next; l->chunks; l->chunks = next) {
        next = l->chunks->next;
        free(l->chunks);
    }
    side *sides[] = {&l->before, &l->behind};
    for (int i = 0; i < 2; i++) {
        free(sides[i]->number);
        free(sides[i]->list);
        free(sides[i]->events);
    }
    free(l->cells);
    free(l->lengths);
    free(l->pairs);
    free(l->heap);
}

lm_status lm_merges_learn(const lm_piece_counts *pieces, lm_merged_pair *merges, int64_t n,
                          int64_t *learned, lm_error *err) {
    learner l = {0};
    *learned = 0;
    lm_status status = allocate(&l, pieces, n, err);
    if (status != LM_OK) goto out;
    fill_cells(&l, pieces);
    if (!find_byte_pairs(&l)) status = lm_error_no_memory(err, "training a tokenizer");
    while (status == LM_OK && *learned < n) {
        pair *p = take_best(&l);
        if (!p) break;
        int32_t made = (int32_t)(256 + *learned);
        merges[(*learned)++] = (lm_merged_pair){p->left, p->right};
        if (!merge(&l, p, made)) status = lm_error_no_memory(err, "training a tokenizer");
    }
out:
    free_learner(&l);
    return status;
}
