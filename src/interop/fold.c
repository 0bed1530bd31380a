#include "interop/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

lm_status lm_interop_fold(const lm_model_options *ours, const float *weights,
                          const lm_model_options *there, float *folded, lm_error *err) {
    int64_t total, n_ours = lm_model_params(ours, NULL, &total);
    int64_t n_there = lm_model_params(there, NULL, &total);
    lm_param *from = calloc((size_t)n_ours, sizeof *from);
    lm_param *to = calloc((size_t)n_there, sizeof *to);
    lm_status status = from && to ? LM_OK : lm_error_no_memory(err, NULL);
    if (status != LM_OK) goto out;
    LM_ASSERT(ours->embedding_norm && ours->position != LM_POSITION_LEARNED);
    LM_ASSERT(!there->embedding_norm && !there->tie_embeddings);
    lm_model_params(ours, from, &total);
    lm_model_params(there, to, &total);
    memset(folded, 0, (size_t)total * sizeof *folded);
    const lm_param *wte = find(from, n_ours, "wte.weight");
    const lm_param *norm = find(from, n_ours, "ln_e.weight");
    const lm_param *bias = find(from, n_ours, "ln_e.bias");
    for (int64_t i = 0; i < n_there; i++) {
        const lm_param *row = find(from, n_ours, to[i].name); /* a tied head: none */
        memcpy(folded + to[i].offset, weights + (row ? row : wte)->offset,
               (size_t)to[i].count * sizeof *folded);
    }
    float *embedding = folded + find(to, n_there, "wte.weight")->offset;
    for (int64_t v = 0; v < ours->vocab_size; v++)
        norm_row(ours, weights + wte->offset + v * ours->d_model, weights + norm->offset,
                 bias ? weights + bias->offset : NULL, embedding + v * ours->d_model);
out:
    free(from);
    free(to);
    return status;
}
