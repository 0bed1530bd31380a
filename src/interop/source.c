#include "interop/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "interop/source_parts.h"

static const lm_interop_reader *const readers[] = {
    &lm_interop_reader_hf,      &lm_interop_reader_gguf, &lm_interop_reader_nanogpt,
    &lm_interop_reader_llama2c, &lm_interop_reader_llmc,
};
enum { READERS = sizeof readers / sizeof *readers, FRONT = 4096 };

/* The first bytes of a regular file; 0 of anything else. */
static size_t read_front(const char *path, unsigned char front[FRONT]) {
    lm_file_reader r;
    lm_error aside;
    if (lm_file_is_directory(path) || lm_file_reader_open(&r, path, &aside) != LM_OK) return 0;
    size_t n = r.size < FRONT ? (size_t)r.size : FRONT;
    if (lm_file_reader_at(&r, 0, front, n, &aside) != LM_OK) n = 0;
    lm_file_reader_close(&r);
    return n;
}

static const lm_interop_reader *find_reader(const char *path) {
    unsigned char front[FRONT];
    size_t n = read_front(path, front);
    for (int i = 0; i < READERS; i++)
        if (readers[i]->probe(path, front, n)) return readers[i];
    return NULL;
}

/* The model's file in a directory of llama2.c's or llm.c's files; else the path. malloc'd. */
static char *file_in(const char *path) {
    char *config = lm_file_join(path, "config.json"), *model = lm_file_join(path, "model.bin");
    bool inside = config && model && !lm_file_exists(config) && lm_file_exists(model);
    char *file = inside ? model : strdup(path);
    if (!inside) free(model);
    free(config);
    return file;
}

const char *lm_interop_format_of(const char *path) {
    char *file = file_in(path);
    const lm_interop_reader *reader = file ? find_reader(file) : NULL;
    free(file);
    return reader ? reader->name : NULL;
}

lm_model_options lm_interop_options(void) {
    return (lm_model_options){.norm = LM_NORM_RMSNORM,
                              .norm_eps = 1e-5,
                              .position = LM_POSITION_ROPE,
                              .rope_theta = 10000,
                              .rope_factor = 8,
                              .rope_low_freq_factor = 1,
                              .rope_high_freq_factor = 4,
                              .rope_original_context = 8192,
                              .mlp = LM_MLP_SWIGLU,
                              .init = LM_INIT_GPT2,
                              .init_std = 0.02,
                              .document_token = LM_TOKEN_UNKNOWN};
}

/* Some models name a token that their vocabulary lacks, for padding mostly. Nothing may look it up:
 * -1 then. */
static int32_t check_token(lm_interop_source *s, const char *name, int32_t id) {
    if (id < s->options.vocab_size) return id;
    lm_text_say(&s->said, "the %s token %ld is beyond the vocabulary of %lld, and is left out\n",
                name, (long)id, (long long)s->options.vocab_size);
    return -1;
}

static void check_special(lm_interop_source *s) {
    const lm_interop_special was = s->kept.special;
    lm_interop_special *special = &s->kept.special;
    *special = lm_interop_kept_none().special;
    special->bos = check_token(s, "begin", was.bos);
    special->pad = check_token(s, "padding", was.pad);
    for (int32_t i = 0; lm_interop_end_at(&was, i) >= 0; i++)
        lm_interop_add_end(special, check_token(s, "end", lm_interop_end_at(&was, i)));
}

/* What cannot be read says so; the rest is read, and no reader knows it. */
static lm_status not_a_model(const char *path, lm_error *err) {
    lm_file_reader r;
    if (!lm_file_is_directory(path)) {
        lm_status status = lm_file_reader_open(&r, path, err);
        if (status != LM_OK) return status;
        lm_file_reader_close(&r);
    }
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: expected a model: a directory with config.json, a .gguf, or a file of"
                        " llama2.c, llm.c or (as .safetensors) nanoGPT",
                        path);
}

lm_status lm_interop_open(lm_interop_source *s, const char *path, lm_error *err) {
    *s = (lm_interop_source){.options = lm_interop_options(), .kept = lm_interop_kept_none()};
    lm_status status = LM_OK;
    if (!(s->path = file_in(path))) return lm_error_no_memory(err, path);
    if (!(s->reader = find_reader(s->path))) {
        status = not_a_model(path, err);
        goto out;
    }
    if ((status = s->reader->open(s, err)) != LM_OK) goto out;
    if ((status = lm_model_resolve(&s->options, err)) != LM_OK) {
        lm_error_prefix(err, "%s", path);
        goto out;
    }
    status = lm_interop_tensors(s->class, &s->options, &s->tensors, &s->count, err);
    if (status != LM_OK) goto out;
    s->stored = calloc((size_t)s->count + 1, sizeof *s->stored);
    if (!s->stored) {
        status = lm_error_no_memory(err, path);
        goto out;
    }
    check_special(s);
    status = s->reader->place(s, err);
    if (status == LM_OK && (s->said.failed || s->kept.chat_template.failed))
        status = lm_error_no_memory(err, path);
out:
    if (status != LM_OK) lm_interop_close(s);
    return status;
}

const char *lm_interop_stored_type(const lm_interop_source *s, int64_t i, uint64_t *bytes) {
    const lm_interop_stored *from = &s->stored[i];
    const int64_t n = s->tensors[i].shape[0] * s->tensors[i].shape[1];
    if (!from->file) return NULL;
    if (from->element == LM_INTEROP_INT8_GROUPS) {
        *bytes = (uint64_t)n + (uint64_t)lm_divide_up(n, from->group) * sizeof(float);
        return "I8";
    }
    LM_ASSERT(lm_element_bytes(from->element, n, bytes));
    return lm_element_at(from->element)->name;
}

void lm_interop_close(lm_interop_source *s) {
    if (s->reader) s->reader->close(s);
    free(s->path);
    free(s->tokenizer);
    free(s->tensors);
    free(s->stored);
    lm_text_free(&s->said);
    lm_interop_kept_free(&s->kept);
    memset(s, 0, sizeof *s);
}
