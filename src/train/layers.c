#include "train/layers.h"

#include <stdlib.h>
#include <string.h>

#include "optim/clip.h"

lm_status lm_layers_create(lm_layers *l, lm_model *model, int64_t every, uint64_t bytes,
                           lm_error *err) {
    *l = (lm_layers){.every = every};
    if (every == 0) return LM_OK;
    const lm_param *rows = lm_model_rows(model, &l->count);
    l->figures = calloc((size_t)l->count, sizeof *l->figures);
    if (!l->figures) return lm_error_no_memory(err, "figures of layers");
    for (int64_t i = 0; i < l->count; i++) l->figures[i].name = rows[i].name;
    lm_status status = lm_arena_init(&l->arena, bytes, "figures of layers", err);
    if (status == LM_OK) l->before = lm_arena_floats(&l->arena, lm_model_total(model));
    return status;
}

bool lm_layers_due(const lm_layers *l, int64_t step) {
    return l->every > 0 && step % l->every == 0;
}

void lm_layers_before(lm_layers *l, int64_t step, const lm_compute *compute, lm_model *model) {
    int64_t n;
    if (!lm_layers_due(l, step)) return;
    const lm_param *rows = lm_model_rows(model, &n);
    for (int64_t i = 0; i < n; i++)
        l->figures[i].grad_norm =
            lm_gradient_norm(compute, rows[i].count, lm_model_gradients(model) + rows[i].offset);
    memcpy(l->before, lm_model_weights(model), (size_t)lm_model_total(model) * sizeof *l->before);
}

void lm_layers_after(lm_layers *l, int64_t step, const lm_compute *compute, lm_model *model) {
    int64_t n;
    if (!lm_layers_due(l, step)) return;
    const lm_param *rows = lm_model_rows(model, &n);
    const float *weights = lm_model_weights(model);
    for (int64_t i = 0; i < n; i++) {
        const float *now = weights + rows[i].offset;
        float *before = l->before + rows[i].offset;
        for (int64_t k = 0; k < rows[i].count; k++) before[k] = now[k] - before[k];
        l->figures[i].update_norm = lm_gradient_norm(compute, rows[i].count, before);
        l->figures[i].weight_norm = lm_gradient_norm(compute, rows[i].count, now);
    }
    l->step = step;
}

bool lm_layers_has(const lm_layers *l, int64_t step) {
    return step > 0 && l->step == step;
}

void lm_layers_free(lm_layers *l) {
    free(l->figures);
    lm_arena_free(&l->arena);
    *l = (lm_layers){0};
}
