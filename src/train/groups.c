#include "train/groups.h"

#include <stdlib.h>

#include "base/numbers.h"

enum {
    DECAYED, /* matrices and embeddings */
    PLAIN,   /* norms and biases: no weight decay */
    GROUPS
};

static void make_row(lm_optimizer_row *row, lm_optimizer_part *parts, const lm_param *p) {
    *row = (lm_optimizer_row){.name = p->name,
                              .ndim = p->ndim,
                              .shape = {p->shape[0], p->shape[1]},
                              .offset = p->offset,
                              .hidden = p->role == LM_ROLE_HIDDEN,
                              .group = p->decay ? DECAYED : PLAIN,
                              .n_parts = p->n_parts,
                              .parts = parts};
    for (int i = 0; i < p->n_parts; i++)
        parts[i] = (lm_optimizer_part){
            .lines = p->parts[i].lines, .head = p->parts[i].head, .group = row->group};
}

lm_status lm_groups_make(lm_groups *g, const lm_config *c, const lm_param *params, int64_t n,
                         lm_error *err) {
    size_t parts = 0;
    *g = (lm_groups){.count = GROUPS, .n_rows = n};
    for (int64_t i = 0; i < n; i++) parts += (size_t)params[i].n_parts;
    g->options = calloc(GROUPS, sizeof *g->options);
    g->rows = calloc((size_t)n + 1, sizeof *g->rows);
    g->parts = calloc(parts + 1, sizeof *g->parts);
    if (!g->options || !g->rows || !g->parts) {
        lm_groups_free(g);
        return lm_error_no_memory(err, NULL);
    }
    g->options[DECAYED] = g->options[PLAIN] = c->optimizer;
    g->options[PLAIN].weight_decay = 0;
    lm_optimizer_part *next = g->parts;
    for (int64_t i = 0; i < n; i++) {
        make_row(&g->rows[i], next, &params[i]);
        next += params[i].n_parts;
    }
    return LM_OK;
}

void lm_groups_free(lm_groups *g) {
    free(g->options);
    free(g->rows);
    free(g->parts);
    *g = (lm_groups){0};
}

/* Those of a model of so many layers. */
static lm_status plan_layers(lm_groups_plan *p, const lm_config *c, int64_t n_layers,
                             lm_error *err) {
    lm_model_options o = c->model;
    lm_groups g = {0};
    int64_t total;
    o.n_layers = n_layers;
    int64_t n = lm_model_params(&o, NULL, &total);
    *p = (lm_groups_plan){.fits = total >= 0};
    if (!p->fits) return LM_OK;
    lm_param *params = calloc((size_t)n + 1, sizeof *params);
    if (!params) return lm_error_no_memory(err, NULL);
    lm_model_params(&o, params, &total);
    lm_status status = lm_groups_make(&g, c, params, n, err);
    if (status == LM_OK) {
        p->fits = lm_optimizer_bytes(g.options, g.rows, n, &p->bytes);
        p->arrays = n + lm_optimizer_array_count(g.options, g.rows, n);
    }
    lm_groups_free(&g);
    free(params);
    return status;
}

/* Layers are alike: models of one and of two give what all of them need. */
lm_status lm_groups_plan_make(lm_groups_plan *p, const lm_config *c, lm_error *err) {
    lm_groups_plan two;
    int64_t layers = c->model.n_layers - 1;
    uint64_t bytes;
    lm_status status = plan_layers(p, c, 1, err);
    if (status != LM_OK || !p->fits) return status;
    status = plan_layers(&two, c, 2, err);
    p->fits = status == LM_OK && two.fits &&
              lm_u64_mul(two.bytes - p->bytes, (uint64_t)layers, &bytes) &&
              lm_u64_add(p->bytes, bytes, &p->bytes) &&
              lm_count_mul(two.arrays - p->arrays, layers, &layers) &&
              lm_count_add(p->arrays, layers, &p->arrays);
    return status;
}
