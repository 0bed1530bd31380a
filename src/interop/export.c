#include "interop/export.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "interop/encode.h"
#include "interop/export_parts.h"
#include "interop/fold.h"
#include "machine/stop.h"

static const lm_interop_kind *const kinds[LM_INTEROP_FORMATS] = {
    [LM_INTEROP_HF] = &lm_interop_kind_hf,
    [LM_INTEROP_GGUF] = &lm_interop_kind_gguf,
    [LM_INTEROP_LLAMA2C] = &lm_interop_kind_llama2c,
    [LM_INTEROP_LLAMA2C_V1] = &lm_interop_kind_llama2c_v1,
    [LM_INTEROP_LLMC] = &lm_interop_kind_llmc,
};

/* ---- what can be refused at once --------------------------------------------------------------*/

static lm_status check_dtype(const lm_interop_export *e, lm_error *err) {
    const lm_interop_kind *kind = kinds[e->class->format];
    lm_text has = {0};
    if (kind->dtypes >> e->dtype & 1u) return LM_OK;
    for (int i = 0; lm_interop_dtype_name(i); i++)
        if (kind->dtypes >> i & 1u)
            lm_text_printf(&has, "%s%s", has.length ? ", " : "", lm_interop_dtype_name(i));
    lm_error_set(err, LM_ERR_USAGE, "--to %s has no %s: expected one of %s",
                 lm_interop_format_name((int)e->class->format), lm_interop_dtype_name(e->dtype),
                 lm_text_cstr(&has));
    lm_text_free(&has);
    return err->code;
}

static lm_status check_tokenizer(const lm_interop_export *e, lm_error *err) {
    int64_t size = e->tokenizer ? lm_tokenizer_vocab_size(e->tokenizer) : 0;
    if (size <= e->ours->vocab_size) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "the tokenizer has %lld tokens, the model only %lld: it is not the one that"
                        " the model was trained with",
                        (long long)size, (long long)e->ours->vocab_size);
}

static lm_status check_output(const lm_interop_export *e, lm_error *err) {
    const lm_interop_kind *kind = kinds[e->class->format];
    if (!*e->output)
        return lm_error_set(err, LM_ERR_USAGE, "--output: expected a name, found an empty one");
    if (kind->is_directory) {
        if (!lm_file_exists(e->output) || lm_file_is_directory(e->output)) return LM_OK;
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected a directory, or no such name, found a file", e->output);
    }
    if (lm_file_is_directory(e->output))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected a file, or no such name, found a"
                            " directory",
                            e->output);
    if (lm_file_exists(e->output) && !lm_file_is_regular(e->output))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected a regular file, or no such name, found something else",
                            e->output);
    if (e->force || !lm_file_exists(e->output) || kind->is_ours(e->output)) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: lmtrain did not write this file; add --force to replace it, or name"
                        " another --output",
                        e->output);
}

lm_status lm_interop_check(const lm_interop_export *e, lm_error *err) {
    lm_status status = check_dtype(e, err);
    if (status == LM_OK) status = check_tokenizer(e, err);
    if (status == LM_OK) status = check_output(e, err);
    return status;
}

/* ---- pieces -----------------------------------------------------------------------------------*/

/* Elements of a piece: 1 MiB of fp32, and one row at least. */
enum { PIECE = 1 << 18 };

static lm_status does_not_fit(const lm_interop_tensor *t, int64_t row, int64_t column, float x,
                              lm_element element, lm_error *err) {
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s (%s): the weight %g in row %lld, column %lld does not fit %s: export"
                        " another --dtype",
                        t->ours, t->name, (double)x, (long long)row, (long long)column,
                        lm_element_at((int)element)->name);
}

static lm_status check_stop(const lm_interop_job *job, lm_error *err) {
    int signal = lm_stop_pending();
    if (signal == 0) return LM_OK;
    return lm_error_set(err, LM_ERR_INTERRUPTED,
                        "%s: stopped by signal %d: what was there is there still", job->e->output,
                        signal);
}

lm_status lm_interop_each_piece(const lm_interop_job *job, int64_t i, lm_element element,
                                lm_interop_sink *sink, void *to, lm_error *err) {
    const lm_interop_tensor *t = &job->tensors[i];
    const int64_t width = t->shape[1], rows = lm_max(1, PIECE / width);
    float *x = malloc((size_t)(rows * width) * sizeof *x);
    void *bytes = malloc((size_t)(rows * width) * sizeof *x); /* no element is wider */
    uint64_t at = 0, size;
    lm_status status = x && bytes ? LM_OK : lm_error_no_memory(err, t->name);
    for (int64_t r = 0; r < t->shape[0] && status == LM_OK; r += rows) {
        int64_t n = lm_min(rows, t->shape[0] - r);
        if ((status = check_stop(job, err)) != LM_OK) break;
        lm_interop_put(t, job->weights, r, n, x);
        int64_t bad = lm_interop_encode(element, x, n * width, bytes);
        if (bad >= 0) {
            status = does_not_fit(t, r + bad / width, bad % width, x[bad], element, err);
            break;
        }
        LM_ASSERT(lm_element_bytes((int)element, n * width, &size));
        status = sink(to, at, bytes, (size_t)size, err);
        at += size;
    }
    free(x);
    free(bytes);
    return status;
}

