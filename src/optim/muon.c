/* Muon (Jordan et al. 2024) for the matrices of layers, AdamW for the rest. With the momentum M of
 * a matrix W [out, in] and mu = momentum:
 *
 *     M <- mu M + (1 - mu) G                  a mean, not a sum
 *     O <- polar((1 - mu) G + mu M)           Nesterov's look ahead; polar.h
 *     W <- W - eta lambda W - eta s O
 *
 * s is one of lm_matrix_scale. NorMuon (Li et al. 2025) evens out the sizes of neurons in between:
 * with q_i the mean square of the i-th line of O (of its i-th column, where columns are more),
 *
 *     v_i <- beta v_i + (1 - beta) q_i
 *     O_i <- O_i / sqrt(v_i),   then O is brought back to the norm it had
 *
 * Queries, keys and values are matrices of their own; with per_head each head of queries and keys
 * is. Products are computed at the precision of the run. */
#include "optim/polar.h"

#include <math.h>

#include "optim/clip.h"
#include "optim/kind.h"

enum {
    PIECE = LM_NORM_RUN, /* elements of a task */
    COLUMNS = 256,       /* columns that a task sums */
    MOMENTUM = 0,        /* states */
    SECOND = 1
};
#define V_LEAST 1e-10f /* of v_i */

const char *lm_matrix_scale_name(int scale) {
    static const char *const names[LM_SCALE_COUNT] = {"match_rms", "spectral", "aspect"};
    return scale >= 0 && scale < LM_SCALE_COUNT ? names[scale] : NULL;
}

static double scale_of(int scale, double out, double in) {
    switch (scale) {
    case LM_SCALE_SPECTRAL:
        return sqrt(out / in);
    case LM_SCALE_ASPECT:
        return out > in ? sqrt(out / in) : 1;
    default:
        return 0.2 * sqrt(out > in ? out : in);
    }
}

/* The matrix on its way. */
typedef struct work {
    const lm_update *u;
    int64_t lines, columns;
    float *o;       /* [lines, columns] */
    float *squares; /* [long side]: q_i, then factors */
    double *sums;   /* of the squares of pieces of o */
    float lr;       /* eta s */
} work;

/* ---- the momentum -----------------------------------------------------------------------------*/

static void momentum_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const work *w = argument;
    const lm_update *u = w->u;
    int64_t i = task * PIECE, n = lm_min(u->count - i, PIECE);
    float momentum = (float)u->momentum, rest = (float)(1 - u->momentum);
    u->compute->kernels->mean_momentum_f32(n, momentum, rest, u->grad_scale, u->gradients + i,
                                           u->states[MOMENTUM] + u->first + i, w->o + i);
    w->sums[task] = (double)u->compute->kernels->sum_squares_f32(n, w->o + i);
}

/* ---- NorMuon ----------------------------------------------------------------------------------*/

static void square_lines_task(void *argument, int64_t line, int worker) {
    (void)worker;
    const work *w = argument;
    w->squares[line] =
        w->u->compute->kernels->sum_squares_f32(w->columns, w->o + line * w->columns);
}

static void square_columns_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const work *w = argument;
    int64_t first = task * COLUMNS, n = lm_min(w->columns - first, COLUMNS);
    float *sums = w->squares + first;
    for (int64_t j = 0; j < n; j++) sums[j] = 0;
    for (int64_t i = 0; i < w->lines; i++) {
        const float *o = w->o + i * w->columns + first;
        for (int64_t j = 0; j < n; j++) sums[j] += o[j] * o[j];
    }
}

static void multiply_line_task(void *argument, int64_t line, int worker) {
    (void)worker;
    const work *w = argument;
    w->u->compute->kernels->mul_f32(w->columns, w->squares, w->o + line * w->columns);
}

