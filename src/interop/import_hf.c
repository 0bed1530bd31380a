/* A directory of Hugging Face's transformers: config.json, model.safetensors or shards with their
 * index, the tokenizer's files. What config.json means is read in import_hf_config.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "containers/safetensors.h"
#include "interop/import_hf.h"
#include "interop/source_parts.h"

#define INDEX "model.safetensors.index.json"

enum { MOST_SHARDS = 1000, MOST_TEMPLATES = 100 };

typedef struct directory {
    lm_safetensors *files;
    lm_interop_container *list;
    size_t count;
} directory;

static bool has(const char *path, const char *name) {
    char *file = lm_file_join(path, name);
    bool there = file && lm_file_exists(file) && !lm_file_is_directory(file);
    free(file);
    return there;
}

static bool probe(const char *path, const unsigned char *front, size_t size) {
    (void)front;
    (void)size;
    return lm_file_is_directory(path) && has(path, "config.json");
}

static void close_directory(lm_interop_source *s) {
    directory *d = s->state;
    if (!d) return;
    for (size_t i = 0; i < d->count; i++) lm_safetensors_close(&d->files[i]);
    free(d->files);
    free(d->list);
    free(d);
    s->state = NULL;
}

/* ---- files of weights -------------------------------------------------------------------------*/

static bool is_listed(const lm_text *names, const char *name) {
    for (size_t at = 0; at < names->length; at += strlen(names->data + at) + 1)
        if (strcmp(names->data + at, name) == 0) return true;
    return false;
}

/* The files that the index names, each followed by a NUL. Paths in it are names in the
 * directory. */
static lm_status read_index(const lm_interop_source *s, lm_text *names, lm_error *err) {
    lm_interop_values v = {0};
    char *path = lm_file_join(s->path, INDEX);
    lm_status status = path ? lm_interop_values_read(&v, path, err) : lm_error_no_memory(err, path);
    for (size_t i = 0; i < v.count && status == LM_OK; i++) {
        const lm_interop_value *value = &v.list[i];
        const char *name = v.texts.data + value->text, *key = v.texts.data + value->path;
        if (strncmp(key, "weight_map.", 11) != 0) continue;
        if (value->kind != LM_JSON_STRING || !*name || strchr(name, '/') || *name == '.')
            status = lm_error_damaged(err, "%s: key %s: expected the name of a file beside it",
                                      path, key);
        else if (!is_listed(names, name))
            lm_text_append(names, name, strlen(name) + 1);
    }
    if (status == LM_OK && names->failed) status = lm_error_no_memory(err, path);
    if (status == LM_OK && names->length == 0)
        status = lm_error_damaged(err, "%s: expected a weight_map, found none", path);
    lm_interop_values_free(&v);
    free(path);
    return status;
}

static lm_status open_file(const lm_interop_source *s, directory *d, const char *name,
                           lm_error *err) {
    char *path = lm_file_join(s->path, name);
    if (!path) return lm_error_no_memory(err, s->path);
    lm_status status = lm_safetensors_open(&d->files[d->count], path, err);
    if (status == LM_OK) {
        d->list[d->count] =
            (lm_interop_container){&d->files[d->count].file, &d->files[d->count].tensors};
        d->count++;
    }
    free(path);
    return status;
}

static lm_status open_files(lm_interop_source *s, lm_error *err) {
    lm_text names = {0};
    size_t n = 0;
    lm_status status = LM_OK;
    directory *d = s->state = calloc(1, sizeof *d);
    if (!d) return lm_error_no_memory(err, s->path);
    if (has(s->path, "model.safetensors"))
        lm_text_append(&names, "model.safetensors", sizeof "model.safetensors");
    else if (has(s->path, INDEX))
        status = read_index(s, &names, err);
    else
        status =
            lm_error_set(err, LM_ERR_RUNTIME,
                         "%s: expected model.safetensors or " INDEX ", found neither%s", s->path,
                         has(s->path, "pytorch_model.bin")
                             ? " (pytorch_model.bin is a pickle, which is not read: let"
                               " transformers save it as safetensors)"
                             : "");
    if (status != LM_OK) goto out;
    for (size_t at = 0; at < names.length; at += strlen(names.data + at) + 1) n++;
    if (n > MOST_SHARDS) {
        status = lm_error_damaged(err, "%s: expected at most %d files of weights, found %zu",
                                  s->path, MOST_SHARDS, n);
        goto out;
    }
    d->files = calloc(n + 1, sizeof *d->files);
    d->list = calloc(n + 1, sizeof *d->list);
    status = d->files && d->list ? LM_OK : lm_error_no_memory(err, s->path);
    for (size_t at = 0; at < names.length && status == LM_OK; at += strlen(names.data + at) + 1)
        status = open_file(s, d, names.data + at, err);
    /* A name in two shards. */
    for (size_t i = 0; i < d->count && status == LM_OK; i++)
        for (size_t j = 0; j < d->list[i].tensors->count && status == LM_OK; j++) {
            size_t in;
            const char *name = d->list[i].tensors->list[j].name;
            lm_interop_find_tensor(d->list, d->count, name, &in);
            if (in != i)
                status = lm_error_damaged(err, "%s: tensor %s is in %s too", d->list[i].file->path,
                                          name, d->list[in].file->path);
        }
out:
    lm_text_free(&names);
    return status;
}

/* ---- beside the weights -----------------------------------------------------------------------*/

