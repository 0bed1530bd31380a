#include "saved/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "config/keys.h"
#include "containers/tensors.h"

/* The tokenizer `bytes` goes out as a file that others read; when it comes in again it is
 * `bytes`. */
static lm_status see_bytes(lm_saved *s, lm_error *err) {
    lm_text *found = &s->foreign->tokenizer, text = {0};
    lm_tokenizer *bytes = NULL;
    lm_status status = lm_tokenizer_open(&bytes, "bytes", NULL, err);
    if (status == LM_OK) status = lm_tokenizer_save(bytes, &text, err);
    if (status == LM_OK && text.length == found->length &&
        memcmp(text.data, found->data, text.length) == 0) {
        snprintf(s->state.tokenizer, sizeof s->state.tokenizer, "%s", lm_tokenizer_kind(bytes));
        lm_text_free(found);
    }
    lm_tokenizer_close(bytes);
    lm_text_free(&text);
    return status;
}

/* The tokenizer as text, and what the state says of it. */
static lm_status keep_tokenizer(lm_saved *s, const char *what, lm_error *err) {
    lm_saved_foreign *f = s->foreign;
    lm_tokenizer *t = NULL;
    lm_status status = lm_tokenizer_open(&t, what, NULL, err);
    if (status != LM_OK)
        return lm_error_set(err, status,
                            "%s\n(lmtrain import takes another tokenizer by --tokenizer"
                            " NAME_OR_FILE, and none by --tokenizer none)",
                            err->message);
    if (lm_tokenizer_vocab_size(t) > s->config.model.vocab_size) {
        status = lm_error_set(
            err, LM_ERR_USAGE, "%s: its tokenizer %s has %lld tokens, its model only %lld", s->path,
            what, (long long)lm_tokenizer_vocab_size(t), (long long)s->config.model.vocab_size);
        goto out;
    }
    snprintf(s->state.tokenizer, sizeof s->state.tokenizer, "%s", lm_tokenizer_kind(t));
    if (lm_tokenizer_document_token(t) >= 0)
        s->config.model.document_token = lm_tokenizer_document_token(t);
    if (!lm_tokenizer_has_file(t)) goto out;
    if ((status = lm_tokenizer_save(t, &f->tokenizer, err)) != LM_OK) goto out;
    if ((status = see_bytes(s, err)) != LM_OK || f->tokenizer.length == 0) goto out;
    s->state.tokenizer_digest = lm_digest_of(f->tokenizer.data, f->tokenizer.length);
out:
    lm_tokenizer_close(t);
    return status;
}

static void count_parameters(lm_saved *s) {
    lm_model_plan plan;
    lm_model_plan_make(&plan, &s->config.model, &(lm_model_use){.batch = 1}, LM_FP32, 1);
    s->state.parameters = plan.parameters;
}

/* A checkpoint is opened only when its numbers are in the ranges of the config's keys. */
static lm_status check_ranges(const lm_saved *s, lm_error *err) {
    const lm_section *model = lm_section_find("model");
    lm_status status = LM_OK;
    for (const lm_key *k = model->keys; k < model->keys + model->n_keys && status == LM_OK; k++) {
        lm_text value = {0}, expected = {0};
        if (k->type != LM_KEY_INTEGER && k->type != LM_KEY_REAL) continue;
        if (!lm_key_applies(k, &s->config)) continue;
        lm_key_print(k, &s->config, &value);
        lm_key_describe(k, &expected);
        if (value.failed || expected.failed)
            status = lm_error_no_memory(err, s->path);
        else if (!lm_key_accepts_number(k, strtod(value.data, NULL)))
            status =
                lm_error_set(err, LM_ERR_USAGE, "%s: its model would have %s = %s: expected %s",
                             s->path, k->path, value.data, expected.data);
        lm_text_free(&value);
        lm_text_free(&expected);
    }
    return status;
}

lm_status lm_saved_open_foreign(lm_saved *s, const char *path, const char *tokenizer, bool later,
                                lm_error *err) {
    memset(s, 0, sizeof *s);
    lm_saved_foreign *f = s->foreign = calloc(1, sizeof *f);
    s->path = strdup(path);
    lm_status status = f && s->path ? LM_OK : lm_error_no_memory(err, path);
    if (status != LM_OK) goto out;
    if ((status = lm_interop_open(&f->source, path, err)) != LM_OK) goto out;
    status = lm_config_parse_saved(&s->config, path, "{}", 2, NULL, err);
    if (status != LM_OK) goto out;
    s->config.model = f->source.options;
    if ((status = check_ranges(s, err)) != LM_OK) goto out;
    lm_run_state_init(&s->state);
    count_parameters(s);
    if (!tokenizer) tokenizer = f->source.tokenizer;
    if (tokenizer && strcmp(tokenizer, "none") != 0) status = keep_tokenizer(s, tokenizer, err);
    if (status != LM_OK && later) {
        f->unread = *err;
        *s->state.tokenizer = '\0';
        s->state.tokenizer_digest = 0;
        lm_text_free(&f->tokenizer);
        status = LM_OK;
    }
out:
    if (status != LM_OK) lm_saved_close(s);
    return status;
}

