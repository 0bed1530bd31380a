/* Files of llama2.c (versions 0 to 2) and of llm.c, which have a header and then the tensors in an
 * order that everybody knows (llama2.c, export.py; llm.c, train_gpt2.py). */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "interop/import_hf.h"
#include "interop/source_parts.h"

#define LLAMA2C_MAGIC UINT32_C(0x616b3432) /* "ak42" */
#define LLMC_MAGIC    UINT32_C(20240326)

enum {
    MOST = INT32_MAX,
    V0_HEADER = 28,  /* bytes */
    V1_HEADER = 256, /* likewise, of versions 1 and 2 */
    LLMC_HEADER = 1024,
};

static void close_file(lm_interop_source *s) {
    if (!s->state) return;
    lm_file_reader_close(s->state);
    free(s->state);
    s->state = NULL;
}

/* Opens the file, which must have at least the header. */
static lm_status open_header(lm_interop_source *s, unsigned char *header, size_t size,
                             lm_error *err) {
    lm_file_reader *file = s->state = calloc(1, sizeof *file);
    if (!file) return lm_error_no_memory(err, s->path);
    lm_status status = lm_file_reader_open(file, s->path, err);
    if (status != LM_OK) {
        free(file);
        s->state = NULL;
        return status;
    }
    if (file->size < size)
        return lm_error_damaged(err, "%s: expected a header of %zu bytes, found %llu", s->path,
                                size, (unsigned long long)file->size);
    return lm_file_reader_at(file, 0, header, size, err);
}

static int64_t int_at(const unsigned char *header, int i) {
    return (int32_t)lm_read_u32(header + 4 * i);
}

static lm_status check(const lm_interop_source *s, const char *what, int64_t value, int64_t high,
                       lm_error *err) {
    if (value >= 1 && value <= high) return LM_OK;
    return lm_error_damaged(err, "%s: header: %s: expected a number from 1 to %lld, found %lld",
                            s->path, what, (long long)high, (long long)value);
}

/* The tokenizer's file has no other place than beside the model's: ours, where lmtrain exported the
 * model, or llama2.c's. */
static lm_status find_tokenizer(lm_interop_source *s, lm_error *err) {
    static const char *const names[] = {"tokenizer.json", "tokenizer.bin"};
    const char *slash = strrchr(s->path, '/');
    size_t directory = slash ? (size_t)(slash + 1 - s->path) : 0;
    for (int i = 0; i < 2 && !s->tokenizer; i++) {
        char *path = malloc(directory + strlen(names[i]) + 1);
        if (!path) return lm_error_no_memory(err, s->path);
        memcpy(path, s->path, directory);
        strcpy(path + directory, names[i]);
        if (lm_file_exists(path))
            s->tokenizer = path;
        else
            free(path);
    }
    return LM_OK;
}

/* ---- llama2.c ---------------------------------------------------------------------------------*/

/* The seven numbers from header + at on: dim, hidden_dim, n_layers, n_heads, n_kv_heads,
 * vocab_size, max_seq_len. */
static bool is_plausible(const unsigned char *header) {
    int64_t dim = int_at(header, 0), heads = int_at(header, 3), kv = int_at(header, 4);
    for (int i = 0; i < 7; i++)
        if (i != 5 && (int_at(header, i) < 1 || int_at(header, i) > 1 << 24)) return false;
    return dim % heads == 0 && heads % kv == 0 && int_at(header, 2) <= LM_INTEROP_MOST_LAYERS &&
           int_at(header, 5) != 0;
}

static bool probe_llama2c(const char *path, const unsigned char *front, size_t size) {
    (void)path;
    if (size >= V1_HEADER && lm_read_u32(front) == LLAMA2C_MAGIC) return true;
    return size >= V0_HEADER && is_plausible(front);
}

static lm_status read_llama2c(lm_interop_source *s, const unsigned char *header, lm_error *err) {
    lm_model_options *o = &s->options;
    int64_t vocab = int_at(header, 5);
    lm_status status;
    if (vocab < 0) vocab = -vocab; /* version 0: the head is a matrix of its own */
    o->d_model = int_at(header, 0);
    o->d_ff = int_at(header, 1);
    o->n_layers = int_at(header, 2);
    o->n_heads = int_at(header, 3);
    o->n_kv_heads = int_at(header, 4);
    o->vocab_size = vocab;
    o->context_length = int_at(header, 6);
    if ((status = check(s, "dim", o->d_model, MOST, err)) != LM_OK ||
        (status = check(s, "hidden_dim", o->d_ff, MOST, err)) != LM_OK ||
        (status = check(s, "n_layers", o->n_layers, LM_INTEROP_MOST_LAYERS, err)) != LM_OK ||
        (status = check(s, "n_heads", o->n_heads, MOST, err)) != LM_OK ||
        (status = check(s, "n_kv_heads", o->n_kv_heads, MOST, err)) != LM_OK ||
        (status = check(s, "vocab_size", vocab, MOST, err)) != LM_OK ||
        (status = check(s, "max_seq_len", o->context_length, MOST, err)) != LM_OK)
        return status;
    return find_tokenizer(s, err);
}

