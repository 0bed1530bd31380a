/* llama2.c's model.bin, version 0, which its run.c reads, and version 1 (its export.py), with the
 * tokenizer.bin of its tokenizer.py beside it. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"
#include "interop/export_parts.h"
#include "nn/rope.h"

static lm_status write_head(const lm_interop_job *job, lm_file_writer *w, lm_error *err) {
    const lm_model_options *o = &job->there;
    const bool v1 = job->e->class->format == LM_INTEROP_LLAMA2C_V1;
    /* version 0 says by the sign that the head is a matrix of its own */
    int64_t vocab = v1 || o->tie_embeddings ? o->vocab_size : -o->vocab_size;
    const int64_t fields[] = {o->d_model,    o->d_ff, o->n_layers,      o->n_heads,
                              o->n_kv_heads, vocab,   o->context_length};
    unsigned char head[256] = {0}, *at = head;
    if (v1) {
        lm_write_u32(at, 0x616b3432u); /* "ak42" */
        lm_write_u32(at + 4, 1);
        at += 8;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++, at += 4)
        lm_write_u32(at, (uint32_t)fields[i]);
    if (v1) *at = o->tie_embeddings;
    return lm_file_writer_write(w, head, v1 ? sizeof head : (size_t)(at - head), err);
}

/* Version 0 has the cosines and sines of all positions between the norm and the head, which its
 * readers skip. */
static lm_status write_rotations(const lm_model_options *o, lm_file_writer *w, lm_error *err) {
    const int64_t d = lm_interop_head_size(o), count = o->context_length * (d / 2);
    float *cos = calloc((size_t)count, sizeof *cos), *sin = calloc((size_t)count, sizeof *sin);
    lm_status status = cos && sin ? LM_OK : lm_error_no_memory(err, w->path);
    if (status == LM_OK) {
        const lm_rope_frequencies f = {.turned = d, .theta = o->rope_theta};
        lm_rope_table(&f, o->context_length, cos, sin);
        status = lm_file_writer_write(w, cos, (size_t)count * sizeof *cos, err);
    }
    if (status == LM_OK) status = lm_file_writer_write(w, sin, (size_t)count * sizeof *sin, err);
    free(cos);
    free(sin);
    return status;
}

static lm_status write_model(const lm_interop_job *job, lm_file_writer *w, lm_error *err) {
    lm_status status = write_head(job, w, err);
    for (int64_t i = 0; i < job->count && status == LM_OK; i++) {
        status = lm_interop_each_piece(job, i, LM_ELEMENT_F32, lm_interop_append, w, err);
        if (status == LM_OK && job->e->class->format == LM_INTEROP_LLAMA2C &&
            strcmp(job->tensors[i].ours, "ln_f.weight") == 0)
            status = write_rotations(&job->there, w, err);
    }
    return status;
}

/* u32 longest; then of each token a score, by which pairs are merged, the length and the bytes. */
static lm_status add_tokenizer(const lm_interop_job *job, lm_interop_files *files, lm_error *err) {
    const lm_tokenizer *t = job->e->tokenizer;
    lm_text out = {0}, token = {0};
    unsigned char head[8] = {0};
    uint32_t longest = 0;
    lm_status status;
    lm_text_append(&out, head, 4);
    for (int64_t id = 0; id < job->there.vocab_size; id++) {
        float score = -(float)id;
        uint32_t bits;
        token.length = 0;
        lm_tokenizer_decode(t, (int32_t)id, &token);
        longest = (uint32_t)lm_max(longest, (int64_t)token.length);
        memcpy(&bits, &score, sizeof bits);
        lm_write_u32(head, bits);
        lm_write_u32(head + 4, (uint32_t)token.length);
        lm_text_append(&out, head, sizeof head);
        lm_text_append(&out, lm_text_cstr(&token), token.length);
    }
    if (!out.failed) lm_write_u32(out.data, longest);
    out.failed |= token.failed;
    status = lm_interop_files_add(files, "tokenizer.bin", &out, err);
    lm_text_say(job->said, "tokenizer.bin: run.c prints text by it, but begins every prompt with"
                           " token 1 and a space, and merges without splitting text into pieces:"
                           " prompts are other ids than here\n");
    lm_text_free(&out);
    lm_text_free(&token);
    return status;
}

static lm_status write_llama2c(lm_interop_job *job, lm_error *err) {
    return lm_interop_write_model(job, write_model, add_tokenizer, err);
}

const lm_interop_kind lm_interop_kind_llama2c = {
    .dtypes = 1, .is_directory = true, .write = write_llama2c};
const lm_interop_kind lm_interop_kind_llama2c_v1 = {
    .dtypes = 1, .is_directory = true, .write = write_llama2c};
