#include "interop/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/transfer.h"

static const lm_param *find(const lm_param *rows, int64_t n, const char *name) {
    for (int64_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

/* y [C] = norm(x): nn/norm.h. bias may be NULL. */
static void norm_row(const lm_model_options *o, const float *x, const float *weight,
                     const float *bias, float *y) {
    const int64_t n = o->d_model;
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n && o->norm == LM_NORM_LAYERNORM; i++) mean += (double)x[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean);
    double rstd = 1 / sqrt(square / (double)n + o->norm_eps);
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(((double)x[i] - mean) * rstd * (double)weight[i] +
                       (bias ? (double)bias[i] : 0));
}

bool lm_interop_folds(const lm_model_options *ours) {
    return ours->embedding_norm || ours->parametrization != LM_STANDARD;
}

/* Rows [first, first + n) of a matrix, or elements of a vector, times a number. */
static void multiply(const lm_param *row, int64_t first, int64_t n, double times, float *folded) {
    const int64_t width = row->ndim == 2 ? row->shape[1] : 1;
    float *x = folded + row->offset + first * width;
    for (int64_t i = 0; i < n * width; i++) x[i] = (float)(times * (double)x[i]);
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

/* Of a row `there`, which holds our weights. */
static void fold_multipliers(const lm_model_options *ours, const lm_param *row, float *folded) {
    static const char *const last[] = {".attn.proj.weight", ".attn.proj.bias", ".mlp.proj.weight",
                                       ".mlp.proj.bias"};
    lm_model_options plain = *ours;
    plain.parametrization = LM_STANDARD;
    const lm_multipliers times = lm_model_multipliers(ours), without = lm_model_multipliers(&plain);
    for (size_t i = 0; i < sizeof last / sizeof *last && times.branch != 1; i++)
        if (ends_with(row->name, last[i]))
            multiply(row, 0, row->shape[0], (double)times.branch, folded);
    if (strncmp(row->name, "ln_f.", 5) == 0)
        multiply(row, 0, row->shape[0], (double)times.logits, folded);
    if (row->n_parts > 0 && times.scores != without.scores) /* without qk_norm */
        multiply(row, row->parts[0].first, row->parts[0].lines,
                 (double)times.scores / (double)without.scores, folded);
}

/* The embedding with its norm. */
static void fold_norm(const lm_model_options *ours, const lm_param *from, int64_t n,
                      const float *weights, float *embedding) {
    const lm_param *wte = find(from, n, "wte.weight"), *norm = find(from, n, "ln_e.weight");
    const lm_param *bias = find(from, n, "ln_e.bias");
    LM_ASSERT(ours->position != LM_POSITION_LEARNED);
    for (int64_t v = 0; v < ours->vocab_size; v++)
        norm_row(ours, weights + wte->offset + v * ours->d_model, weights + norm->offset,
                 bias ? weights + bias->offset : NULL, embedding + v * ours->d_model);
}

lm_status lm_interop_fold(const lm_model_options *ours, const float *weights,
                          const lm_model_options *there, float *folded, lm_error *err) {
    int64_t total, n_ours = lm_model_params(ours, NULL, &total);
    int64_t n_there = lm_model_params(there, NULL, &total);
    lm_param *from = calloc((size_t)n_ours, sizeof *from);
    lm_param *to = calloc((size_t)n_there, sizeof *to);
    lm_status status = from && to ? LM_OK : lm_error_no_memory(err, NULL);
    if (status != LM_OK) goto out;
    LM_ASSERT(!there->embedding_norm && there->parametrization == LM_STANDARD);
    LM_ASSERT(!ours->embedding_norm || !there->tie_embeddings);
    lm_model_params(ours, from, &total);
    lm_model_params(there, to, &total);
    memset(folded, 0, (size_t)total * sizeof *folded);
    const lm_param *wte = find(from, n_ours, "wte.weight");
    for (int64_t i = 0; i < n_there; i++) {
        const lm_param *row = find(from, n_ours, to[i].name); /* a tied head: none */
        memcpy(folded + to[i].offset, weights + (row ? row : wte)->offset,
               (size_t)to[i].count * sizeof *folded);
        fold_multipliers(ours, &to[i], folded);
    }
    if (ours->embedding_norm)
        fold_norm(ours, from, n_ours, weights, folded + find(to, n_there, "wte.weight")->offset);
out:
    free(from);
    free(to);
    return status;
}
