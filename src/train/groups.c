#include "train/groups.h"

#include <stdlib.h>

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

/* The states of a model of so many layers. */
static lm_status bytes_of(const lm_config *c, int64_t n_layers, uint64_t *bytes, bool *fits,
                          lm_error *err) {
    lm_model_options o = c->model;
    lm_optimizer_options groups[LM_GROUP_COUNT];
    int64_t total;
    o.n_layers = n_layers;
    int64_t n = lm_model_params(&o, NULL, &total);
    *fits = total >= 0;
    if (!*fits) return LM_OK;
    lm_param *params = calloc((size_t)n + 1, sizeof *params);
    lm_optimizer_row *rows = NULL;
    if (params) {
        lm_model_params(&o, params, &total);
        rows = lm_groups_rows(params, n);
    }
    lm_groups_make(&c->optimizer, groups);
    lm_status status = rows ? LM_OK : lm_error_no_memory(err, NULL);
    if (rows) *fits = lm_optimizer_bytes(groups, rows, n, bytes);
    free(rows);
    free(params);
    return status;
}

/* Layers are alike: models of one and of two give what all of them need. */
lm_status lm_groups_bytes(const lm_config *c, uint64_t *bytes, bool *fits, lm_error *err) {
    uint64_t one = 0, two = 0, more;
    lm_status status = bytes_of(c, 1, &one, fits, err);
    if (status == LM_OK && *fits) status = bytes_of(c, 2, &two, fits, err);
    if (status != LM_OK || !*fits) return status;
    *fits = lm_u64_mul(two - one, (uint64_t)c->model.n_layers - 1, &more) &&
            lm_u64_add(one, more, bytes);
    return LM_OK;
}
