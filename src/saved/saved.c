#include "saved/saved.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "machine/cpu.h"
#include "saved/foreign.h"

/* ---- arrays -----------------------------------------------------------------------------------*/

static lm_checkpoint_array make_array(const char *state, const char *row, int ndim,
                                      const int64_t shape[2], float *data) {
    lm_checkpoint_array a = {.ndim = ndim, .data = data};
    int n = snprintf(a.name, sizeof a.name, "%s%s%s", state, *state ? "/" : "", row);
    LM_ASSERT(n > 0 && n < (int)sizeof a.name);
    for (int d = 0; d < ndim; d++) a.shape[d] = shape[d];
    return a;
}

/* Those of a flat array: the weights, or a state of each of them. */
static void fill_arrays(lm_checkpoint_array *arrays, const char *state, const lm_param *rows,
                        int64_t n, float *flat) {
    for (int64_t i = 0; i < n; i++)
        arrays[i] =
            make_array(state, rows[i].name, rows[i].ndim, rows[i].shape, flat + rows[i].offset);
}

lm_checkpoint_array *lm_saved_row_arrays(const lm_param *rows, int64_t n, float *weights) {
    lm_checkpoint_array *arrays = calloc((size_t)n, sizeof *arrays);
    if (arrays) fill_arrays(arrays, "", rows, n, weights);
    return arrays;
}

int64_t lm_saved_averaged(const lm_param *rows, int64_t n, const lm_average *average) {
    int64_t averaged = 0;
    while (average->values && averaged < n && rows[averaged].offset < average->count) averaged++;
    return averaged;
}

lm_checkpoint_array *lm_saved_arrays(lm_model *m, const lm_optimizer *o, const lm_average *average,
                                     int64_t *count) {
    int64_t rows, n_states = 0;
    const lm_param *params = lm_model_rows(m, &rows);
    const lm_optimizer_array *states = o ? lm_optimizer_arrays(o, &n_states) : NULL;
    const int64_t averaged = average ? lm_saved_averaged(params, rows, average) : 0;
    *count = rows + n_states + averaged;
    lm_checkpoint_array *arrays = calloc((size_t)*count, sizeof *arrays);
    if (!arrays) return NULL;
    fill_arrays(arrays, "", params, rows, lm_model_weights(m));
    for (int64_t i = 0; i < n_states; i++)
        arrays[rows + i] = make_array(states[i].state, states[i].row, states[i].ndim,
                                      states[i].shape, states[i].data);
    fill_arrays(arrays + rows + n_states, LM_SAVED_AVERAGE, params, averaged,
                averaged > 0 ? average->values : NULL);
    return arrays;
}

/* ---- a saved model ----------------------------------------------------------------------------*/

lm_status lm_saved_find(const char *path, lm_pool *pool, char **file, lm_text *skipped,
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
                              "%s: expected a checkpoint (step-*.npz), found no good one%s%-s",
                              directory, skipped->length ? ":\n" : "", lm_text_cstr(skipped));
    free(inside);
    return status;
}

/* Is it a checkpoint, a directory of some or a run, whatever else lies in it? */
static bool is_saved(const char *path) {
    lm_file_list list = {0};
    lm_error aside;
    bool found = false;
    if (!lm_file_is_directory(path)) return lm_text_ends_with(path, ".npz") && lm_file_exists(path);
    if (lm_file_list_directory(&list, path, &aside) != LM_OK) return false;
    for (size_t i = 0; i < list.count && !found; i++)
        found = strcmp(list.names[i], "checkpoints") == 0 || lm_checkpoint_step(list.names[i]) >= 0;
    lm_file_list_free(&list);
    return found;
}

