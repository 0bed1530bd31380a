/* Rows of the model by what their optimizer does with them: parts, matrices, states, slices. */
#include "optim/rows.h"

#include <string.h>

#include "optim/matrices.h"

/* Slices of many pieces are cut between them, others at lines of the cache. */
enum { CUT_FINE = LM_ALIGNMENT / sizeof(float), CUT_PIECES = 16 };

/* ---- the registry -----------------------------------------------------------------------------*/

static const lm_optimizer_kind *find(int kind) {
    int i = 0;
    while (lm_optimizer_kinds[i] && i != kind) i++;
    return lm_optimizer_kinds[i];
}

const char *lm_optimizer_name(int kind) {
    const lm_optimizer_kind *k = find(kind);
    return k ? k->name : NULL;
}

bool lm_optimizer_averages(int kind) {
    LM_ASSERT(find(kind));
    return find(kind)->averages;
}

unsigned lm_optimizer_uses(int kind) {
    LM_ASSERT(find(kind));
    return find(kind)->uses;
}

/* ---- rows, parts, states ----------------------------------------------------------------------*/

int64_t lm_rows_parts(const lm_optimizer_row *r) {
    return lm_max(r->n_parts, 1);
}

/* Part i; of a row without parts, all of it. */
lm_optimizer_part lm_rows_part(const lm_optimizer_row *r, int64_t i) {
    if (r->n_parts > 0) return r->parts[i];
    return (lm_optimizer_part){.lines = r->shape[0], .group = r->group};
}

const lm_optimizer_kind *lm_rows_kind(const lm_optimizer_options *groups, const lm_optimizer_row *r,
                                      int group) {
    const lm_optimizer_kind *kind = find(groups[group].kind);
    LM_ASSERT(kind);
    if (kind->others && !r->hidden) kind = kind->others;
    if (!groups[group].lazy || !kind->lazy) return kind;
    return r->gap ? kind->lazy->gaps : kind->lazy;
}

bool lm_optimizer_skips(const lm_optimizer_options *groups, const lm_optimizer_row *row) {
    for (int64_t i = 0; i < lm_rows_parts(row); i++)
        if (!lm_rows_kind(groups, row, lm_rows_part(row, i).group)->skips) return false;
    return true;
}

/* Matrices of the part that the kind updates: its heads, or the part as a whole. */
int64_t lm_rows_matrices(const lm_optimizer_options *groups, const lm_optimizer_kind *kind,
                         const lm_optimizer_part *part) {
    bool heads = kind->matrix && groups[part->group].per_head && part->head > 0;
    return heads ? part->lines / part->head : 1;
}

int lm_rows_states(const lm_optimizer_kind *kind) {
    int n = 0;
    while (kind->states[n].name) n++;
    return n;
}

int lm_rows_find_state(const lm_row *r, const char *name) {
    int i = 0;
    while (i < r->n_states && strcmp(r->list[i]->name, name) != 0) i++;
    return i;
}

/* Overwrites *out: the row and the states of the kinds of its parts, without memory for them. */
void lm_rows_list(lm_row *out, const lm_optimizer_options *groups, const lm_optimizer_row *r) {
    *out = (lm_row){.row = *r};
    for (int64_t p = 0; p < lm_rows_parts(r); p++) {
        const lm_optimizer_kind *kind = lm_rows_kind(groups, r, lm_rows_part(r, p).group);
        for (const lm_optimizer_state *s = kind->states; s->name; s++) {
            int i = lm_rows_find_state(out, s->name);
            LM_ASSERT(i < LM_ROWS_STATES_MOST &&
                      (i == out->n_states || out->list[i]->shape == s->shape));
            out->list[i] = s;
            if (i == out->n_states) out->n_states++;
        }
    }
}

static const lm_span everything = {.end = INT64_MAX};
const lm_optimizer_slice lm_rows_all = {.shares = &everything, .n = 1};

/* Does every slice have all of what begins there? */
static bool is_whole(int64_t first, const lm_optimizer_slice *slice) {
    return slice->whole > 0 && first >= slice->whole;
}

