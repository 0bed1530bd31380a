#include "nn/norm.h"

#include "base/error.h"
#include "nn/sums.h"
#include "nn/tasks.h"

/* Elements that are rounded at once: with what they are rounded from, they fit the first cache. */
enum { ROUNDED_ELEMENTS = 4096 };

const char *lm_norm_name(int kind) {
    static const char *const names[LM_NORM_COUNT] = {"layernorm", "rmsnorm"};
    return kind >= 0 && kind < LM_NORM_COUNT ? names[kind] : NULL;
}

typedef struct job {
    const lm_compute *compute;
    const lm_kernels *kernels;
    const lm_norm *norm;
    int64_t chunk; /* rows per task */
    const float *x, *dy;
    lm_array y;
    float *dx;
} job;

static int64_t chunk_rows(const job *j, int64_t begin) {
    return lm_min(j->norm->rows - begin, j->chunk);
}

/* ---- scratch --------------------------------------------------------------------------------- */
/* Rows that are rounded at once, where the output is bf16. */
static int64_t rounded_rows(int64_t channels) {
    return lm_max(ROUNDED_ELEMENTS / channels, 1);
}
static float *take_rounded(lm_arena *scratch, int64_t channels) {
    return lm_arena_array(scratch, rounded_rows(channels), channels, sizeof(float));
}

size_t lm_norm_scratch_bytes(int64_t channels) {
    lm_arena forward = lm_arena_measuring(), backward = lm_arena_measuring();
    take_rounded(&forward, channels);
    lm_token_sums_take(&backward, channels);
    return lm_size_max(forward.used, backward.used);
}

/* ---- forward --------------------------------------------------------------------------------- */

static void forward_rows(const job *j, int64_t begin, int64_t rows, float *y) {
    const lm_norm *n = j->norm;
    int64_t c = n->channels;
    if (n->kind == LM_NORM_LAYERNORM)
        j->kernels->layernorm_forward_f32(rows, c, n->eps, j->x + begin * c, n->weight, n->bias, y,
                                          n->mean + begin, n->rstd + begin);
    else
        j->kernels->rmsnorm_forward_f32(rows, c, n->eps, j->x + begin * c, n->weight, y,
                                        n->rstd + begin);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const job *j = argument;
    int64_t c = j->norm->channels, begin = task * j->chunk, end = begin + chunk_rows(j, begin);
    int64_t step = j->y.type == LM_BF16 ? rounded_rows(c) : j->chunk;
    float *room = NULL;
    if (j->y.type == LM_BF16) {
        lm_arena scratch = lm_compute_scratch(j->compute, worker);
        room = take_rounded(&scratch, c);
    }
    for (int64_t i = begin; i < end; i += step) {
        int64_t rows = lm_min(end - i, step);
        lm_array y = lm_array_from(j->y, i * c);
        float *to = lm_array_target(y, room);
        forward_rows(j, i, rows, to);
        lm_array_store(j->kernels, rows * c, to, y);
    }
}

void lm_norm_forward(const lm_compute *compute, const lm_norm *norm, const float *x, lm_array y) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);
    LM_ASSERT(norm->kind == LM_NORM_LAYERNORM || !norm->bias);
    job j = {.compute = compute,
             .kernels = compute->kernels,
             .norm = norm,
             .chunk = lm_task_rows(compute, norm->rows, norm->channels),
             .x = x,
             .y = y};
    lm_pool_run(compute->pool, lm_divide_up(norm->rows, j.chunk), forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

/* ---- backward -------------------------------------------------------------------------------- */
static void add_rows(void *argument, int64_t begin, int64_t rows, int worker, float *sums) {
    const job *j = argument;
    const lm_norm *n = j->norm;
    int64_t c = n->channels;
    (void)worker;
    if (n->kind == LM_NORM_LAYERNORM)
        j->kernels->layernorm_backward_f32(rows, c, j->x + begin * c, n->weight, n->mean + begin,
                                           n->rstd + begin, j->dy + begin * c, j->dx + begin * c,
                                           sums, n->bias ? sums + c : NULL);
    else
        j->kernels->rmsnorm_backward_f32(rows, c, j->x + begin * c, n->weight, n->rstd + begin,
                                         j->dy + begin * c, j->dx + begin * c, sums);
}

void lm_norm_backward(const lm_compute *compute, const lm_norm *norm, const float *x,
                      const float *dy, float *dx, float *dweight, float *dbias) {
    LM_ASSERT(!norm->bias == !dbias);
    job j = {.kernels = compute->kernels, .norm = norm, .x = x, .dy = dy, .dx = dx};
    lm_token_sums sums = {.tokens = norm->rows,
                          .window = norm->window,
                          .elements = norm->channels,
                          .width = norm->channels,
                          .out = {dweight, dbias},
                          .add = add_rows,
                          .argument = &j};
    lm_arena scratch = lm_compute_scratch(compute, 0);
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_NORM);
    lm_token_sums_run(compute, &sums, &scratch);
    lm_phase_leave(compute->phases, before);
}