lm_status lm_saved_open(lm_saved *s, const char *path, lm_pool *pool, lm_text *skipped,
                        lm_error *err) {
    memset(s, 0, sizeof *s);
    if (!is_saved(path) && lm_interop_format_of(path))
        return lm_saved_open_foreign(s, path, NULL, true, err);
    lm_status status = lm_saved_find(path, pool, &s->path, skipped, err);
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

/* Appends "[2, 17]": where element i of the array stands. */
static void put_place(const lm_checkpoint_array *a, int64_t i, lm_text *out) {
    int64_t below = 1;
    for (int d = 1; d < a->ndim; d++) below *= a->shape[d];
    lm_text_printf(out, "[");
    for (int d = 0; d < a->ndim; d++) {
        lm_text_printf(out, "%s%lld", d > 0 ? ", " : "", (long long)(i / below));
        i %= below;
        if (d + 1 < a->ndim) below /= a->shape[d + 1];
    }
    lm_text_printf(out, "]");
}

lm_status lm_saved_check_finite(const char *path, const lm_checkpoint_array *arrays, int64_t n,
                                lm_error *err) {
    for (int64_t i = 0; i < n; i++) {
        const lm_checkpoint_array *a = &arrays[i];
        int64_t count = 1, at = 0;
        for (int d = 0; d < a->ndim; d++) count *= a->shape[d];
        while (at < count && isfinite(a->data[at])) at++;
        if (at == count) continue;
        lm_text place = {0};
        put_place(a, at, &place);
        lm_error_set(err, LM_ERR_RUNTIME,
                     "%s: array %s, element %s: expected a finite number, found %g: this model"
                     " diverged before it was saved",
                     path, a->name, lm_text_cstr(&place), (double)a->data[at]);
        lm_text_free(&place);
        return err->code;
    }
    return LM_OK;
}

/* One array at a time, so that this takes the memory of the largest. */
static lm_status check_array(lm_checkpoint *c, const char *path, int64_t i, lm_pool *pool,
                             lm_error *err) {
    const lm_checkpoint_entry *e = lm_checkpoint_entry_at(c, i);
    lm_checkpoint_array a = e->array;
    a.data = malloc((size_t)e->raw_bytes + 1);
    if (!a.data) return lm_error_no_memory(err, path);
    lm_status status = lm_checkpoint_read(c, &a, 1, pool, err);
    if (status == LM_OK && (status = lm_saved_check_finite(path, &a, 1, err)) != LM_OK)
        err->damaged = true;
    free(a.data);
    return status;
}

lm_status lm_saved_verify(lm_checkpoint *c, const char *path, lm_pool *pool, lm_error *err) {
    lm_status status = lm_checkpoint_verify(c, pool, err);
    for (int64_t i = 0; i < lm_checkpoint_count(c) && status == LM_OK; i++)
        status = check_array(c, path, i, pool, err);
    return status;
}

lm_status lm_saved_choose(lm_saved *s, int weights, lm_error *err) {
    s->weights = weights;
    if (weights != LM_WEIGHTS_AVERAGE || s->state.averaged > 0) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE, "%s holds no average of the weights%s", s->path,
                        lm_config_averages(&s->config) ? ", which had not begun yet (train.ema)"
                                                       : " (train.ema)");
}

const char *lm_saved_weights_kind(const lm_saved *s) {
    if (s->state.averaged == 0) return NULL;
    return lm_weights_kind(lm_weights_share(s->weights, &s->state, &s->config));
}

double lm_saved_val_loss(const lm_saved *s) {
    const lm_run_state *state = &s->state;
    double share = lm_weights_share(s->weights, state, &s->config);
    if (share == lm_weights_share(LM_WEIGHTS_AUTO, state, &s->config)) return state->val_loss;
    return share == 0 ? state->val_loss_raw : (double)NAN;
}

