#include "optim/optimizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "optim/kind.h"
#include "optim/matrices.h"

/* Elements that a task updates at most. Any length gives the same bits. This one takes far longer
 * than handing out a task, and is short enough to share the rows of a small model among threads. */
#define PIECE ((int64_t)65536)

enum { STATES_MOST = 16 }; /* of a row */

/* A row and its states, those of the kinds of all its parts. */
typedef struct row {
    lm_optimizer_row row;
    const lm_optimizer_state *list[STATES_MOST];
    float *states[STATES_MOST];
    int n_states;
} row;

/* What is updated with one kind and one group's values: a row, or a part of it; of a kind that
 * updates matrices, one of them. */
typedef struct unit {
    int64_t row, first, count; /* elements */
    int64_t lines, long_first; /* of a matrix */
    int group;
    const lm_optimizer_kind *kind;
    float **states; /* in the order of the kind's list */
} unit;

/* Elements of a unit for a task. */
typedef struct piece {
    int64_t unit, first, count;
} piece;

struct lm_optimizer {
    lm_optimizer_options *groups;
    row *rows;
    lm_optimizer_part *parts; /* of all rows */
    unit *units;
    float **states; /* of all units */
    lm_optimizer_array *arrays;
    piece *pieces;       /* of the units updated by element */
    lm_matrix_job *jobs; /* the others, sorted */
    int64_t n_rows, n_units, n_arrays, n_pieces, n_jobs;
    lm_arena arena; /* of the states */
    lm_arena room;  /* for the jobs */
};

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

unsigned lm_optimizer_uses(int kind) {
    LM_ASSERT(find(kind));
    return find(kind)->uses;
}

/* ---- rows, parts, states ----------------------------------------------------------------------*/

static int64_t part_count(const lm_optimizer_row *r) {
    return lm_max(r->n_parts, 1);
}

/* Part i; of a row without parts, all of it. */
static lm_optimizer_part part_at(const lm_optimizer_row *r, int64_t i) {
    if (r->n_parts > 0) return r->parts[i];
    return (lm_optimizer_part){.lines = r->shape[0], .group = r->group};
}

static const lm_optimizer_kind *kind_of(const lm_optimizer_options *groups,
                                        const lm_optimizer_row *r, int group) {
    const lm_optimizer_kind *kind = find(groups[group].kind);
    LM_ASSERT(kind);
    return kind->others && !r->hidden ? kind->others : kind;
}

/* Matrices of the part that the kind updates: its heads, or the part as a whole. */
static int64_t matrix_count(const lm_optimizer_options *groups, const lm_optimizer_kind *kind,
                            const lm_optimizer_part *part) {
    bool heads = kind->matrix && groups[part->group].per_head && part->head > 0;
    return heads ? part->lines / part->head : 1;
}

/* Elements of the part in a state LM_STATE_LONG_SIDE. */
static int64_t long_sides(const lm_optimizer_options *groups, const lm_optimizer_row *r,
                          const lm_optimizer_part *part) {
    int64_t n = matrix_count(groups, kind_of(groups, r, part->group), part);
    return n * lm_max(part->lines / n, r->shape[1]);
}

static int state_count(const lm_optimizer_kind *kind) {
    int n = 0;
    while (kind->states[n].name) n++;
    return n;
}

static int find_state(const row *r, const char *name) {
    int i = 0;
    while (i < r->n_states && strcmp(r->list[i]->name, name) != 0) i++;
    return i;
}

/* Overwrites *out: the row and the states of the kinds of its parts, without memory for them. */
static void list_states(row *out, const lm_optimizer_options *groups, const lm_optimizer_row *r) {
    *out = (row){.row = *r};
    for (int64_t p = 0; p < part_count(r); p++) {
        const lm_optimizer_kind *kind = kind_of(groups, r, part_at(r, p).group);
        for (const lm_optimizer_state *s = kind->states; s->name; s++) {
            int i = find_state(out, s->name);
            LM_ASSERT(i < STATES_MOST && (i == out->n_states || out->list[i]->shape == s->shape));
            out->list[i] = s;
            if (i == out->n_states) out->n_states++;
        }
    }
}