lm_interop_special lm_interop_special_of(const lm_interop_export *e) {
    lm_interop_special special = e->kept->special;
    if (special.bos < 0 && e->tokenizer) special.bos = lm_tokenizer_document_token(e->tokenizer);
    if (special.eos < 0 && e->tokenizer) special.eos = lm_tokenizer_end_token(e->tokenizer);
    return special;
}

/* Where a tensor's elements go: tensor i of a writer. */
typedef struct place {
    lm_tensor_writer *w;
    size_t i;
} place;

static lm_status write_piece(void *to, uint64_t at, const void *bytes, size_t size, lm_error *err) {
    place *p = to;
    return lm_tensor_write(p->w, p->i, at, bytes, size, err);
}

lm_status lm_interop_write_tensor(const lm_interop_job *job, int64_t i, lm_element element,
                                  lm_tensor_writer *w, size_t there, lm_error *err) {
    place p = {w, there};
    return lm_interop_each_piece(job, i, element, write_piece, &p, err);
}

lm_status lm_interop_append(void *to, uint64_t at, const void *bytes, size_t size, lm_error *err) {
    (void)at;
    return lm_file_writer_write(to, bytes, size, err);
}

/* Our own tokenizer.json beside it: what the format's own file holds does not encode as we do. */
static lm_status add_tokenizer_json(const lm_interop_job *job, lm_interop_files *files,
                                    lm_error *err) {
    lm_text file = {0};
    lm_status status = lm_tokenizer_save(job->e->tokenizer, &file, err);
    if (status == LM_OK) status = lm_interop_files_add(files, "tokenizer.json", &file, err);
    lm_text_free(&file);
    return status;
}

lm_status lm_interop_write_model(const lm_interop_job *job,
                                 lm_status (*write_model)(const lm_interop_job *job,
                                                          lm_file_writer *w, lm_error *err),
                                 lm_status (*add_tokenizer)(const lm_interop_job *job,
                                                            lm_interop_files *files, lm_error *err),
                                 lm_error *err) {
    const lm_text about = {.data = (char *)(uintptr_t)job->e->about,
                           .length = strlen(job->e->about)};
    lm_interop_files files;
    lm_file_writer w = {0};
    lm_status status = lm_interop_files_open(&files, job->e->output, job->e->force, err);
    if (status != LM_OK) return status;
    char *path = lm_interop_files_path(&files, "model.bin", err);
    status = path ? lm_file_writer_open(&w, path, err) : err->code;
    if (status == LM_OK) status = write_model(job, &w, err);
    if (status == LM_OK && job->e->tokenizer) status = add_tokenizer(job, &files, err);
    if (status == LM_OK && job->e->tokenizer) status = add_tokenizer_json(job, &files, err);
    if (status == LM_OK) status = lm_interop_files_record(&files, &about, err);
    if (status == LM_OK) status = lm_file_writer_commit(&w, err);
    if (status == LM_OK) status = lm_interop_files_commit(&files, &about, err);
    if (w.path) lm_file_writer_abort(&w);
    free(path);
    lm_interop_files_close(&files);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------*/

static lm_status fold(lm_interop_job *job, lm_error *err) {
    int64_t total;
    job->weights = job->e->weights;
    if (!lm_interop_folds(job->e->ours)) return LM_OK;
    lm_model_params(&job->there, NULL, &total);
    job->folded = malloc((size_t)total * sizeof *job->folded);
    if (!job->folded) return lm_error_no_memory(err, "the folded weights");
    job->weights = job->folded;
    return lm_interop_fold(job->e->ours, job->e->weights, &job->there, job->folded, err);
}

lm_status lm_interop_write(const lm_interop_export *e, lm_text *said, lm_error *err) {
    lm_interop_job job = {.e = e, .said = said};
    lm_interop_exported(e->class, e->ours, &job.there);
    lm_status status = lm_interop_check(e, err);
    if (status == LM_OK)
        status = lm_interop_tensors(e->class, &job.there, &job.tensors, &job.count, err);
    if (status == LM_OK) status = fold(&job, err);
    if (status == LM_OK) status = kinds[e->class->format]->write(&job, err);
    if (status == LM_OK) lm_interop_remarks(e->class, e->ours, said);
    free(job.tensors);
    free(job.folded);
    return status;
}
