/* Updates by element of a preset's weights, as a share of what memory allows: in turns with them, a
 * stream goes over the same arrays, reads the gradient, reads and writes all others, and computes
 * nothing. Of an optimizer that updates matrices by products: what it does beside these, to the
 * matrices alone. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/numbers.h"
#include "bench/report.h"
#include "bench/sections.h"
#include "bench/training.h"
#include "ops/gemm.h"
#include "train/groups.h"

enum { PIECE = 65536 }; /* elements of a task of the stream */

typedef struct work {
    lm_compute compute;
    lm_param *params;
    lm_groups groups;
    lm_optimizer *optimizer;
    lm_optimizer_step_args args;
    double *rates; /* [groups] */
    lm_arena arena;
    float *gradients, *weights; /* [total] */
    int64_t total;
    int64_t count;                 /* elements that are updated */
    int written;                   /* arrays, beside the gradient, which is read */
    float *write[LM_STREAMS_MOST]; /* [count] each */
} work;

/* ---- what is measured -------------------------------------------------------------------------*/

static void run(void *argument) {
    work *w = argument;
    lm_optimizer_step(w->optimizer, &w->compute, &w->args);
}

static void stream_task(void *argument, int64_t task, int worker) {
    const work *w = argument;
    int64_t begin = task * PIECE;
    float *written[LM_STREAMS_MOST] = {0};
    (void)worker;
    for (int k = 0; k < w->written; k++) written[k] = w->write[k] + begin;
    w->compute.kernels->stream_f32(lm_min(PIECE, w->count - begin), w->gradients + begin,
                                   w->written, written);
}

static double bytes_of(const work *w) {
    return (double)w->count * sizeof(float) * (1 + 2 * w->written);
}

static double limit(void *argument) {
    work *w = argument;
    double start = lm_clock_seconds();
    lm_pool_run(w->compute.pool, lm_divide_up(w->count, PIECE), stream_task, w);
    return bytes_of(w) / (lm_clock_seconds() - start);
}

/* ---- making it --------------------------------------------------------------------------------*/

static bool has_products(int kind) {
    return lm_optimizer_uses(kind) & LM_USES_POLAR;
}

/* The matrices of layers. */
static void keep_matrices(work *w) {
    lm_groups *g = &w->groups;
    int64_t n = 0;
    w->count = 0;
    for (int64_t i = 0; i < g->n_rows; i++) {
        if (!g->rows[i].hidden) continue;
        w->count += g->rows[i].shape[0] * g->rows[i].shape[1];
        g->rows[n++] = g->rows[i];
    }
    g->n_rows = n;
}

static lm_status make_optimizer(work *w, const lm_config *c, int64_t n_rows, lm_error *err) {
    lm_status status = lm_groups_make(&w->groups, c, w->params, n_rows, err);
    if (status != LM_OK) return status;
    const lm_groups *g = &w->groups;
    w->count = w->total;
    if (has_products(c->optimizer.kind)) keep_matrices(w);
    if (!(w->rates = malloc((size_t)g->count * sizeof *w->rates)))
        return lm_error_no_memory(err, NULL);
    for (int i = 0; i < g->count; i++) w->rates[i] = 1e-6;
    status = lm_optimizer_create(&w->optimizer, g->options, g->count, g->rows, g->n_rows, err);
    if (status == LM_OK)
        status = lm_optimizer_reserve(w->optimizer, lm_pool_threads(w->compute.pool), LM_FP32, err);
    if (status != LM_OK) return status;
    int64_t count;
    const float *states = lm_optimizer_flat(w->optimizer, &count); /* one after the other */
    int64_t arrays = count / w->count; /* and what each line or column has */
    LM_ASSERT(1 + arrays <= LM_STREAMS_MOST);
    for (int64_t i = 0; i < arrays; i++)
        w->write[w->written++] = (float *)(uintptr_t)(states + i * w->count);
    return LM_OK;
}

static lm_status make_arrays(work *w, lm_error *err) {
    size_t bytes = lm_size_align((size_t)w->total * sizeof(float));
    lm_status status = lm_arena_init(&w->arena, 2 * bytes, "weights and gradients", err);
    if (status != LM_OK) return status;
    w->weights = lm_arena_floats(&w->arena, w->total);
    w->gradients = lm_arena_floats(&w->arena, w->total);
    for (int64_t i = 0; i < w->total; i++) {
        w->gradients[i] = (float)(i * 37 % 101 - 50) * 1e-3f;
        w->weights[i] = (float)(i * 41 % 103 - 51) * 1e-3f;
    }
    return LM_OK;
}

/* The preset that is asked for, or the largest. */
static int preset_of(const lm_bench *b) {
    return b->o->preset >= 0 ? b->o->preset : 0;
}