static lm_status open_llama2c(lm_interop_source *s, lm_error *err) {
    unsigned char header[V1_HEADER];
    lm_status status = open_header(s, header, V0_HEADER, err);
    if (status != LM_OK) return status;
    if (lm_read_u32(header) != LLAMA2C_MAGIC) {
        s->class = lm_interop_class_named(LM_INTEROP_LLAMA2C, "Llama");
        s->options.tie_embeddings = int_at(header, 5) > 0;
        return read_llama2c(s, header, err);
    }
    const lm_file_reader *file = s->state;
    if (file->size < V1_HEADER)
        return lm_error_damaged(err, "%s: expected a header of %d bytes, found %llu", s->path,
                                V1_HEADER, (unsigned long long)file->size);
    if ((status = lm_file_reader_at(file, 0, header, V1_HEADER, err)) != LM_OK) return status;
    int64_t version = int_at(header, 1);
    if (version != 1 && version != 2)
        return lm_error_damaged(err, "%s: expected version 1 or 2 of llama2.c's format, found %lld",
                                s->path, (long long)version);
    s->class = lm_interop_class_named(LM_INTEROP_LLAMA2C_V1, "Llama");
    s->options.tie_embeddings = header[36] == 1;
    return read_llama2c(s, header + 8, err);
}

static lm_status place_llama2c(lm_interop_source *s, lm_error *err) {
    unsigned char header[V1_HEADER];
    const lm_file_reader *file = s->state;
    lm_interop_order order = {.file = file, .offset = V0_HEADER, .element = LM_ELEMENT_F32};
    if (s->class->format == LM_INTEROP_LLAMA2C) { /* tables of cosines and sines */
        order.skipped = (uint64_t)s->options.context_length * (uint64_t)s->options.head_dim * 4;
        return lm_interop_place_in_order(s, &order, err);
    }
    lm_status status = lm_file_reader_at(file, 0, header, V1_HEADER, err);
    if (status != LM_OK) return status;
    order.offset = V1_HEADER;
    if (int_at(header, 1) == 2) {
        order.element = LM_INTEROP_INT8_GROUPS;
        order.group = (int32_t)lm_read_u32(header + 37);
        if ((status = check(s, "group_size", order.group, 1 << 20, err)) != LM_OK) return status;
    }
    return lm_interop_place_in_order(s, &order, err);
}

const lm_interop_reader lm_interop_reader_llama2c = {
    .name = "llama2.c",
    .probe = probe_llama2c,
    .open = open_llama2c,
    .place = place_llama2c,
    .close = close_file,
};

/* ---- llm.c ------------------------------------------------------------------------------------*/

static bool probe_llmc(const char *path, const unsigned char *front, size_t size) {
    (void)path;
    return size >= LLMC_HEADER && lm_read_u32(front) == LLMC_MAGIC;
}

static lm_status open_llmc(lm_interop_source *s, lm_error *err) {
    unsigned char header[LLMC_HEADER];
    lm_model_options *o = &s->options;
    lm_status status = open_header(s, header, LLMC_HEADER, err);
    if (status != LM_OK) return status;
    int64_t version = int_at(header, 1);
    if (version != 3 && version != 5)
        return lm_error_damaged(err,
                                "%s: expected version 3 (fp32) or 5 (bf16) of llm.c's format, found"
                                " %lld",
                                s->path, (long long)version);
    s->class = lm_interop_class_named(LM_INTEROP_LLMC, "GPT-2");
    o->context_length = int_at(header, 2);
    o->vocab_size = int_at(header, 3);
    o->n_layers = int_at(header, 4);
    o->n_heads = int_at(header, 5);
    o->d_model = int_at(header, 6);
    if ((status = check(s, "max_seq_len", o->context_length, MOST, err)) != LM_OK ||
        (status = check(s, "vocab_size", o->vocab_size, MOST - 128, err)) != LM_OK ||
        (status = check(s, "num_layers", o->n_layers, LM_INTEROP_MOST_LAYERS, err)) != LM_OK ||
        (status = check(s, "num_heads", o->n_heads, MOST, err)) != LM_OK ||
        (status = check(s, "channels", o->d_model, MOST / 4, err)) != LM_OK)
        return status;
    int64_t padded = (o->vocab_size + 127) / 128 * 128;
    if (int_at(header, 7) != padded)
        return lm_error_damaged(err, "%s: header: padded_vocab_size: expected %lld, found %lld",
                                s->path, (long long)padded, (long long)int_at(header, 7));
    o->d_ff = 4 * o->d_model;
    o->norm = LM_NORM_LAYERNORM;
    o->position = LM_POSITION_LEARNED;
    o->mlp = LM_MLP_GELU_TANH;
    o->bias = o->tie_embeddings = true;
    return find_tokenizer(s, err);
}

static lm_status place_llmc(lm_interop_source *s, lm_error *err) {
    unsigned char header[8];
    lm_status status = lm_file_reader_at(s->state, 0, header, sizeof header, err);
    if (status != LM_OK) return status;
    lm_interop_order order = {.file = s->state,
                              .offset = LLMC_HEADER,
                              .element = int_at(header, 1) == 3 ? LM_ELEMENT_F32 : LM_ELEMENT_BF16};
    return lm_interop_place_in_order(s, &order, err);
}

const lm_interop_reader lm_interop_reader_llmc = {
    .name = "llm.c",
    .probe = probe_llmc,
    .open = open_llmc,
    .place = place_llmc,
    .close = close_file,
};