/* A state of a row; data is left out. */
static lm_optimizer_array describe(const lm_optimizer_options *groups, const lm_optimizer_row *r,
                                   const lm_optimizer_state *s) {
    lm_optimizer_array a = {.state = s->name, .row = r->name};
    switch (s->shape) {
    case LM_STATE_LIKE_ROW:
        a.ndim = r->ndim;
        memcpy(a.shape, r->shape, sizeof a.shape);
        break;
    case LM_STATE_PER_LINE:
        a.ndim = 1;
        a.shape[0] = r->ndim == 2 ? r->shape[0] : 1;
        a.shape[1] = 1;
        break;
    case LM_STATE_LONG_SIDE:
        a.ndim = 1;
        for (int64_t p = 0; p < part_count(r); p++) {
            lm_optimizer_part part = part_at(r, p);
            a.shape[0] += long_sides(groups, r, &part);
        }
        a.shape[1] = 1;
        break;
    }
    return a;
}

bool lm_optimizer_bytes(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                        int64_t n_rows, uint64_t *bytes) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        row r;
        list_states(&r, groups, &rows[i]);
        for (int s = 0; s < r.n_states; s++) {
            lm_optimizer_array a = describe(groups, &rows[i], r.list[s]);
            size_t elements;
            if (!lm_size_mul((size_t)a.shape[0], (size_t)a.shape[1], &elements) ||
                elements > (SIZE_MAX - LM_ALIGNMENT) / sizeof(float) ||
                !lm_u64_add(sum, lm_size_align(elements * sizeof(float)), &sum))
                return false;
        }
    }
    *bytes = sum;
    return true;
}

int64_t lm_optimizer_array_count(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                                 int64_t n_rows) {
    int64_t n = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        row r;
        list_states(&r, groups, &rows[i]);
        n += r.n_states;
    }
    return n;
}

const lm_optimizer_array *lm_optimizer_arrays(const lm_optimizer *o, int64_t *count) {
    *count = o->n_arrays;
    return o->arrays;
}

const float *lm_optimizer_flat(const lm_optimizer *o, int64_t *count) {
    *count = (int64_t)(o->arena.used / sizeof(float));
    return (const float *)(const void *)o->arena.base;
}

/* What the update of a matrix of a part takes. */
static bool cost_of(const lm_optimizer_options *groups, const lm_optimizer_row *r, int group,
                    int64_t lines, lm_precision precision, lm_matrix_cost *cost) {
    const lm_update u = {
        .options = &groups[group], .row = r, .lines = lines, .count = lines * r->shape[1]};
    return kind_of(groups, r, group)->cost(&u, precision, cost);
}

bool lm_optimizer_work_of(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                          int64_t n_rows, int threads, lm_precision precision,
                          lm_optimizer_work *work) {
    lm_matrices_room room = {0};
    *work = (lm_optimizer_work){0};
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t p = 0; p < part_count(&rows[i]); p++) {
            lm_matrix_cost cost;
            lm_optimizer_part part = part_at(&rows[i], p);
            const lm_optimizer_kind *kind = kind_of(groups, &rows[i], part.group);
            int64_t n = matrix_count(groups, kind, &part);
            if (!kind->matrix) continue;
            if (!cost_of(groups, &rows[i], part.group, part.lines / n, precision, &cost))
                return false;
            lm_matrices_add(&room, &cost);
            work->flops += (double)n * cost.flops;
        }
    return lm_matrices_bytes(&room, threads, &work->bytes);
}

/* ---- creating ---------------------------------------------------------------------------------*/

/* Memory for the first state of every row, then for the second, and so on. */
static void place_states(lm_optimizer *o) {
    int most = 0;
    for (int64_t i = 0; i < o->n_rows; i++)
        most = o->rows[i].n_states > most ? o->rows[i].n_states : most;
    lm_optimizer_array *next = o->arrays;
    for (int s = 0; s < most; s++) {
        for (int64_t i = 0; i < o->n_rows; i++) {
            row *r = &o->rows[i];
            if (s >= r->n_states) continue;
            *next = describe(o->groups, &r->row, r->list[s]);
            next->data = lm_arena_floats(&o->arena, next->shape[0] * next->shape[1]);
            r->states[s] = next->data;
            next++;
        }
    }
}

/* The unit's states, listed at `states`; returns where the next ones go. */
static float **list_unit_states(unit *u, const row *r, float **states) {
    u->states = states;
    for (const lm_optimizer_state *s = u->kind->states; s->name; s++)
        *states++ = r->states[find_state(r, s->name)];
    return states;
}

/* Each part, or row without parts, is a unit, or several matrices that are one each; parts in a row
 * that are updated by element with the same values are one. */
