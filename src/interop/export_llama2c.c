/* llama2.c's model.bin, version 0, which its run.c reads, and version 1 (its export.py), with the
 * tokenizer.bin of its tokenizer.py beside it. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"
#include "interop/export_parts.h"
#include "nn/rope.h"
#include "tokenizer/gguf_vocabulary.h"

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

/* ---- tokenizer.bin ----------------------------------------------------------------------------*/

/* u32, the longest token's bytes; then of each token its score, its bytes' number and the bytes. */
typedef struct token_writer {
    lm_text out;
    uint32_t longest;
} token_writer;

static void put_token(token_writer *w, float score, const char *text, size_t size) {
    unsigned char head[8];
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    lm_write_u32(head, bits);
    lm_write_u32(head + 4, (uint32_t)size);
    lm_text_append(&w->out, head, sizeof head);
    lm_text_append(&w->out, text, size);
    w->longest = (uint32_t)lm_max(w->longest, (int64_t)size);
}

/* A piece as SentencePiece prints it, with U+2581 for spaces, which run.c wants as spaces; and the
 * names that llama2.c's tokenizer.py gives to the ends of texts. */
static void put_piece(token_writer *w, const lm_gguf_vocabulary *v, int64_t id) {
    static const char space[] = "\xE2\x96\x81";
    const lm_gguf_string *token = &v->tokens[id];
    lm_text text = {0};
    if (id == v->begin) {
        lm_text_printf(&text, "\n<s>\n");
    } else if (id == v->end) {
        lm_text_printf(&text, "\n</s>\n");
    } else {
        for (size_t i = 0; i < token->size;) {
            bool is_space = token->size - i >= 3 && memcmp(token->text + i, space, 3) == 0;
            lm_text_append(&text, is_space ? " " : token->text + i, 1);
            i += is_space ? 3 : 1;
        }
    }
    put_token(w, v->scores[id], lm_text_cstr(&text), text.length);
    w->out.failed |= text.failed;
    lm_text_free(&text);
}

/* Of a tokenizer that is not SentencePiece's: enough to print text. */
static void put_bytes(token_writer *w, const lm_interop_job *job) {
    lm_text text = {0};
    for (int64_t id = 0; id < job->there.vocab_size; id++) {
        text.length = 0;
        lm_tokenizer_decode(job->e->tokenizer, (int32_t)id, &text);
        put_token(w, -(float)id, lm_text_cstr(&text), text.length);
    }
    lm_text_say(job->said, "tokenizer.bin: run.c prints text by it, but begins every prompt with"
                           " token 1 and a space, and merges without splitting text into pieces:"
                           " prompts are other ids than here\n");
    w->out.failed |= text.failed;
    lm_text_free(&text);
}

static lm_status add_tokenizer(const lm_interop_job *job, lm_interop_files *files, lm_error *err) {
    token_writer w = {.longest = 0};
    lm_gguf_vocabulary v;
    lm_error aside;
    bool known =
        lm_tokenizer_to_gguf(job->e->tokenizer, job->there.vocab_size, &v, &aside) == LM_OK;
    lm_text_append(&w.out, "\0\0\0\0", 4);
    if (known && v.scores)
        for (int64_t id = 0; id < v.n_tokens; id++) put_piece(&w, &v, id);
    else
        put_bytes(&w, job);
    if (!w.out.failed) lm_write_u32(w.out.data, w.longest);
    lm_status status = lm_interop_files_add(files, "tokenizer.bin", &w.out, err);
    if (known) lm_gguf_vocabulary_free(&v);
    lm_text_free(&w.out);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------*/

static lm_status write_llama2c(lm_interop_job *job, lm_error *err) {
    return lm_interop_write_model(job, write_model, add_tokenizer, err);
}

const lm_interop_kind lm_interop_kind_llama2c = {
    .dtypes = 1, .is_directory = true, .write = write_llama2c};
const lm_interop_kind lm_interop_kind_llama2c_v1 = {
    .dtypes = 1, .is_directory = true, .write = write_llama2c};
