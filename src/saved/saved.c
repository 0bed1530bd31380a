#include "saved/saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* ---- arrays ------------------------------------------------------------------------------------*/

lm_checkpoint_array *lm_saved_arrays(const lm_model *m, int optimizer, float *weights,
                                     float *const *states, int n_states, int64_t *count) {
    int64_t rows;
    const lm_param *params = lm_model_rows(m, &rows);
    *count = rows * (1 + n_states);
    lm_checkpoint_array *arrays = calloc((size_t)*count, sizeof *arrays);
    if (!arrays) return NULL;
    for (int state = -1; state < n_states; state++) {
        const char *prefix = state < 0 ? "" : lm_optimizer_state_name(optimizer, state);
        float *flat = state < 0 ? weights : states[state];
        for (int64_t i = 0; i < rows; i++) {
            lm_checkpoint_array *a = &arrays[(state + 1) * rows + i];
            int n = snprintf(a->name, sizeof a->name, "%s%s%s", prefix, state < 0 ? "" : "/",
                             params[i].name);
            LM_ASSERT(n > 0 && n < (int)sizeof a->name);
            a->ndim = params[i].ndim;
            for (int d = 0; d < a->ndim; d++) a->shape[d] = params[i].shape[d];
            a->data = flat + params[i].offset;
        }
    }
    return arrays;
}

/* ---- a saved model -----------------------------------------------------------------------------*/

/* The checkpoint that path means: *file malloc'd. */
static lm_status resolve(const char *path, lm_pool *pool, char **file, lm_text *skipped,
                         lm_error *err) {
    *file = NULL;
    if (!lm_file_is_directory(path)) {
        *file = strdup(path);
        return *file ? LM_OK : lm_error_no_memory(err, path);
    }
    char *inside = lm_file_join(path, "checkpoints");
    if (!inside) return lm_error_no_memory(err, path);
    const char *directory = lm_file_is_directory(inside) ? inside : path;
    lm_status status = lm_checkpoint_newest(directory, pool, file, skipped, err);
    if (status == LM_OK && !*file)
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: expected a checkpoint (step-*.npz), found no good one%s%s",
                              directory, skipped->length ? ":\n" : "", lm_text_cstr(skipped));
    free(inside);
    return status;
}

lm_status lm_saved_open(lm_saved *s, const char *path, lm_pool *pool, lm_text *skipped,
                        lm_error *err) {
    memset(s, 0, sizeof *s);
    lm_status status = resolve(path, pool, &s->path, skipped, err);
    if (status != LM_OK) goto out;
    if ((status = lm_checkpoint_open(&s->checkpoint, s->path, err)) != LM_OK) goto out;
    status =
        lm_run_state_parse(&s->state, &s->config, s->path, lm_checkpoint_meta(s->checkpoint), err);
    if (status != LM_OK) goto out;
    status = lm_model_resolve(&s->config.model, err);
    if (status == LM_OK && s->config.model.vocab_size == LM_VOCAB_UNKNOWN)
        status = lm_error_set(err, LM_ERR_RUNTIME, "model.vocab_size: expected a value, found 0");
    if (status != LM_OK) lm_error_prefix(err, "%s", s->path);
out:
    if (status != LM_OK) lm_saved_close(s);
    return status;
}

lm_status lm_saved_model(const lm_saved *s, int64_t batch, lm_compute *compute, lm_model **model,
                         lm_error *err) {
    int64_t count;
    compute->precision = (lm_precision)s->config.train.precision;
    lm_status status = lm_model_create(model, &s->config.model, batch, false, compute, err);
    if (status != LM_OK) return status;
    lm_checkpoint_array *arrays =
        lm_saved_arrays(*model, 0, lm_model_weights(*model), NULL, 0, &count);
    status = arrays ? lm_checkpoint_read(s->checkpoint, arrays, count, compute->pool, err)
                    : lm_error_no_memory(err, s->path);
    free(arrays);
    if (status != LM_OK) {
        lm_model_free(*model);
        *model = NULL;
    }
    return status;
}

void lm_saved_close(lm_saved *s) {
    lm_checkpoint_close(s->checkpoint);
    lm_config_free(&s->config);
    free(s->path);
    memset(s, 0, sizeof *s);
}