static void cut_units(lm_optimizer *o) {
    unit *next = o->units;
    float **states = o->states;
    for (int64_t i = 0; i < o->n_rows; i++) {
        const row *r = &o->rows[i];
        unit at = {.row = i}, *first = next;
        for (int64_t p = 0; p < part_count(&r->row); p++) {
            lm_optimizer_part part = part_at(&r->row, p);
            at.group = part.group;
            at.kind = kind_of(o->groups, &r->row, part.group);
            int64_t n = matrix_count(o->groups, at.kind, &part);
            at.lines = part.lines / n;
            at.count = at.lines * r->row.shape[1];
            bool goes_on = at.kind->elements && next > first && next[-1].group == at.group;
            if (goes_on) next[-1].count += at.count;
            if (!goes_on) states = list_unit_states(&at, r, states);
            for (int64_t m = 0; m < n; m++) {
                if (!goes_on) *next++ = at;
                at.first += at.count;
                at.long_first += lm_max(at.lines, r->row.shape[1]);
            }
        }
        LM_ASSERT(at.first == r->row.shape[0] * r->row.shape[1]);
    }
    o->n_units = next - o->units;
}

static void cut_pieces(lm_optimizer *o) {
    piece *next = o->pieces;
    for (int64_t i = 0; i < o->n_units; i++) {
        const unit *u = &o->units[i];
        for (int64_t done = 0; u->kind->elements && done < u->count; done += PIECE)
            *next++ = (piece){i, u->first + done, lm_min(u->count - done, PIECE)};
    }
    o->n_pieces = next - o->pieces;
}

/* A job for each unit that is a matrix. */
static void list_jobs(lm_optimizer *o) {
    for (int64_t i = 0; i < o->n_units; i++)
        if (o->units[i].kind->matrix) o->jobs[o->n_jobs++].unit = i;
}

/* How much there is at most. */
typedef struct sizes {
    int64_t parts, units, states, arrays, pieces;
} sizes;

static sizes count_all(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                       int64_t n_rows) {
    sizes n = {.arrays = lm_optimizer_array_count(groups, rows, n_rows)};
    for (int64_t i = 0; i < n_rows; i++) {
        n.parts += rows[i].n_parts;
        for (int64_t p = 0; p < part_count(&rows[i]); p++) {
            lm_optimizer_part part = part_at(&rows[i], p);
            const lm_optimizer_kind *kind = kind_of(groups, &rows[i], part.group);
            n.units += matrix_count(groups, kind, &part);
            n.states += state_count(kind);
            n.pieces += lm_divide_up(part.lines * rows[i].shape[1], PIECE);
        }
    }
    return n;
}

static void copy_rows(lm_optimizer *o, const lm_optimizer_row *rows) {
    lm_optimizer_part *next = o->parts;
    for (int64_t i = 0; i < o->n_rows; i++) {
        list_states(&o->rows[i], o->groups, &rows[i]);
        if (rows[i].n_parts == 0) continue;
        memcpy(next, rows[i].parts, (size_t)rows[i].n_parts * sizeof *next);
        o->rows[i].row.parts = next;
        next += rows[i].n_parts;
    }
}

/* Copies groups and rows, and allocates all lists. */
static bool allocate_lists(lm_optimizer *o, const lm_optimizer_options *groups, int n_groups,
                           const lm_optimizer_row *rows, int64_t n_rows) {
    sizes n = count_all(groups, rows, n_rows);
    o->n_rows = n_rows;
    o->n_arrays = n.arrays;
    o->groups = calloc((size_t)n_groups + 1, sizeof *o->groups);
    o->rows = calloc((size_t)n_rows + 1, sizeof *o->rows);
    o->parts = calloc((size_t)n.parts + 1, sizeof *o->parts);
    o->units = calloc((size_t)n.units + 1, sizeof *o->units);
    o->jobs = calloc((size_t)n.units + 1, sizeof *o->jobs);
    o->states = calloc((size_t)n.states + 1, sizeof *o->states);
    o->arrays = calloc((size_t)n.arrays + 1, sizeof *o->arrays);
    o->pieces = calloc((size_t)n.pieces + 1, sizeof *o->pieces);
    if (!o->groups || !o->rows || !o->parts || !o->units || !o->jobs || !o->states || !o->arrays ||
        !o->pieces)
        return false;
    memcpy(o->groups, groups, (size_t)n_groups * sizeof *groups);
    copy_rows(o, rows);
    return true;
}

