/* Late lines: those of a span that is finished first but for them. Every rank tells all others
 * which lines are late, when it has finished the rest. Then all know the lines of all, leave these
 * out of the sum of the span's blocks, which are on their way, and add them when all is finished.
 * What the trees of a rank have of them is made in an array apart, since MPI may still read the
 * blocks. */
#include <stdlib.h>
#include <string.h>

#include "dist/exchange.h"

#define MEMORY ((int64_t)64 << 20) /* bytes of all ranks' late lines in one of them, at most */
enum {
    SHARE = 8,       /* lines that all ranks name together, of so many one at most */
    PIECE = 1 << 13, /* elements of a task */
    NAMED = 1,       /* marks: by any rank, */
    OWN = 2          /* by this one */
};

/* Lines that all ranks name at most. */
static int64_t most_lines(int ranks, const lm_exchange_late_of *of) {
    return lm_min(ranks * of->most, of->lines);
}

static int all_trees(int64_t lanes, int ranks) {
    int n = 0;
    for (int r = 0; r < ranks; r++) n += lm_lanes_subtrees(lanes, ranks, r);
    return n;
}

uint64_t lm_exchange_late_bytes(int64_t lanes, int ranks, const lm_exchange_late_of *of) {
    if (ranks == 1 || of->columns == 0) return 0;
    return (uint64_t)all_trees(lanes, ranks) *
           lm_size_align((size_t)(most_lines(ranks, of) * of->columns) * sizeof(float));
}

bool lm_exchange_late_repays(int64_t lanes, int ranks, const lm_exchange_late_of *of) {
    return ranks > 1 && of->most <= of->lines / SHARE / ranks &&
           lm_exchange_late_bytes(lanes, ranks, of) <= MEMORY;
}

/* ---- creating ---------------------------------------------------------------------------------*/

static lm_status take_room(lm_exchange *x, int64_t lanes, lm_error *err) {
    lm_exchange_late *l = &x->late;
    const int ranks = lm_comm_size(x->comm);
    const int64_t elements = most_lines(ranks, &l->of) * l->of.columns;
    lm_status status = lm_arena_init(&l->arena, lm_exchange_late_bytes(lanes, ranks, &l->of),
                                     "gradients of other ranks", err);
    if (status != LM_OK) return status;
    for (int t = 0; t < x->n_trees; t++) {
        float *room = lm_arena_floats(&l->arena, elements);
        if (t >= x->own && t < x->own + x->n_own)
            l->own[t - x->own].sum = room;
        else
            l->trees[t] = room;
    }
    return LM_OK;
}

lm_status lm_exchange_late_create(lm_exchange *x, int64_t lanes, const lm_exchange_late_of *of,
                                  lm_error *err) {
    lm_exchange_late *l = &x->late;
    const int ranks = lm_comm_size(x->comm);
    l->of = *of;
    l->begin = x->spans[of->span].first;
    l->named = calloc((size_t)(ranks * (1 + of->most)), sizeof *l->named);
    l->marks = calloc((size_t)of->lines, 1);
    l->list = calloc((size_t)most_lines(ranks, of), sizeof *l->list);
    l->others = calloc((size_t)of->lines, sizeof *l->others);
    l->trees = calloc((size_t)x->n_trees, sizeof *l->trees);
    l->telling = lm_comm_batch_create(x->comm, LM_COMM_GRADIENTS);
    l->way = lm_comm_batch_create(x->comm, LM_COMM_GRADIENTS);
    if (!l->named || !l->marks || !l->list || !l->others || !l->trees || !l->telling || !l->way)
        return lm_error_no_memory(err, NULL);
    return take_room(x, lanes, err);
}

void lm_exchange_late_free(lm_exchange_late *l) {
    lm_comm_batch_free(l->telling);
    lm_comm_batch_free(l->way);
    lm_arena_free(&l->arena);
    free(l->named);
    free(l->marks);
    free(l->list);
    free(l->others);
    free(l->trees);
    *l = (lm_exchange_late){0};
}