static lm_status load(const lm_bench *b, int kind, lm_config *c, lm_error *err) {
    const lm_bench_options *o = b->o;
    char name[64];
    const char **set = malloc((size_t)(o->n_overrides + 1) * sizeof *set);
    if (!set) return lm_error_no_memory(err, NULL);
    snprintf(name, sizeof name, "optimizer.name=%s", lm_optimizer_name(kind));
    for (int i = 0; i < o->n_overrides; i++) set[i] = o->overrides[i];
    set[o->n_overrides] = name;
    lm_status status = lm_bench_preset_load(c, preset_of(b), "-", set, o->n_overrides + 1, err);
    free(set);
    return status == LM_OK ? lm_model_resolve(&c->model, err) : status;
}

static lm_status make(lm_bench *b, work *w, int kind, lm_error *err) {
    lm_config c = {0};
    lm_status status = load(b, kind, &c, err);
    if (status != LM_OK) goto out;
    int64_t n = lm_model_params(&c.model, NULL, &w->total);
    if (!(w->params = malloc((size_t)n * sizeof *w->params))) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    lm_model_params(&c.model, w->params, &w->total);
    w->compute = b->session.compute;
    w->compute.scratch = (lm_arena){0}; /* its own */
    status = lm_compute_reserve(&w->compute, lm_gemm_scratch_bytes(), err);
    if (status != LM_OK || (status = make_arrays(w, err)) != LM_OK) goto out;
    w->write[w->written++] = w->weights;
    if ((status = make_optimizer(w, &c, n, err)) != LM_OK) goto out;
    w->args = (lm_optimizer_step_args){.lr = w->rates,
                                       .step = 1000,
                                       .steps = 10000,
                                       .average_share = 0.001,
                                       .grad_scale = 0.5,
                                       .without_products = true,
                                       .gradients = w->gradients,
                                       .weights = w->weights};
out:
    lm_config_free(&c);
    return status;
}

static void free_work(work *w) {
    lm_compute_free(&w->compute);
    lm_optimizer_free(w->optimizer);
    lm_groups_free(&w->groups);
    lm_arena_free(&w->arena);
    free(w->rates);
    free(w->params);
}

/* ---- rows -------------------------------------------------------------------------------------*/

static void name_row(const lm_bench *b, lm_bench_row *row, int kind, bool one) {
    snprintf(row->name, sizeof row->name, "%s %s%s%s", lm_bench_preset_name(preset_of(b)),
             lm_optimizer_name(kind), has_products(kind) ? " beside its products" : "",
             one ? ", one thread" : "");
}

static lm_status measure(lm_bench *b, work *w, int kind, bool one, lm_error *err) {
    lm_bench_row row = {.section = LM_BENCH_OPTIMIZERS, .moves = true, .work = bytes_of(w)};
    name_row(b, &row, kind, one);
    if (!lm_bench_wants(b, row.name) || lm_bench_stopped()) return LM_OK;
    w->compute.pool = one ? b->peaks.one : b->session.compute.pool;
    lm_bench_subject s = {.run = run,
                          .argument = w,
                          .peak = one ? LM_BENCH_PEAK_MEMORY_ONE : LM_BENCH_PEAK_MEMORY,
                          .limit = limit,
                          .seconds = 5 * b->o->seconds};
    lm_bench_measure_row(b, &s, &row);
    lm_json_writer json = {.out = &row.json};
    lm_json_object(&json, NULL, LM_JSON_LINE);
    lm_json_integer(&json, "bytes_per_element", (1 + 2 * w->written) * (int)sizeof(float));
    lm_json_end(&json);
    lm_text_printf(&row.table,
                   "  %d bytes an element: the gradient read, %d array%s read and"
                   " written\n",
                   (1 + 2 * w->written) * (int)sizeof(float), w->written,
                   w->written == 1 ? "" : "s");
    return lm_bench_report(b, &row, err);
}

/* On all threads, then on one. */
static lm_status run_kind(lm_bench *b, int kind, lm_error *err) {
    work w = {0};
    lm_bench_row row[2];
    for (int one = 0; one < 2; one++) name_row(b, &row[one], kind, one);
    if (!lm_bench_wants(b, row[0].name) && !lm_bench_wants(b, row[1].name)) return LM_OK;
    lm_status status = make(b, &w, kind, err);
    for (int one = 0; one < 2 && status == LM_OK; one++)
        if (!one || b->threads > 1) status = measure(b, &w, kind, one, err);
    free_work(&w);
    return status;
}

lm_status lm_bench_optimizers(lm_bench *b, lm_error *err) {
    lm_status status =
        lm_bench_begin(b, LM_BENCH_OPTIMIZERS,
                       "updates by element, shares of a stream that reads and writes the same"
                       " arrays, in turns with them",
                       err);
    for (int i = 0; lm_optimizer_name(i) && status == LM_OK && !lm_bench_stopped(); i++)
        status = run_kind(b, i, err);
    lm_bench_end(b);
    return status;
}