/* The file that lm_tokenizer_open reads, where there is one. */
static lm_status find_tokenizer(lm_interop_source *s, lm_error *err) {
    static const char *const names[] = {"tokenizer.json", "vocab.json"};
    for (int i = 0; i < 2; i++) {
        if (!has(s->path, names[i])) continue;
        s->tokenizer = lm_file_join(s->path, names[i]);
        return s->tokenizer ? LM_OK : lm_error_no_memory(err, s->path);
    }
    if (has(s->path, "tokenizer.model"))
        lm_text_say(&s->said, "tokenizer.model of SentencePiece is not read: let transformers save"
                              " the tokenizer as tokenizer.json\n");
    return LM_OK;
}

/* The key chat_template: a text, or a list of texts with names, of which the one called "default"
 * counts. NULL: none. */
static const char *template_of(lm_interop_source *s, lm_interop_values *v) {
    char name[64], text[64];
    if (lm_interop_has_value(v, "chat_template"))
        return lm_interop_value_string(v, "chat_template");
    const char *found = NULL;
    int n = 0;
    for (; n < MOST_TEMPLATES; n++) {
        snprintf(name, sizeof name, "chat_template.%d.name", n);
        snprintf(text, sizeof text, "chat_template.%d.template", n);
        const char *called = lm_interop_value_string_or(v, name, NULL);
        if (!called) break;
        if (strcmp(called, "default") == 0) found = lm_interop_value_string(v, text);
    }
    if (n > (found != NULL))
        lm_text_say(&s->said, "of %d chat templates %s is taken over\n", n,
                    found ? "only \"default\"" : "none");
    return found;
}

/* A text that JSON and GGUF can hold. */
static lm_status check_template(const char *path, const lm_text *t, lm_error *err) {
    for (size_t at = 0, n; at < t->length && !t->failed; at += n) {
        n = lm_text_utf8_length(t->data + at, t->length - at);
        if (n == 0 || t->data[at] == '\0')
            return lm_error_damaged(err,
                                    "%s: byte offset %zu: expected UTF-8 text, found the byte"
                                    " 0x%02X",
                                    path, at, (unsigned char)t->data[at]);
    }
    return LM_OK;
}

/* The text of chat_template.jinja, or of that key in tokenizer_config.json. */
static lm_status find_template(lm_interop_source *s, lm_error *err) {
    lm_interop_values v = {0};
    lm_status status = LM_OK;
    lm_text *to = &s->kept.chat_template;
    char *jinja = lm_file_join(s->path, "chat_template.jinja");
    char *config = lm_file_join(s->path, "tokenizer_config.json");
    if (!jinja || !config) {
        status = lm_error_no_memory(err, s->path);
    } else if (lm_file_exists(jinja)) {
        status = lm_file_read(jinja, LM_INTEROP_VALUES_MOST, to, err);
        if (status == LM_OK) status = check_template(jinja, to, err);
    } else if (lm_file_exists(config)) {
        status = lm_interop_values_read(&v, config, err);
        const char *text = status == LM_OK ? template_of(s, &v) : NULL;
        if (text) lm_text_append(to, text, strlen(text));
        if (status == LM_OK) status = v.status;
    }
    lm_interop_values_free(&v);
    free(jinja);
    free(config);
    return status;
}

/* generation_config.json, where there is one: it may name more tokens that end a text. */
static lm_status read_generation(lm_interop_source *s, lm_error *err) {
    lm_interop_values v = {0};
    if (!has(s->path, "generation_config.json")) return LM_OK;
    char *path = lm_file_join(s->path, "generation_config.json");
    lm_status status = path ? lm_interop_values_read(&v, path, err) : lm_error_no_memory(err, NULL);
    if (status == LM_OK) {
        lm_interop_hf_read_special(s, &v);
        status = v.status;
    }
    lm_interop_values_free(&v);
    free(path);
    return status;
}

static lm_status open_directory(lm_interop_source *s, lm_error *err) {
    lm_interop_values v = {0};
    char *path = lm_file_join(s->path, "config.json");
    lm_status status = path ? lm_interop_values_read(&v, path, err) : lm_error_no_memory(err, NULL);
    if (status == LM_OK) status = lm_interop_hf_read_config(s, &v);
    if (status == LM_OK) status = read_generation(s, err);
    if (status == LM_OK) status = open_files(s, err);
    if (status == LM_OK) status = find_tokenizer(s, err);
    if (status == LM_OK) status = find_template(s, err);
    lm_interop_values_free(&v);
    free(path);
    return status;
}

/* Buffers that older versions of transformers stored, and a head that is the embedding. */
static bool is_buffer(const char *name) {
    return lm_text_ends_with(name, ".attn.bias") || lm_text_ends_with(name, ".attn.masked_bias") ||
           lm_text_ends_with(name, ".rotary_emb.inv_freq");
}
static bool is_buffer_or_head(const char *name) {
    return is_buffer(name) || strcmp(name, "lm_head.weight") == 0;
}

static lm_status place(lm_interop_source *s, lm_error *err) {
    const directory *d = s->state;
    /* Files of a model without its head lack the name of what is inside it. */
    const char *prefix = strcmp(s->class->type, "gpt2") == 0 ? "transformer." : "model.";
    return lm_interop_place_by_name(s, d->list, d->count, prefix,
                                    s->options.tie_embeddings ? is_buffer_or_head : is_buffer, err);
}

const lm_interop_reader lm_interop_reader_hf = {
    .name = "Hugging Face",
    .probe = probe,
    .open = open_directory,
    .place = place,
    .close = close_directory,
};