/* ---- who names what ---------------------------------------------------------------------------*/

static int32_t *named_by(const lm_exchange *x, int rank) {
    return x->late.named + rank * (1 + x->late.of.most);
}

void lm_exchange_late_begin(lm_exchange *x) {
    lm_exchange_late *l = &x->late;
    l->told = l->known = false;
    l->count = 0;
    for (int r = 0; r < lm_comm_size(x->comm); r++)
        if (r != lm_comm_rank(x->comm))
            lm_comm_receive(l->telling, r, named_by(x, r),
                            (size_t)(1 + l->of.most) * sizeof *l->named);
}

void lm_exchange_late_tell(lm_exchange *x, const int32_t *lines, int64_t n) {
    lm_exchange_late *l = &x->late;
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    int32_t *own = named_by(x, rank);
    LM_ASSERT(!l->told && n <= l->of.most);
    *own = (int32_t)n;
    for (int64_t i = 0; i < n; i++) own[1 + i] = lines[i];
    for (int i = 1; i < ranks; i++)
        lm_comm_send(l->telling, (rank + i) % ranks, own, (size_t)(1 + l->of.most) * sizeof *own);
    l->told = true;
}

static void list_lines(lm_exchange *x) {
    lm_exchange_late *l = &x->late;
    memset(l->marks, 0, (size_t)l->of.lines);
    for (int r = 0; r < lm_comm_size(x->comm); r++) {
        const int32_t *named = named_by(x, r);
        LM_ASSERT(*named >= 0 && *named <= l->of.most);
        for (int64_t i = 1; i <= *named; i++) {
            LM_ASSERT(named[i] >= 0 && named[i] < l->of.lines);
            l->marks[named[i]] |= r == lm_comm_rank(x->comm) ? NAMED | OWN : NAMED;
        }
    }
    for (int64_t i = 0; i < l->of.lines; i++)
        if (l->marks[i]) l->list[l->count++] = (int32_t)i;
}

bool lm_exchange_late_know(lm_exchange *x, bool wait) {
    lm_exchange_late *l = &x->late;
    if (l->of.columns == 0 || l->known) return true;
    if (!l->told || x->status != LM_OK || (!wait && !lm_comm_test(l->telling))) return false;
    x->status = lm_comm_wait(l->telling, &x->error);
    if (x->status == LM_OK) list_lines(x);
    return l->known = x->status == LM_OK;
}

/* ---- adding -----------------------------------------------------------------------------------*/

void lm_exchange_late_add_others(lm_exchange *x) {
    lm_exchange_late *l = &x->late;
    const int32_t *own = named_by(x, lm_comm_rank(x->comm));
    int64_t n = 0, named = 0;
    for (int32_t line = 0; line < l->of.lines; line++) {
        if (named < *own && own[1 + named] == line)
            named++;
        else
            l->others[n++] = line;
    }
    LM_ASSERT(named == *own);
    lm_lanes_add_lines(&x->lanes, x->compute, x->lane, l->begin, l->of.columns,
                       (lm_lines){l->others, n});
}

int64_t lm_exchange_late_stretch(const lm_exchange *x, int64_t at, bool *late) {
    const lm_exchange_late *l = &x->late;
    int64_t line = (at - l->begin) / l->of.columns;
    *late = line < l->of.lines && l->marks[line];
    while (line < l->of.lines && (l->marks[line] != 0) == *late) line++;
    return line < l->of.lines ? l->begin + line * l->of.columns : INT64_MAX;
}

