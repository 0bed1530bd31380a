#include "optim/optimizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "optim/average.h"
#include "optim/kind.h"
#include "optim/lazy.h"
#include "optim/matrices.h"
#include "optim/rows.h"

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
    lm_row *rows;
    lm_optimizer_part *parts; /* of all rows */
    unit *units;
    float **states;             /* of all units */
    lm_optimizer_array *arrays; /* the first state of every row, then the second, and so on */
    int64_t *array_rows;        /* and of which row each is */
    piece *pieces;              /* of the units updated by element, those that skip left out */
    lm_lazy *lazy;              /* the units that skip */
    lm_matrix_job *jobs;        /* the others, sorted */
    int64_t n_rows, n_units, n_arrays, n_pieces, n_jobs, n_lazy;
    lm_arena arena; /* of the states */
    lm_arena room;  /* for the jobs */
    double flops;   /* of the jobs */
};

/* ---- arrays -----------------------------------------------------------------------------------*/

const lm_optimizer_array *lm_optimizer_arrays(const lm_optimizer *o, int64_t *count) {
    *count = o->n_arrays;
    return o->arrays;
}

lm_optimizer_array lm_optimizer_array_of(const lm_optimizer *o, int64_t i,
                                         const lm_optimizer_slice *slice) {
    const lm_row *r = &o->rows[o->array_rows[i]];
    return lm_rows_describe(o->groups, &r->row, r->list[lm_rows_find_state(r, o->arrays[i].state)],
                            slice);
}

void lm_optimizer_reset(lm_optimizer *o) {
    if (o->arena.used > 0) memset(o->arena.base, 0, o->arena.used);
}

const float *lm_optimizer_flat(const lm_optimizer *o, int64_t *count) {
    *count = (int64_t)(o->arena.used / sizeof(float));
    return (const float *)(const void *)o->arena.base;
}

/* ---- creating ---------------------------------------------------------------------------------*/

/* Memory for the first state of every row, then for the second, and so on. */
static void place_states(lm_optimizer *o, const lm_optimizer_slice *slice) {
    int most = 0;
    for (int64_t i = 0; i < o->n_rows; i++)
        most = o->rows[i].n_states > most ? o->rows[i].n_states : most;
    lm_optimizer_array *next = o->arrays;
    for (int s = 0; s < most; s++) {
        for (int64_t i = 0; i < o->n_rows; i++) {
            lm_row *r = &o->rows[i];
            if (s >= r->n_states) continue;
            *next = lm_rows_describe(o->groups, &r->row, r->list[s], slice);
            next->data = lm_arena_floats(&o->arena, next->count);
            r->states[s] = next->data;
            *(r->list[s]->shape == LM_STATE_LONG_SIDE ? &r->long_first : &r->first) = next->first;
            o->array_rows[next - o->arrays] = i;
            next++;
        }
    }
}

/* The unit's states, listed at `states`; returns where the next ones go. */
static float **list_unit_states(unit *u, const lm_row *r, float **states) {
    u->states = states;
    for (const lm_optimizer_state *s = u->kind->states; s->name; s++)
        *states++ = r->states[lm_rows_find_state(r, s->name)];
    return states;
}

/* Each part, or row without parts, is a unit, or several matrices that are one each; parts in a row
 * that are updated by element with the same values are one. */