void lm_saved_foreign_free(lm_saved_foreign *f) {
    if (!f) return;
    lm_interop_close(&f->source);
    lm_text_free(&f->tokenizer);
    free(f);
}

/* The first row that the two models do not have alike. */
static lm_status compare_rows(const lm_saved *s, const lm_param *theirs, int64_t n,
                              const lm_param *ours, int64_t n_ours, lm_error *err) {
    char a[LM_TENSOR_SHAPE_SIZE], b[LM_TENSOR_SHAPE_SIZE];
    for (int64_t i = 0; i < n && i < n_ours; i++) {
        if (strcmp(theirs[i].name, ours[i].name) == 0 && theirs[i].ndim == ours[i].ndim &&
            theirs[i].shape[0] == ours[i].shape[0] && theirs[i].shape[1] == ours[i].shape[1])
            continue;
        return lm_error_set(err, LM_ERR_RUNTIME, "%s: array %s: expected %s of shape %s, found %s",
                            s->path, theirs[i].name, ours[i].name,
                            lm_tensor_shape(a, ours[i].ndim, ours[i].shape),
                            lm_tensor_shape(b, theirs[i].ndim, theirs[i].shape));
    }
    if (n == n_ours) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: expected %lld arrays of weights, found %lld",
                        s->path, (long long)n_ours, (long long)n);
}

lm_status lm_saved_foreign_read(const lm_saved *s, const lm_param *ours, int64_t n_ours,
                                float *weights, lm_pool *pool, lm_error *err) {
    int64_t total, n = lm_model_params(&s->foreign->source.options, NULL, &total);
    lm_param *theirs = calloc((size_t)n, sizeof *theirs);
    if (!theirs) return lm_error_no_memory(err, s->path);
    lm_model_params(&s->foreign->source.options, theirs, &total);
    lm_status status = compare_rows(s, theirs, n, ours, n_ours, err);
    if (status == LM_OK) status = lm_interop_read(&s->foreign->source, weights, pool, err);
    free(theirs);
    return status;
}

lm_status lm_saved_foreign_text(const lm_saved *s, const char *name, bool *found, lm_text *out,
                                lm_error *err) {
    const lm_saved_foreign *f = s->foreign;
    size_t before = out->length;
    if (strcmp(name, "tokenizer.json") == 0)
        lm_text_append(out, lm_text_cstr(&f->tokenizer), f->tokenizer.length);
    else if (strcmp(name, LM_INTEROP_KEPT) == 0 && !lm_interop_kept_is_none(&f->source.kept))
        lm_interop_kept_print(&f->source.kept, out);
    *found = out->length > before;
    return out->failed ? lm_error_no_memory(err, s->path) : LM_OK;
}

/* ---- as a checkpoint --------------------------------------------------------------------------*/

lm_status lm_saved_write_foreign(const lm_saved *s, const char *path, lm_pool *pool,
                                 uint64_t *file_bytes, lm_error *err) {
    const lm_interop_source *source = &s->foreign->source;
    lm_text meta = {0}, kept = {0};
    lm_checkpoint_array *arrays = NULL;
    int64_t total, n = lm_model_params(&s->config.model, NULL, &total);
    lm_param *rows = calloc((size_t)n, sizeof *rows);
    float *weights = calloc((size_t)total, sizeof *weights);
    lm_status status = rows && weights ? LM_OK : lm_error_no_memory(err, path);
    if (status != LM_OK) goto out;
    lm_model_params(&s->config.model, rows, &total);
    if ((status = lm_interop_read(source, weights, pool, err)) != LM_OK) goto out;
    arrays = lm_saved_row_arrays(rows, n, weights);
    lm_run_state_print(&s->state, &s->config, &meta);
    if (!lm_interop_kept_is_none(&source->kept)) lm_interop_kept_print(&source->kept, &kept);
    if (!arrays || meta.failed || kept.failed) {
        status = lm_error_no_memory(err, path);
        goto out;
    }
    const lm_text *tokenizer = &s->foreign->tokenizer;
    lm_checkpoint_text texts[2];
    int64_t n_texts = 0;
    if (tokenizer->length > 0)
        texts[n_texts++] =
            (lm_checkpoint_text){"tokenizer.json", tokenizer->data, tokenizer->length};
    if (kept.length > 0)
        texts[n_texts++] = (lm_checkpoint_text){LM_INTEROP_KEPT, kept.data, kept.length};
    status = lm_checkpoint_write(path, arrays, n, texts, n_texts, lm_text_cstr(&meta), pool,
                                 file_bytes, err);
out:
    lm_text_free(&meta);
    lm_text_free(&kept);
    free(arrays);
    free(rows);
    free(weights);
    return status;
}
