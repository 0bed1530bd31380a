/* llm.c's model.bin, version 3 (fp32) or 5 (bf16), and its tokenizer.bin (train_gpt2.py). */
#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"
#include "interop/encode.h"
#include "interop/export_parts.h"

enum { FIELDS = 256, MODEL = 20240326, TOKENIZER = 20240328 };

static void put_head(lm_text *out, const int64_t *fields, size_t n) {
    unsigned char head[4 * FIELDS] = {0};
    for (size_t i = 0; i < n; i++) lm_write_u32(head + 4 * i, (uint32_t)fields[i]);
    lm_text_append(out, head, sizeof head);
}

static lm_status write_model(const lm_interop_job *job, lm_file_writer *w, lm_error *err) {
    const lm_model_options *o = &job->there;
    const lm_element element = lm_interop_dtype_element(job->e->dtype);
    const int64_t fields[] = {MODEL,
                              element == LM_ELEMENT_F32 ? 3 : 5,
                              o->context_length,
                              o->vocab_size,
                              o->n_layers,
                              o->n_heads,
                              o->d_model,
                              job->tensors[0].shape[0]};
    lm_text head = {0};
    put_head(&head, fields, sizeof fields / sizeof *fields);
    lm_status status = head.failed ? lm_error_no_memory(err, w->path)
                                   : lm_file_writer_write(w, head.data, head.length, err);
    for (int64_t i = 0; i < job->count && status == LM_OK; i++)
        status = lm_interop_each_piece(job, i, element, lm_interop_append, w, err);
    lm_text_free(&head);
    return status;
}

/* A byte of length, and the bytes, of each token. */
static lm_status add_tokenizer(const lm_interop_job *job, lm_interop_files *files, lm_error *err) {
    const lm_tokenizer *t = job->e->tokenizer;
    const int64_t fields[] = {TOKENIZER, 2, job->there.vocab_size,
                              lm_max(0, lm_tokenizer_end_token(t))};
    lm_text out = {0}, token = {0};
    lm_status status = LM_OK;
    put_head(&out, fields, sizeof fields / sizeof *fields);
    for (int64_t id = 0; id < job->there.vocab_size; id++) {
        token.length = 0;
        lm_tokenizer_decode(t, (int32_t)id, &token);
        if (token.length > 255) {
            lm_text_say(job->said,
                        "token %lld has %zu bytes, more than llm.c's tokenizer.bin can"
                        " hold: there is no tokenizer.bin\n",
                        (long long)id, token.length);
            goto out;
        }
        unsigned char length = (unsigned char)token.length;
        lm_text_append(&out, &length, 1);
        lm_text_append(&out, lm_text_cstr(&token), token.length);
    }
    out.failed |= token.failed;
    status = lm_interop_files_add(files, "tokenizer.bin", &out, err);
out:
    lm_text_free(&out);
    lm_text_free(&token);
    return status;
}

static lm_status write_llmc(lm_interop_job *job, lm_error *err) {
    return lm_interop_write_model(job, write_model, add_tokenizer, err);
}

/* f32, bf16 */
const lm_interop_kind lm_interop_kind_llmc = {
    .dtypes = 3, .is_directory = true, .write = write_llmc};
