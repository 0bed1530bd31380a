#include "train/groups.h"

#include <stdlib.h>

#include "base/numbers.h"

void lm_groups_make(const lm_optimizer_options *o, lm_optimizer_options groups[LM_GROUP_COUNT]) {
    groups[LM_GROUP_DECAYED] = groups[LM_GROUP_PLAIN] = *o;
    groups[LM_GROUP_PLAIN].weight_decay = 0;
}

lm_optimizer_row *lm_groups_rows(const lm_param *params, int64_t count) {
    lm_optimizer_row *rows = calloc((size_t)count + 1, sizeof *rows);
    for (int64_t i = 0; rows && i < count; i++)
        rows[i] = (lm_optimizer_row){.name = params[i].name,
                                     .ndim = params[i].ndim,
                                     .shape = {params[i].shape[0], params[i].shape[1]},
                                     .offset = params[i].offset,
                                     .group = params[i].decay ? LM_GROUP_DECAYED : LM_GROUP_PLAIN};
    return rows;
}

/* Those of a model of so many layers. */
static lm_status plan_layers(lm_groups_plan *p, const lm_config *c, int64_t n_layers,
                             lm_error *err) {
    lm_model_options o = c->model;
    lm_optimizer_options groups[LM_GROUP_COUNT];
    int64_t total;
    o.n_layers = n_layers;
    int64_t n = lm_model_params(&o, NULL, &total);
    *p = (lm_groups_plan){.fits = total >= 0};
    if (!p->fits) return LM_OK;
    lm_param *params = calloc((size_t)n + 1, sizeof *params);
    lm_optimizer_row *rows = NULL;
    if (params) {
        lm_model_params(&o, params, &total);
        rows = lm_groups_rows(params, n);
    }
    lm_groups_make(&c->optimizer, groups);
    lm_status status = rows ? LM_OK : lm_error_no_memory(err, NULL);
    if (rows) {
        p->fits = lm_optimizer_bytes(groups, rows, n, &p->bytes);
        p->arrays = n + lm_optimizer_array_count(groups, rows, n);
    }
    free(rows);
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