/* The arrays of n rows, of the weights or of a state. */
static lm_status read_rows(const lm_saved *s, const char *state, const lm_param *rows, int64_t n,
                           float *flat, lm_pool *pool, lm_error *err) {
    lm_checkpoint_array *arrays = calloc((size_t)n, sizeof *arrays);
    if (!arrays) return lm_error_no_memory(err, s->path);
    fill_arrays(arrays, state, rows, n, flat);
    lm_status status = lm_checkpoint_read(s->checkpoint, arrays, n, pool, err);
    if (status == LM_OK) status = lm_saved_check_finite(s->path, arrays, n, err);
    free(arrays);
    return status;
}

lm_checkpoint_array lm_saved_array(const char *state, const lm_param *row, float *data) {
    return make_array(state, row->name, row->ndim, row->shape, data);
}

bool lm_saved_has(const lm_checkpoint *c, const char *state, const lm_param *row) {
    const lm_checkpoint_array a = lm_saved_array(state, row, NULL);
    for (int64_t i = 0; i < lm_checkpoint_count(c); i++)
        if (strcmp(lm_checkpoint_entry_at(c, i)->array.name, a.name) == 0) return true;
    return false;
}

/* Moves weights by a share of the way to their average: one row at a time, so that it takes the
 * memory of the largest. */
static lm_status blend(const lm_saved *s, const lm_param *rows, int64_t n, double share,
                       float *weights, lm_pool *pool, lm_error *err) {
    lm_kernels kernels = {0};
    int64_t most = 0;
    lm_status status = LM_OK;
    lm_kernels_fill_scalar(&kernels);
    for (int64_t i = 0; i < n; i++) most = lm_max(most, rows[i].count);
    float *average = calloc((size_t)most, sizeof *average);
    if (!average) return lm_error_no_memory(err, s->path);
    for (int64_t i = 0; i < n && status == LM_OK; i++) {
        lm_param row = rows[i];
        row.offset = 0;
        const bool gap = lm_saved_has(s->checkpoint, LM_AVERAGE_GAP, &row);
        status = read_rows(s, gap ? LM_AVERAGE_GAP : LM_SAVED_AVERAGE, &row, 1, average, pool, err);
        if (status == LM_OK && gap)
            lm_average_blend_gap(&kernels, pool, row.count, share * s->state.gap, average,
                                 weights + rows[i].offset);
        else if (status == LM_OK)
            lm_average_blend(&kernels, pool, row.count, share, average, weights + rows[i].offset);
    }
    free(average);
    return status;
}

lm_status lm_saved_read(const lm_saved *s, const lm_param *rows, int64_t n, float *weights,
                        lm_pool *pool, lm_error *err) {
    if (s->foreign) return lm_saved_foreign_read(s, rows, n, weights, pool, err);
    const double share = lm_weights_share(s->weights, &s->state, &s->config);
    /* Rows with gaps are the last ones, and need the weights. */
    if (share == 1 && !lm_saved_has(s->checkpoint, LM_AVERAGE_GAP, &rows[n - 1]))
        return read_rows(s, LM_SAVED_AVERAGE, rows, n, weights, pool, err);
    lm_status status = read_rows(s, "", rows, n, weights, pool, err);
    if (status == LM_OK && share > 0) status = blend(s, rows, n, share, weights, pool, err);
    return status;
}

lm_status lm_saved_weights(const lm_saved *s, lm_model *m, lm_pool *pool, lm_error *err) {
    int64_t n;
    const lm_param *rows = lm_model_rows(m, &n);
    return lm_saved_read(s, rows, n, lm_model_weights(m), pool, err);
}

lm_status lm_saved_model(const lm_saved *s, int64_t batch, lm_compute *compute, lm_model **model,
                         lm_error *err) {
    compute->precision = (lm_precision)s->config.train.precision;
    const lm_model_use use = {.batch = batch};
    lm_status status = lm_model_create(model, &s->config.model, &use, compute, err);
    if (status != LM_OK) return status;
    if ((status = lm_saved_weights(s, *model, compute->pool, err)) != LM_OK) {
        lm_model_free(*model);
        *model = NULL;
    }
    return status;
}