/* squares[i], the sum of squares of a line or column of `other` elements, becomes its factor. */
static void make_factors(work *w, int64_t n, int64_t other) {
    const float beta = (float)w->u->options->line_beta2;
    float *v = w->u->states[SECOND] + w->u->long_first;
    double before = 0, after = 0;
    for (int64_t i = 0; i < n; i++) {
        float q = w->squares[i] / (float)other;
        v[i] = v[i] * beta + (float)(1 - w->u->options->line_beta2) * q;
        float factor = 1 / sqrtf(v[i] > V_LEAST ? v[i] : V_LEAST);
        before += (double)w->squares[i];
        after += (double)w->squares[i] * (double)factor * (double)factor;
        w->squares[i] = factor;
    }
    float back = after > 0 ? (float)sqrt(before / after) : 1;
    for (int64_t i = 0; i < n; i++) w->squares[i] *= back;
}

static void even_out(work *w) {
    lm_pool *pool = w->u->compute->pool;
    if (w->lines >= w->columns) {
        lm_pool_run(pool, w->lines, square_lines_task, w);
        make_factors(w, w->lines, w->columns);
    } else {
        lm_pool_run(pool, lm_divide_up(w->columns, COLUMNS), square_columns_task, w);
        make_factors(w, w->columns, w->lines);
        lm_pool_run(pool, w->lines, multiply_line_task, w);
    }
}

/* ---- the update -------------------------------------------------------------------------------*/

static void subtract_task(void *argument, int64_t line, int worker) {
    (void)worker;
    const work *w = argument;
    const lm_update *u = w->u;
    bool own = w->u->options->line_beta2 > 0 && w->lines >= w->columns;
    float lr = own ? w->lr * w->squares[line] : w->lr;
    const lm_sgd_coefficients c = {
        .lr = lr, .decay = u->decay, .grad_scale = 1, .cautious = u->options->cautious};
    u->compute->kernels->sgd_f32(w->columns, &c, w->o + line * w->columns,
                                 u->weights + line * w->columns);
}

static void update(const lm_update *u, lm_arena *room) {
    const lm_compute *c = u->compute;
    const int64_t pieces = lm_divide_up(u->count, PIECE);
    work w = {.u = u, .lines = u->lines, .columns = u->row->shape[1]};
    w.squares = lm_arena_floats(room, lm_max(w.lines, w.columns));
    w.o = lm_arena_floats(room, u->count);
    w.sums = lm_arena_take(room, (size_t)pieces * sizeof *w.sums);
    lm_pool_run(c->pool, pieces, momentum_task, &w);
    double scale = lm_polar_scale(u->options->polar, lm_norm_of_sums(u->count, w.sums));
    if (!u->without_products)
        w.o = lm_polar(c, u->options->polar, w.lines, w.columns, (float)scale, w.o, room);
    if (u->options->line_beta2 > 0) even_out(&w);
    w.lr = u->lr * (float)scale_of(u->options->scale, (double)w.lines, (double)w.columns);
    lm_pool_run(c->pool, w.lines, subtract_task, &w);
}

static bool cost(const lm_update *u, lm_precision precision, lm_matrix_cost *out) {
    int64_t columns = u->row->shape[1];
    uint64_t own;
    out->flops = lm_polar_flops(u->lines, columns, precision);
    if (!lm_polar_room(u->lines, columns, &out->bytes)) return false;
    own = lm_size_align((size_t)lm_max(u->lines, columns) * sizeof(float)) +
          lm_size_align((size_t)u->count * sizeof(float)) +
          lm_size_align((size_t)lm_divide_up(u->count, PIECE) * sizeof(double));
    return lm_u64_add(out->bytes, own, &out->bytes);
}

extern const lm_optimizer_kind lm_optimizer_adamw;

const lm_optimizer_kind lm_optimizer_muon = {
    .name = "muon",
    .uses = LM_USES_BETA1 | LM_USES_BETA2 | LM_USES_EPS | LM_USES_MOMENTUM | LM_USES_WEIGHT_DECAY |
            LM_USES_POLAR | LM_USES_BETA2_TOKENS | LM_USES_LAZY,
    .states = (const lm_optimizer_state[]){{"momentum", LM_STATE_LIKE_ROW},
                                           {"second", LM_STATE_LONG_SIDE},
                                           {0}},
    .size = LM_UPDATE_POLAR,
    .matrix = update,
    .cost = cost,
    .others = &lm_optimizer_adamw};