int64_t lm_rows_overlap(int64_t first, int64_t count, const lm_optimizer_slice *slice,
                        int64_t *begin) {
    *begin = first;
    if (is_whole(first, slice)) return count;
    for (int64_t i = 0; i < slice->n; i++) {
        const int64_t from = lm_max(first, slice->shares[i].first);
        const int64_t end = lm_min(first + count, slice->shares[i].end);
        *begin = from;
        if (from < end) return end - from;
    }
    return 0;
}

/* Of a state LM_STATE_LONG_SIDE: the matrices whose first element the slice has. */
static void find_long_sides(lm_optimizer_array *a, const lm_optimizer_options *groups,
                            const lm_optimizer_row *r, const lm_optimizer_slice *slice) {
    int64_t at = r->offset, before = 0;
    for (int64_t p = 0; p < lm_rows_parts(r); p++) {
        lm_optimizer_part part = lm_rows_part(r, p);
        int64_t n = lm_rows_matrices(groups, lm_rows_kind(groups, r, part.group), &part);
        int64_t lines = part.lines / n, side = lm_max(lines, r->shape[1]);
        for (int64_t m = 0; m < n; m++) {
            int64_t begin;
            bool has = lm_rows_overlap(at, 1, slice, &begin) > 0;
            if (has && a->count == 0) a->first = before;
            if (has) a->count += side;
            at += lines * r->shape[1];
            before += side;
        }
    }
    a->shape[0] = before;
    a->shape[1] = 1;
}

/* A state of a row, and what the slice has of it; data is left out. */
lm_optimizer_array lm_rows_describe(const lm_optimizer_options *groups, const lm_optimizer_row *r,
                                    const lm_optimizer_state *s, const lm_optimizer_slice *slice) {
    lm_optimizer_array a = {.state = s->name, .row = r->name, .ndim = 1, .shape = {1, 1}};
    a.whole = is_whole(r->offset, slice);
    switch (s->shape) {
    case LM_STATE_LIKE_ROW:
        a.ndim = r->ndim;
        memcpy(a.shape, r->shape, sizeof a.shape);
        a.count = lm_rows_overlap(r->offset, r->shape[0] * r->shape[1], slice, &a.first);
        a.first = a.count > 0 ? a.first - r->offset : 0;
        break;
    case LM_STATE_PER_LINE:
        LM_ASSERT(slice == &lm_rows_all); /* no kind has one yet: slices cut lines */
        a.shape[0] = a.count = r->ndim == 2 ? r->shape[0] : 1;
        break;
    case LM_STATE_LONG_SIDE:
        find_long_sides(&a, groups, r, slice);
        break;
    }
    return a;
}

bool lm_optimizer_slice_bytes(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                              int64_t n_rows, const lm_optimizer_slice *slice, uint64_t *bytes) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        lm_row r;
        size_t elements;
        if (!lm_size_mul((size_t)rows[i].shape[0], (size_t)rows[i].shape[1], &elements) ||
            elements > (SIZE_MAX - LM_ALIGNMENT) / sizeof(float))
            return false;
        lm_rows_list(&r, groups, &rows[i]);
        for (int s = 0; s < r.n_states; s++) {
            lm_optimizer_array a = lm_rows_describe(groups, &rows[i], r.list[s], slice);
            if (!lm_u64_add(sum, lm_size_align((size_t)a.count * sizeof(float)), &sum))
                return false;
        }
    }
    *bytes = sum;
    return true;
}

bool lm_optimizer_bytes(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                        int64_t n_rows, uint64_t *bytes) {
    return lm_optimizer_slice_bytes(groups, rows, n_rows, &lm_rows_all, bytes);
}

/* ---- cutting into slices ----------------------------------------------------------------------*/

/* The place nearest to `at` where slices may be cut, if it lies in the part that begins at `first`;
 * else `first`, when it lies before it, or -1. */
static int64_t cut_part(const lm_optimizer_options *groups, const lm_optimizer_row *r,
                        const lm_optimizer_part *part, int64_t first, int64_t at, int64_t grain) {
    const lm_optimizer_kind *kind = lm_rows_kind(groups, r, part->group);
    int64_t count = part->lines * r->shape[1];
    if (at <= first) return first;
    if (at >= first + count) return -1;
    if (kind->matrix) grain = count / lm_rows_matrices(groups, kind, part);
    int64_t from = kind->matrix ? first : 0; /* where places are counted from */
    int64_t place = from + (at - from + grain / 2) / grain * grain;
    return lm_max(first, lm_min(place, first + count));
}

