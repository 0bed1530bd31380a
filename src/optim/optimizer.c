#include "optim/optimizer.h"

#include <stdlib.h>
#include <string.h>

#include "optim/kind.h"

/* Elements that a task updates at most. Any length gives the same bits. This one takes far longer
 * than handing out a task, and is short enough to share the rows of a small model among threads. */
#define PIECE ((int64_t)65536)

/* A row, its kind and its states. */
typedef struct row {
    lm_optimizer_row row;
    const lm_optimizer_kind *kind;
    float **states;
} row;

/* Elements of one row for a task. */
typedef struct piece {
    int64_t row, first, count;
} piece;

struct lm_optimizer {
    lm_optimizer_options *groups;
    row *rows;
    float **states; /* of all rows */
    lm_optimizer_array *arrays;
    piece *pieces; /* of the rows updated by element */
    int64_t n_rows, n_arrays, n_pieces;
    lm_arena arena; /* of the states */
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

/* ---- states -----------------------------------------------------------------------------------*/

static int64_t row_elements(const lm_optimizer_row *r) {
    return r->shape[0] * r->shape[1];
}

static int state_count(const lm_optimizer_kind *kind) {
    int n = 0;
    while (kind->states[n].name) n++;
    return n;
}

/* The `index`-th state of a row; data is left out. */
static lm_optimizer_array describe(const lm_optimizer_row *r, const lm_optimizer_kind *kind,
                                   int index) {
    const lm_optimizer_state *s = &kind->states[index];
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
    }
    return a;
}

bool lm_optimizer_bytes(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                        int64_t n_rows, uint64_t *bytes) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        const lm_optimizer_kind *kind = find(groups[rows[i].group].kind);
        LM_ASSERT(kind);
        for (int s = 0; s < state_count(kind); s++) {
            lm_optimizer_array a = describe(&rows[i], kind, s);
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
    for (int64_t i = 0; i < n_rows; i++) n += state_count(find(groups[rows[i].group].kind));
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

/* ---- creating ---------------------------------------------------------------------------------*/

/* Memory for the first state of every row, then for the second, and so on. */
static void place_states(lm_optimizer *o) {
    float **at = o->states;
    int most = 0;
    for (int64_t i = 0; i < o->n_rows; i++) {
        int n = state_count(o->rows[i].kind);
        o->rows[i].states = at;
        at += n;
        if (n > most) most = n;
    }
    lm_optimizer_array *next = o->arrays;
    for (int s = 0; s < most; s++) {
        for (int64_t i = 0; i < o->n_rows; i++) {
            row *r = &o->rows[i];
            if (s >= state_count(r->kind)) continue;
            *next = describe(&r->row, r->kind, s);
            next->data = lm_arena_floats(&o->arena, next->shape[0] * next->shape[1]);
            r->states[s] = next->data;
            next++;
        }
    }
}

static void cut_pieces(lm_optimizer *o) {
    piece *next = o->pieces;
    for (int64_t i = 0; i < o->n_rows; i++) {
        int64_t elements = row_elements(&o->rows[i].row);
        for (int64_t first = 0; o->rows[i].kind->elements && first < elements; first += PIECE)
            *next++ = (piece){i, first, lm_min(elements - first, PIECE)};
    }
    o->n_pieces = next - o->pieces;
}

/* Copies groups and rows, counts arrays and pieces, and allocates the lists of them. */
static bool allocate_lists(lm_optimizer *o, const lm_optimizer_options *groups, int n_groups,
                           const lm_optimizer_row *rows, int64_t n_rows) {
    int64_t pieces = 0;
    o->groups = calloc((size_t)n_groups + 1, sizeof *o->groups);
    o->rows = calloc((size_t)n_rows + 1, sizeof *o->rows);
    if (!o->groups || !o->rows) return false;
    memcpy(o->groups, groups, (size_t)n_groups * sizeof *groups);
    o->n_rows = n_rows;
    for (int64_t i = 0; i < n_rows; i++) {
        const lm_optimizer_row *r = &rows[i];
        LM_ASSERT(r->group >= 0 && r->group < n_groups);
        o->rows[i] = (row){.row = *r, .kind = find(groups[r->group].kind)};
        LM_ASSERT(o->rows[i].kind->elements || r->ndim == 2);
        o->n_arrays += state_count(o->rows[i].kind);
        pieces += lm_divide_up(row_elements(r), PIECE);
    }
    o->states = calloc((size_t)o->n_arrays + 1, sizeof *o->states);
    o->arrays = calloc((size_t)o->n_arrays + 1, sizeof *o->arrays);
    o->pieces = calloc((size_t)pieces + 1, sizeof *o->pieces);
    return o->states && o->arrays && o->pieces;
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
    cut_pieces(o);
out:
    if (status != LM_OK) {
        lm_optimizer_free(o);
        *optimizer = NULL;
    }
    return status;
}

void lm_optimizer_free(lm_optimizer *o) {
    if (!o) return;
    lm_arena_free(&o->arena);
    free(o->pieces);
    free(o->arrays);
    free(o->states);
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

static lm_update make_update(const step *s, const row *r, int64_t first, int64_t count) {
    const lm_optimizer_options *options = &s->o->groups[r->row.group];
    double lr = s->args->lr[r->row.group];
    bool decays = r->kind->uses & LM_USES_WEIGHT_DECAY;
    return (lm_update){.compute = s->compute,
                       .options = options,
                       .row = &r->row,
                       .first = first,
                       .count = count,
                       .step = s->args->step,
                       .lr = (float)lr,
                       .decay = decays ? (float)(lr * options->weight_decay) : 0.0f,
                       .grad_scale = (float)s->args->grad_scale,
                       .gradients = s->args->gradients + r->row.offset + first,
                       .weights = s->args->weights + r->row.offset + first,
                       .states = r->states};
}

static void step_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const step *s = argument;
    const piece *p = &s->o->pieces[task];
    const row *r = &s->o->rows[p->row];
    lm_update u = make_update(s, r, p->first, p->count);
    r->kind->elements(&u);
}

void lm_optimizer_step(lm_optimizer *o, const lm_compute *compute,
                       const lm_optimizer_step_args *args) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_OPTIMIZER);
    LM_ASSERT(args->step >= 1);
    step s = {.o = o, .compute = compute, .args = args};
    lm_pool_run(compute->pool, o->n_pieces, step_task, &s);
    for (int64_t i = 0; i < o->n_rows; i++) {
        const row *r = &o->rows[i];
        if (!r->kind->matrix) continue;
        lm_update u = make_update(&s, r, 0, row_elements(&r->row));
        r->kind->matrix(&u);
    }
    lm_phase_leave(compute->phases, before);
}