/* Of the list's elements, [count, columns], those in a rank's share. */
static lm_span listed(const lm_exchange *x, int rank) {
    const lm_exchange_late *l = &x->late;
    const lm_span share = lm_exchange_shares(x, rank)[l->of.span];
    const int64_t c = l->of.columns;
    lm_span s = {0, 0};
    for (int64_t i = 0; i < l->count; i++) {
        const int64_t first = l->begin + l->list[i] * c;
        const int64_t from = lm_max(first, share.first), end = lm_min(first + c, share.end);
        if (from >= end) continue;
        if (s.end == 0) s.first = i * c + (from - first);
        s.end = i * c + (end - first);
    }
    return s;
}

typedef struct job {
    lm_exchange *x;
    lm_exchange_line *line;
    const void *argument;
    lm_span own;   /* of the list's elements, those in this rank's share */
    int64_t chunk; /* lines of a task */
} job;

/* What this rank's trees have of some lines. */
static void pack_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_exchange *x = j->x;
    const lm_exchange_late *l = &x->late;
    const int64_t c = l->of.columns, end = lm_min((task + 1) * j->chunk, l->count);
    (void)worker;
    for (int64_t i = task * j->chunk; i < end; i++) {
        const int64_t at = l->begin + l->list[i] * c;
        for (int t = 0; t < x->n_final; t++) {
            float *to = l->own[t].sum + i * c;
            if (t + 1 == x->n_final && (l->marks[l->list[i]] & OWN))
                lm_lanes_late(&x->lanes, x->compute->kernels, x->lane, at, c,
                              j->line(j->argument, l->list[i]), to);
            else
                memcpy(to, x->final[t].sum + at, (size_t)c * sizeof *to);
        }
    }
}

/* Some lines of all trees, in this rank's share. */
static void fold_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    const lm_exchange *x = j->x;
    const lm_exchange_late *l = &x->late;
    const int64_t c = l->of.columns, begin = j->own.first / c + task * j->chunk;
    const int64_t end = lm_min(begin + j->chunk, lm_divide_up(j->own.end, c));
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = lm_max(i * c, j->own.first), last = lm_min((i + 1) * c, j->own.end);
        lm_exchange_add(x, l->trees, first - j->own.first, l->own, first, last - first,
                        x->sum + l->begin + l->list[i] * c + (first - i * c));
    }
}

/* What all ranks have of lines in the shares of others goes there. */
static lm_status move_lines(lm_exchange *x, lm_span own, lm_error *err) {
    lm_exchange_late *l = &x->late;
    const int rank = lm_comm_rank(x->comm), ranks = lm_comm_size(x->comm);
    for (int t = 0; t < x->n_trees; t++)
        if (x->trees[t].rank != rank && own.first < own.end)
            lm_comm_receive(l->way, x->trees[t].rank, l->trees[t],
                            (size_t)(own.end - own.first) * sizeof(float));
    for (int i = 1; i < ranks; i++) {
        const int to = (rank + i) % ranks;
        const lm_span s = listed(x, to);
        for (int t = 0; t < x->n_final && s.first < s.end; t++)
            lm_comm_send(l->way, to, l->own[t].sum + s.first,
                         (size_t)(s.end - s.first) * sizeof(float));
    }
    return lm_comm_wait(l->way, err);
}

lm_status lm_exchange_late_sum(lm_exchange *x, lm_exchange_line *line, const void *argument,
                               lm_error *err) {
    const lm_exchange_late *l = &x->late;
    if (l->of.columns == 0 || l->count == 0) return LM_OK;
    job j = {.x = x,
             .line = line,
             .argument = argument,
             .own = listed(x, lm_comm_rank(x->comm)),
             .chunk = lm_max(PIECE / l->of.columns, 1)};
    lm_pool_run(x->compute->pool, lm_divide_up(l->count, j.chunk), pack_task, &j);
    lm_status status = move_lines(x, j.own, err);
    if (status != LM_OK || j.own.first == j.own.end) return status;
    const int64_t lines = lm_divide_up(j.own.end, l->of.columns) - j.own.first / l->of.columns;
    lm_pool_run(x->compute->pool, lm_divide_up(lines, j.chunk), fold_task, &j);
    return LM_OK;
}