static void cut_units(lm_optimizer *o) {
    unit *next = o->units;
    float **states = o->states;
    for (int64_t i = 0; i < o->n_rows; i++) {
        const lm_row *r = &o->rows[i];
        unit at = {.row = i}, *first = next;
        for (int64_t p = 0; p < lm_rows_parts(&r->row); p++) {
            lm_optimizer_part part = lm_rows_part(&r->row, p);
            at.group = part.group;
            at.kind = lm_rows_kind(o->groups, &r->row, part.group);
            int64_t n = lm_rows_matrices(o->groups, at.kind, &part);
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

/* Of the units, what the slice has. */
static void keep_slice(lm_optimizer *o, const lm_optimizer_slice *slice) {
    int64_t kept = 0;
    for (int64_t i = 0; i < o->n_units; i++) {
        unit u = o->units[i];
        int64_t offset = o->rows[u.row].row.offset, begin;
        int64_t count = lm_rows_overlap(offset + u.first, u.count, slice, &begin);
        if (count == 0) continue;
        if (u.kind->matrix) LM_ASSERT(count == u.count); /* lm_optimizer_cut */
        u.first = begin - offset;
        u.count = count;
        o->units[kept++] = u;
    }
    o->n_units = kept;
}

static void cut_pieces(lm_optimizer *o) {
    piece *next = o->pieces;
    for (int64_t i = 0; i < o->n_units; i++) {
        const unit *u = &o->units[i];
        if (u->kind->skips)
            o->lazy[o->n_lazy++] = (lm_lazy){.unit = i,
                                             .row = u->row,
                                             .lines = o->rows[u->row].row.shape[0],
                                             .columns = o->rows[u->row].row.shape[1],
                                             .first = u->first,
                                             .count = u->count};
        for (int64_t done = 0; u->kind->elements && !u->kind->skips && done < u->count;
             done += LM_ROWS_PIECE)
            *next++ = (piece){i, u->first + done, lm_min(u->count - done, LM_ROWS_PIECE)};
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
        for (int64_t p = 0; p < lm_rows_parts(&rows[i]); p++) {
            lm_optimizer_part part = lm_rows_part(&rows[i], p);
            const lm_optimizer_kind *kind = lm_rows_kind(groups, &rows[i], part.group);
            n.units += lm_rows_matrices(groups, kind, &part);
            n.states += lm_rows_states(kind);
            n.pieces += lm_divide_up(part.lines * rows[i].shape[1], LM_ROWS_PIECE);
        }
    }
    return n;
}

static void copy_rows(lm_optimizer *o, const lm_optimizer_row *rows) {
    lm_optimizer_part *next = o->parts;
    const lm_optimizer_factors none = {
        .lr = 1, .lr_gradient = 1, .lr_polar = 1, .lr_rms = 1, .eps = 1};
    for (int64_t i = 0; i < o->n_rows; i++) {
        lm_rows_list(&o->rows[i], o->groups, &rows[i]);
        o->rows[i].factors = rows[i].factors ? *rows[i].factors : none;
        o->rows[i].row.factors = NULL;
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
    o->array_rows = calloc((size_t)n.arrays + 1, sizeof *o->array_rows);
    o->pieces = calloc((size_t)n.pieces + 1, sizeof *o->pieces);
    o->lazy = calloc((size_t)n.units + 1, sizeof *o->lazy);
    if (!o->groups || !o->rows || !o->parts || !o->units || !o->jobs || !o->states || !o->arrays ||
        !o->array_rows || !o->pieces || !o->lazy)
        return false;
    memcpy(o->groups, groups, (size_t)n_groups * sizeof *groups);
    copy_rows(o, rows);
    return true;
}

lm_status lm_optimizer_create(lm_optimizer **optimizer, const lm_optimizer_options *groups,
                              int n_groups, const lm_optimizer_row *rows, int64_t n_rows,
                              lm_error *err) {
    return lm_optimizer_create_slice(optimizer, groups, n_groups, rows, n_rows, &lm_rows_all, err);
}

lm_status lm_optimizer_create_slice(lm_optimizer **optimizer, const lm_optimizer_options *groups,
                                    int n_groups, const lm_optimizer_row *rows, int64_t n_rows,
                                    const lm_optimizer_slice *slice, lm_error *err) {
    uint64_t bytes = 0;
    lm_status status = LM_OK;
    lm_optimizer *o = *optimizer = calloc(1, sizeof *o);
    bool fits = lm_optimizer_slice_bytes(groups, rows, n_rows, slice, &bytes);
    LM_ASSERT(fits); /* as the plan has found */
    if (!o || !allocate_lists(o, groups, n_groups, rows, n_rows)) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    status = lm_arena_init(&o->arena, bytes, "the optimizer's state", err);
    if (status != LM_OK) goto out;
    place_states(o, slice);
    cut_units(o);
    keep_slice(o, slice);
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
        fits = fits && lm_rows_cost(o->groups, &o->rows[u->row].row, u->group, u->lines, precision,
                                    &o->jobs[i].cost);
        lm_matrices_count(&room, &o->jobs[i].cost, 1);
    }
    for (int64_t i = 0; i < o->n_jobs; i++) lm_matrices_add(&room, &o->jobs[i].cost, threads);
    fits = fits && lm_matrices_bytes(&room, threads, &bytes);
    LM_ASSERT(fits); /* as the plan has found */
    lm_matrices_sort(o->jobs, o->n_jobs);
    o->flops = room.flops;
    return lm_arena_init(&o->room, bytes, "the optimizer's work", err);
}

void lm_optimizer_free(lm_optimizer *o) {
    if (!o) return;
    lm_arena_free(&o->room);
    lm_arena_free(&o->arena);
    free(o->lazy);
    free(o->pieces);
    free(o->arrays);
    free(o->array_rows);
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

static double factor_of(const lm_optimizer_kind *kind, const lm_optimizer_options *options,
                        const lm_optimizer_factors *f) {
    switch (kind->size) {
    case LM_UPDATE_GRADIENT:
        return f->lr_gradient;
    case LM_UPDATE_POLAR:
        return options->scale == LM_SCALE_MATCH_RMS ? f->lr_rms : f->lr_polar;
    default:
        return f->lr;
    }
}

/* Of `count` elements of the unit, from `first` of its row on. */
static lm_update make_update(const step *s, const unit *u, int64_t first, int64_t count) {
    const lm_optimizer_options *options = &s->o->groups[u->group];
    const lm_row *whole = &s->o->rows[u->row];
    const lm_optimizer_row *r = &whole->row;
    const lm_optimizer_factors *factors = &whole->factors;
    const lm_optimizer_step_args *a = s->args;
    double lr = a->lr[u->group];
    double momentum = a->momentum ? a->momentum[u->group] : options->momentum;
    double decay = a->weight_decay ? a->weight_decay[u->group] : options->weight_decay;
    bool decays = u->kind->uses & LM_USES_WEIGHT_DECAY;
    return (lm_update){.compute = s->compute,
                       .options = options,
                       .row = r,
                       .first = first - whole->first,
                       .count = count,
                       .lines = u->lines,
                       .long_first = u->long_first - whole->long_first,
                       .step = a->step,
                       .steps = a->steps,
                       .step_tokens = a->step_tokens,
                       .tokens = a->tokens,
                       .lr = (float)(lr * factor_of(u->kind, options, factors)),
                       .eps = options->eps * factors->eps,
                       .average_share = a->average_share,
                       .momentum = momentum,
                       .decay = decays ? (float)(lr * decay) : 0.0f,
                       .grad_scale = (float)a->grad_scale,
                       .gap_scale = (float)a->gap_scale,
                       .without_products = a->without_products,
                       .gradients = a->gradients + r->offset + first,
                       .weights = a->weights + r->offset + first,
                       .states = u->states};
}

static void update_piece(const void *argument, int64_t unit_, int64_t first, int64_t count) {
    const step *s = argument;
    const unit *u = &s->o->units[unit_];
    lm_update update = make_update(s, u, first, count);
    u->kind->elements(&update);
}

static void step_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const step *s = argument;
    const lm_optimizer *o = s->o;
    if (task < o->n_pieces)
        update_piece(s, o->pieces[task].unit, o->pieces[task].first, o->pieces[task].count);
    else
        lm_lazy_run(o->lazy, task - o->n_pieces, update_piece, s);
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
    lm_pool_run(compute->pool, o->n_pieces + lm_lazy_cut(o->lazy, o->n_lazy, args->lines),
                step_task, &s);
    lm_matrices_run(compute, o->jobs, o->n_jobs, o->flops, make_matrix_update, &s, &o->room);
    lm_phase_leave(compute->phases, before);
}

double lm_optimizer_next_gap(lm_optimizer *o, const lm_compute *compute, double e, double rest) {
    e *= 1 - rest;
    if (e >= LM_AVERAGE_GAP_LEAST) return e;
    for (const lm_optimizer_array *a = o->arrays; a < o->arrays + o->n_arrays; a++)
        if (strcmp(a->state, LM_AVERAGE_GAP) == 0)
            compute->kernels->scale_f32(a->count, (float)e, a->data);
    return 1;
}
