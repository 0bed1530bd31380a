#include "saved/mean.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "containers/tensors.h"

/* ---- what may be averaged ---------------------------------------------------------------------*/

/* malloc'd; NULL without memory. */
static lm_param *rows_of(const lm_saved *s, int64_t *n, int64_t *total) {
    *n = lm_model_params(&s->config.model, NULL, total);
    lm_param *rows = calloc((size_t)*n, sizeof *rows);
    if (rows) lm_model_params(&s->config.model, rows, total);
    return rows;
}

static lm_status compare_rows(const lm_saved *a, const lm_param *rows, int64_t n, const lm_saved *b,
                              const lm_param *others, int64_t n_others, lm_error *err) {
    char expected[LM_TENSOR_SHAPE_SIZE], found[LM_TENSOR_SHAPE_SIZE];
    for (int64_t i = 0; i < n && i < n_others; i++) {
        const lm_param *x = &rows[i], *y = &others[i];
        if (strcmp(x->name, y->name) == 0 && x->ndim == y->ndim && x->shape[0] == y->shape[0] &&
            x->shape[1] == y->shape[1])
            continue;
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected array %s of shape %s, as in %s, found %s of shape %s",
                            b->path, x->name, lm_tensor_shape(expected, x->ndim, x->shape), a->path,
                            y->name, lm_tensor_shape(found, y->ndim, y->shape));
    }
    if (n == n_others) return LM_OK;
    const bool lacks = n > n_others;
    return lm_error_set(err, LM_ERR_USAGE, "%s: %s array %s, which %s %s", b->path,
                        lacks ? "it lacks" : "it has", lacks ? rows[n_others].name : others[n].name,
                        a->path, lacks ? "has" : "lacks");
}

static lm_status check_rows(const lm_saved *a, const lm_saved *b, lm_error *err) {
    int64_t n, n_others, total;
    lm_param *rows = rows_of(a, &n, &total), *others = rows_of(b, &n_others, &total);
    lm_status status = rows && others ? compare_rows(a, rows, n, b, others, n_others, err)
                                      : lm_error_no_memory(err, b->path);
    free(rows);
    free(others);
    return status;
}

/* Keys of the model: those that say how it is trained may differ, not those that say what its
 * weights mean. */
static lm_status check_keys(const lm_saved *a, const lm_saved *b, lm_text *said, lm_error *err) {
    const lm_section *model = lm_section_find("model");
    lm_text refused = {0};
    lm_status status = LM_OK;
    for (const lm_key *k = model->keys; k < model->keys + model->n_keys; k++) {
        lm_text x = {0}, y = {0};
        lm_key_print(k, &a->config, &x);
        lm_key_print(k, &b->config, &y);
        const bool applies = lm_key_applies(k, &a->config) || lm_key_applies(k, &b->config);
        if (applies && strcmp(k->path, "model.preset") != 0 &&
            strcmp(lm_text_cstr(&x), lm_text_cstr(&y)) != 0)
            lm_text_say(k->may_change || (k->may_differ && !k->meant) ? said : &refused,
                        "  %s: %s in %s, %s in %s\n", k->path, lm_text_cstr(&x), a->path,
                        lm_text_cstr(&y), b->path);
        refused.failed |= x.failed || y.failed;
        lm_text_free(&x);
        lm_text_free(&y);
    }
    if (refused.failed || said->failed)
        status = lm_error_no_memory(err, b->path);
    else if (refused.length > 0)
        status = lm_error_set(err, LM_ERR_USAGE, "%s: its model is another one:\n%-.*s", b->path,
                              (int)refused.length - 1, lm_text_cstr(&refused));
    lm_text_free(&refused);
    return status;
}

static lm_status check_tokenizers(const lm_saved *a, const lm_saved *b, lm_error *err) {
    const lm_run_state *x = &a->state, *y = &b->state;
    const bool same = strcmp(x->tokenizer, y->tokenizer) == 0;
    if (!*x->tokenizer || !*y->tokenizer || (same && x->tokenizer_digest == y->tokenizer_digest))
        return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: expected the tokenizer \"%s\" of %s, found \"%s\"%s", b->path,
                        x->tokenizer, a->path, y->tokenizer, same ? " of another file" : "");
}

lm_status lm_mean_check(lm_mean *m, lm_text *said, lm_error *err) {
    const lm_saved *first = &m->from[0];
    lm_status status = LM_OK;
    m->last = 0;
    for (int64_t i = 0; i < m->n; i++) {
        const lm_saved *s = &m->from[i];
        if (!s->checkpoint)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s: expected a checkpoint or a run: models of other programs come"
                                " in by lmtrain import",
                                s->path);
        if ((status = check_rows(first, s, err)) != LM_OK) return status;
        if ((status = check_keys(first, s, said, err)) != LM_OK) return status;
        if ((status = check_tokenizers(first, s, err)) != LM_OK) return status;
        if (s->state.step >= m->from[m->last].state.step) m->last = i;
    }
    return LM_OK;
}