lm_status lm_optimizer_create(lm_optimizer **optimizer, const lm_optimizer_options *groups,
                              int n_groups, const lm_optimizer_row *rows, int64_t n_rows,
                              lm_error *err) {
    uint64_t bytes = 0;
    lm_status status = LM_OK;
    lm_optimizer *o = *optimizer = calloc(1, sizeof *o);
    bool fits = lm_optimizer_bytes(groups, rows, n_rows, &bytes);
    LM_ASSERT(fits); /* as the plan has found */
    if (!o || !allocate_lists(o, groups, n_groups, rows, n_rows)) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    status = lm_arena_init(&o->arena, bytes, "the optimizer's state", err);
    if (status != LM_OK) goto out;
    place_states(o);
    cut_units(o);
    cut_pieces(o);
    list_jobs(o);
out:
    if (status != LM_OK) {
        lm_optimizer_free(o);
        *optimizer = NULL;
    }
    return status;
}

lm_status lm_optimizer_reserve(lm_optimizer *o, int threads, lm_precision precision,
                               lm_error *err) {
    lm_matrices_room room = {0};
    uint64_t bytes;
    bool fits = true;
    LM_ASSERT(!o->room.base);
    for (int64_t i = 0; i < o->n_jobs; i++) {
        const unit *u = &o->units[o->jobs[i].unit];
        fits = fits && cost_of(o->groups, &o->rows[u->row].row, u->group, u->lines, precision,
                               &o->jobs[i].cost);
        lm_matrices_add(&room, &o->jobs[i].cost);
    }
    fits = fits && lm_matrices_bytes(&room, threads, &bytes);
    LM_ASSERT(fits); /* as the plan has found */
    lm_matrices_sort(o->jobs, o->n_jobs);
    return lm_arena_init(&o->room, bytes, "the optimizer's work", err);
}

void lm_optimizer_free(lm_optimizer *o) {
    if (!o) return;
    lm_arena_free(&o->room);
    lm_arena_free(&o->arena);
    free(o->pieces);
    free(o->arrays);
    free(o->states);
    free(o->jobs);
    free(o->units);
    free(o->parts);
    free(o->rows);
    free(o->groups);
    free(o);
}

/* ---- one step ---------------------------------------------------------------------------------*/

typedef struct step {
    const lm_optimizer *o;
    const lm_compute *compute;
    const lm_optimizer_step_args *args;
} step;

/* Of `count` elements of the unit, from `first` of its row on. */
static lm_update make_update(const step *s, const unit *u, int64_t first, int64_t count) {
    const lm_optimizer_options *options = &s->o->groups[u->group];
    const lm_optimizer_row *r = &s->o->rows[u->row].row;
    const lm_optimizer_step_args *a = s->args;
    double lr = a->lr[u->group];
    double momentum = a->momentum ? a->momentum[u->group] : options->momentum;
    double decay = a->weight_decay ? a->weight_decay[u->group] : options->weight_decay;
    bool decays = u->kind->uses & LM_USES_WEIGHT_DECAY;
    return (lm_update){.compute = s->compute,
                       .options = options,
                       .row = r,
                       .first = first,
                       .count = count,
                       .lines = u->lines,
                       .long_first = u->long_first,
                       .step = a->step,
                       .steps = a->steps,
                       .step_tokens = a->step_tokens,
                       .tokens = a->tokens,
                       .lr = (float)lr,
                       .momentum = momentum,
                       .decay = decays ? (float)(lr * decay) : 0.0f,
                       .grad_scale = (float)a->grad_scale,
                       .gradients = a->gradients + r->offset + first,
                       .weights = a->weights + r->offset + first,
                       .states = u->states};
}

static void step_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const step *s = argument;
    const piece *p = &s->o->pieces[task];
    const unit *u = &s->o->units[p->unit];
    lm_update update = make_update(s, u, p->first, p->count);
    u->kind->elements(&update);
}

static lm_update make_matrix_update(const void *argument, int64_t unit_, const lm_compute *compute,
                                    const lm_optimizer_kind **kind) {
    const step *s = argument;
    const unit *u = &s->o->units[unit_];
    lm_update update = make_update(s, u, u->first, u->count);
    update.compute = compute;
    *kind = u->kind;
    return update;
}

void lm_optimizer_step(lm_optimizer *o, const lm_compute *compute,
                       const lm_optimizer_step_args *args) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_OPTIMIZER);
    LM_ASSERT(args->step >= 1);
    step s = {.o = o, .compute = compute, .args = args};
    lm_pool_run(compute->pool, o->n_pieces, step_task, &s);
    lm_matrices_run(compute, o->jobs, o->n_jobs, make_matrix_update, &s, &o->room);
    lm_phase_leave(compute->phases, before);
}