lm_status lm_saved_text(const lm_saved *s, const char *name, bool *found, lm_text *out,
                        lm_error *err) {
    if (s->checkpoint) return lm_checkpoint_read_text(s->checkpoint, name, found, out, err);
    return lm_saved_foreign_text(s, name, found, out, err);
}

lm_status lm_saved_kept(const lm_saved *s, lm_interop_kept *kept, lm_error *err) {
    lm_text text = {0}, name = {0};
    bool found;
    *kept = lm_interop_kept_none();
    lm_status status = lm_saved_text(s, LM_INTEROP_KEPT, &found, &text, err);
    lm_text_printf(&name, "%s: " LM_INTEROP_KEPT, s->path);
    if (status == LM_OK && found)
        status =
            lm_interop_kept_parse(kept, lm_text_cstr(&name), lm_text_cstr(&text), text.length, err);
    lm_text_free(&text);
    lm_text_free(&name);
    return status;
}

bool lm_saved_tokenizer_fails(const lm_saved *s, lm_error *err) {
    if (!s->foreign || s->foreign->unread.code == LM_OK) return false;
    *err = s->foreign->unread;
    return true;
}

void lm_saved_shorten(lm_saved *s, int64_t context) {
    lm_model_options *m = &s->config.model;
    if (m->position != LM_POSITION_LEARNED && context > 0 && context < m->context_length)
        m->context_length = context;
}

lm_status lm_saved_tokenizer(const lm_saved *s, const lm_tokenizer_options *options,
                             lm_tokenizer **t, lm_error *err) {
    lm_text text = {0}, name = {0};
    bool found;
    *t = NULL;
    if (lm_saved_tokenizer_fails(s, err)) return err->code;
    if (!*s->state.tokenizer) return LM_OK;
    lm_status status = lm_saved_text(s, "tokenizer.json", &found, &text, err);
    if (status != LM_OK) goto out;
    if (found) {
        lm_text_printf(&name, "%s: tokenizer.json", s->path);
        status = lm_tokenizer_parse(t, lm_text_cstr(&name), lm_text_cstr(&text), text.length,
                                    options, err);
    } else {
        status = lm_tokenizer_open(t, s->state.tokenizer, options, err);
    }
out:
    lm_text_free(&text);
    lm_text_free(&name);
    return status;
}

lm_status lm_saved_open_tokenizer(lm_tokenizer **t, const char *what,
                                  const lm_tokenizer_options *options, lm_error *err) {
    lm_saved s = {0};
    lm_pool *pool = NULL;
    lm_text skipped = {0};
    *t = NULL;
    if (!is_saved(what)) return lm_tokenizer_open(t, what, options, err);
    lm_status status = lm_pool_create(&pool, lm_cpu_threads(NULL), err);
    if (status == LM_OK) status = lm_saved_open(&s, what, pool, &skipped, err);
    if (status == LM_OK) status = lm_saved_tokenizer(&s, options, t, err);
    if (status == LM_OK && !*t)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s: expected a model that has its tokenizer in it,"
                              " found none",
                              what);
    lm_saved_close(&s);
    lm_pool_free(pool);
    lm_text_free(&skipped);
    return status;
}

int32_t lm_saved_begin_token(const lm_run_state *s, const lm_model_options *m,
                             const lm_tokenizer *t) {
    int64_t token = m->document_mask                  ? m->document_token
                    : s->documents                    ? s->document_token
                    : !t || lm_tokenizer_separates(t) ? -1
                                                      : lm_tokenizer_document_token(t);
    return token < m->vocab_size ? (int32_t)token : -1;
}

void lm_saved_close(lm_saved *s) {
    lm_checkpoint_close(s->checkpoint);
    lm_saved_foreign_free(s->foreign);
    lm_config_free(&s->config);
    free(s->path);
    memset(s, 0, sizeof *s);
}