/* The place in the span nearest to `at` where slices may be cut. */
static int64_t cut_span(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                        int64_t n_rows, lm_span span, int64_t at, int64_t grain) {
    for (int64_t i = 0; i < n_rows; i++) {
        const lm_optimizer_row *r = &rows[i];
        int64_t first = r->offset;
        if (first < span.first || first >= span.end) continue;
        for (int64_t p = 0; p < lm_rows_parts(r); p++) {
            lm_optimizer_part part = lm_rows_part(r, p);
            int64_t place = cut_part(groups, r, &part, first, at, grain);
            if (place >= 0) return place;
            first += part.lines * r->shape[1];
        }
    }
    return span.end;
}

void lm_optimizer_cut(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                      int64_t n_rows, const lm_span *spans, int64_t n_spans, int n,
                      lm_span *shares) {
    int64_t total = 0; /* elements of the spans so far */
    for (int64_t s = 0; s < n_spans; s++) {
        const int64_t length = spans[s].end - spans[s].first;
        const int64_t grain = length / n >= CUT_PIECES * LM_ROWS_PIECE ? LM_ROWS_PIECE : CUT_FINE;
        int64_t had = 0; /* by slices 0 .. i - 1, of the spans before */
        int64_t end = spans[s].first;
        total += length;
        for (int i = 0; i < n; i++) {
            lm_span *own = &shares[i * n_spans];
            for (int64_t k = 0; k < s; k++) had += own[k].end - own[k].first;
            const int64_t should = total / n * (i + 1) + total % n * (i + 1) / n - had;
            const int64_t at = spans[s].first + lm_max(lm_min(should, length), 0);
            const int64_t place =
                i + 1 == n ? spans[s].end : cut_span(groups, rows, n_rows, spans[s], at, grain);
            own[s] = (lm_span){end, lm_max(place, end)};
            end = own[s].end;
        }
    }
}

int64_t lm_optimizer_array_count(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                                 int64_t n_rows) {
    int64_t n = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        lm_row r;
        lm_rows_list(&r, groups, &rows[i]);
        n += r.n_states;
    }
    return n;
}

/* What the update of a matrix of a part takes. */
bool lm_rows_cost(const lm_optimizer_options *groups, const lm_optimizer_row *r, int group,
                  int64_t lines, lm_precision precision, lm_matrix_cost *cost) {
    const lm_update u = {
        .options = &groups[group], .row = r, .lines = lines, .count = lines * r->shape[1]};
    return lm_rows_kind(groups, r, group)->cost(&u, precision, cost);
}

/* Of all matrices of the rows: counted, or when that is done, added. */
static bool sum_matrices(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                         int64_t n_rows, int threads, lm_precision precision, bool counted,
                         lm_matrices_room *room) {
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t p = 0; p < lm_rows_parts(&rows[i]); p++) {
            lm_matrix_cost cost;
            lm_optimizer_part part = lm_rows_part(&rows[i], p);
            const lm_optimizer_kind *kind = lm_rows_kind(groups, &rows[i], part.group);
            int64_t n = lm_rows_matrices(groups, kind, &part);
            if (!kind->matrix) continue;
            if (!lm_rows_cost(groups, &rows[i], part.group, part.lines / n, precision, &cost))
                return false;
            if (counted)
                lm_matrices_add(room, &cost, threads);
            else
                lm_matrices_count(room, &cost, n);
        }
    return true;
}

bool lm_optimizer_work_of(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                          int64_t n_rows, int threads, lm_precision precision,
                          lm_optimizer_work *work) {
    lm_matrices_room room = {0};
    *work = (lm_optimizer_work){0};
    for (int counted = 0; counted < 2; counted++)
        if (!sum_matrices(groups, rows, n_rows, threads, precision, counted, &room)) return false;
    work->flops = room.flops;
    return lm_matrices_bytes(&room, threads, &work->bytes);
}