/* ---- the mean ---------------------------------------------------------------------------------*/

/* Of one row into out [count]; x [count] and sum [count] are overwritten. */
static lm_status mean_of(const lm_mean *m, const lm_param *row, float *x, double *sum, float *out,
                         lm_pool *pool, lm_error *err) {
    lm_param alone = *row;
    alone.offset = 0;
    for (int64_t k = 0; k < row->count; k++) sum[k] = 0;
    for (int64_t i = 0; i < m->n; i++) {
        lm_status status = lm_saved_read(&m->from[i], &alone, 1, x, pool, err);
        if (status != LM_OK) return status;
        for (int64_t k = 0; k < row->count; k++) sum[k] += m->shares[i] * (double)x[k];
    }
    for (int64_t k = 0; k < row->count; k++) {
        out[k] = (float)sum[k];
        if (isfinite(out[k])) continue;
        return lm_error_set(err, LM_ERR_USAGE,
                            "array %s, element %lld: with these weights the mean is %g, which fp32"
                            " cannot hold",
                            row->name, (long long)k, sum[k]);
    }
    return LM_OK;
}

static lm_status mean_of_all(const lm_mean *m, const lm_param *rows, int64_t n, float *out,
                             lm_pool *pool, lm_error *err) {
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++) most = lm_max(most, rows[i].count);
    float *x = calloc((size_t)most, sizeof *x);
    double *sum = calloc((size_t)most, sizeof *sum);
    lm_status status = x && sum ? LM_OK : lm_error_no_memory(err, "a mean of weights");
    for (int64_t i = 0; i < n && status == LM_OK; i++)
        status = mean_of(m, &rows[i], x, sum, out + rows[i].offset, pool, err);
    free(x);
    free(sum);
    return status;
}

/* What is known of it: no losses, no average of its own, no data to go on with. */
static lm_run_state state_of(const lm_saved *last) {
    lm_run_state s = last->state;
    s.train_loss = s.val_loss = s.val_loss_raw = s.best_val_loss = NAN;
    s.val_step = s.best_val_step = s.evals_since_best = s.averaged = 0;
    s.noise = (lm_noise){0};
    for (int i = 0; i < LM_DATA_MOST_SOURCES; i++) s.val_losses[i] = NAN;
    return s;
}

/* Those of another checkpoint, to be freed. */
static lm_status take_texts(const lm_saved *from, lm_text held[2], lm_checkpoint_text texts[2],
                            int64_t *n, lm_error *err) {
    static const char *const names[] = {"tokenizer.json", LM_INTEROP_KEPT};
    for (int i = 0; i < 2; i++) {
        bool found;
        lm_status status = lm_saved_text(from, names[i], &found, &held[i], err);
        if (status != LM_OK) return status;
        if (found)
            texts[(*n)++] = (lm_checkpoint_text){names[i], lm_text_cstr(&held[i]), held[i].length};
    }
    return LM_OK;
}

lm_status lm_mean_write(const lm_mean *m, const char *path, lm_pool *pool, uint64_t *file_bytes,
                        lm_error *err) {
    const lm_saved *last = &m->from[m->last];
    const lm_run_state state = state_of(last);
    lm_checkpoint_text texts[2];
    lm_text meta = {0}, held[2] = {{0}};
    lm_checkpoint_array *arrays = NULL;
    int64_t n, total, n_texts = 0;
    lm_param *rows = rows_of(last, &n, &total);
    float *out = calloc((size_t)total, sizeof *out);
    lm_status status = rows && out ? LM_OK : lm_error_no_memory(err, path);
    if (status != LM_OK) goto end;
    if ((status = mean_of_all(m, rows, n, out, pool, err)) != LM_OK) goto end;
    if ((status = take_texts(last, held, texts, &n_texts, err)) != LM_OK) goto end;
    arrays = lm_saved_row_arrays(rows, n, out);
    lm_run_state_print(&state, &last->config, &meta);
    if (!arrays || meta.failed)
        status = lm_error_no_memory(err, path);
    else
        status = lm_checkpoint_write(path, arrays, n, texts, n_texts, lm_text_cstr(&meta), pool,
                                     file_bytes, err);
end:
    free(rows);
    free(out);
    free(arrays);
    lm_text_free(&meta);
    lm_text_free(&held[0]);
    lm_text_free(&held[1]);
    return status;
}
