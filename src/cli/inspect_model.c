#include "cli/inspect_model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "containers/gguf.h"
#include "containers/safetensors.h"
#include "machine/cpu.h"
#include "saved/foreign.h"

bool lm_inspect_model_is(const char *path) {
    return lm_interop_format_of(path) || (lm_file_exists(path) && !lm_file_is_directory(path) &&
                                          lm_text_ends_with(path, ".safetensors"));
}

/* ---- tensors ----------------------------------------------------------------------------------*/

/* How many tensors there are of each type. */
typedef struct types {
    const char *names[32];
    int64_t counts[32];
    uint64_t bytes;
    int n;
} types;

static void count_type(types *t, const char *name, uint64_t bytes) {
    int i = 0;
    while (i < t->n && strcmp(t->names[i], name) != 0) i++;
    if (i == t->n && i == (int)(sizeof t->names / sizeof *t->names)) return;
    if (i == t->n) t->names[t->n++] = name;
    t->counts[i]++;
    t->bytes += bytes;
}

static void print_types(const types *t, lm_text *out) {
    char size[32];
    int64_t total = 0;
    for (int i = 0; i < t->n; i++) total += t->counts[i];
    lm_text_say(out, "%-12s %" PRId64 ", %s:", "tensors", total,
                lm_text_bytes(size, sizeof size, (double)t->bytes));
    for (int i = 0; i < t->n; i++)
        lm_text_say(out, "%s %" PRId64 " %s", i ? "," : "", t->counts[i], t->names[i]);
    lm_text_say(out, "\n");
}

static void print_head(lm_text *out) {
    lm_text_say(out, "\n%-48s %-8s %-18s %14s\n", "tensor", "type", "shape", "bytes");
}

static void print_tensor(const char *name, const char *type, int ndim, const int64_t *shape,
                         uint64_t bytes, lm_text *out) {
    char text[LM_TENSOR_SHAPE_SIZE];
    lm_text_say(out, "%-48s %-8s %-18s %14" PRIu64 "\n", name, type,
                lm_tensor_shape(text, ndim, shape), bytes);
}

/* ---- a model that import takes ----------------------------------------------------------------*/

static void print_tokenizer(const lm_saved *s, lm_text *out) {
    lm_tokenizer *t = NULL;
    lm_error err;
    lm_text_say(out, "%-12s ", "tokenizer");
    if (lm_saved_tokenizer(s, NULL, &t, &err) != LM_OK)
        lm_text_say(out, "not read: %-s\n", err.message);
    else if (t)
        lm_text_say(out, "%s, %" PRId64 " tokens\n", lm_tokenizer_kind(t),
                    lm_tokenizer_vocab_size(t));
    else
        lm_text_say(out, "none came along\n");
    lm_tokenizer_close(t);
}

static void print_kept(const lm_interop_kept *kept, lm_text *out) {
    const lm_interop_special *special = &kept->special;
    if (special->bos >= 0) lm_text_say(out, "%-12s %" PRId32 "\n", "begins with", special->bos);
    if (special->eos >= 0) lm_text_say(out, "%-12s", "ends at");
    for (int32_t i = 0; lm_interop_end_at(special, i) >= 0; i++)
        lm_text_say(out, "%s%" PRId32, i ? ", " : " ", lm_interop_end_at(special, i));
    if (special->eos >= 0) lm_text_say(out, "\n");
    if (special->pad >= 0) lm_text_say(out, "%-12s %" PRId32 "\n", "padding", special->pad);
    if (kept->chat_template.length > 0)
        lm_text_say(out, "%-12s a chat template of %zu bytes\n", "talks by",
                    kept->chat_template.length);
}

static void print_model(const lm_saved *s, lm_text *out) {
    const lm_model_options *m = &s->config.model;
    char text[32];
    lm_text_say(out, "%-12s %s\n", "parameters",
                lm_text_count(text, sizeof text, (double)s->state.parameters));
    lm_text_say(out,
                "%-12s %" PRId64 " layers of %" PRId64 ", %" PRId64 " heads, %" PRId64
                " of keys and values, context %" PRId64 ", vocabulary %" PRId64 ", %s, %s, %s\n",
                "model", m->n_layers, m->d_model, m->n_heads, m->n_kv_heads, m->context_length,
                m->vocab_size, lm_norm_name(m->norm), lm_position_name(m->position),
                lm_mlp_name(m->mlp));
}

static lm_status verify(const lm_inspect_model *o, const lm_saved *s, lm_text *out, lm_error *err) {
    lm_pool *pool = NULL;
    int64_t total;
    if (!o->verify) return LM_OK;
    lm_model_params(&s->config.model, NULL, &total);
    float *weights = total < 0 ? NULL : calloc((size_t)total, sizeof *weights);
    lm_status status = weights ? LM_OK : lm_error_no_memory(err, s->path);
    if (status == LM_OK) status = lm_pool_create(&pool, lm_cpu_threads(NULL), err);
    if (status == LM_OK) status = lm_interop_read(&s->foreign->source, weights, pool, err);
    if (status == LM_OK) lm_text_say(out, "verified: every number is finite\n");
    lm_pool_free(pool);
    free(weights);
    return status;
}

static lm_status describe(const lm_inspect_model *o, const lm_saved *s, lm_text *out,
                          lm_error *err) {
    const lm_interop_source *source = &s->foreign->source;
    types counted = {0};
    lm_text tensors = {0};
    print_head(&tensors);
    for (int64_t i = 0; i < source->count; i++) {
        const lm_interop_tensor *t = &source->tensors[i];
        uint64_t bytes;
        const char *type = lm_interop_stored_type(source, i, &bytes);
        if (!type) continue;
        count_type(&counted, type, bytes);
        print_tensor(t->name, type, t->ndim, t->shape, bytes, &tensors);
    }
    lm_text_say(out, "%s: a model of %s, %s\n", s->path, lm_interop_format_of(s->path),
                source->class->name);
    print_model(s, out);
    print_types(&counted, out);
    print_tokenizer(s, out);
    print_kept(&source->kept, out);
    for (const char *at = lm_text_cstr(&source->said); *at; at += strcspn(at, "\n") + 1)
        lm_text_say(out, "%-12s %.*s\n", "note", (int)strcspn(at, "\n"), at);
    lm_text_say(out, "%-12s takes it\n", "import");
    if (o->config) {
        lm_text_say(out, "\n");
        lm_config_print_result(&s->config, out);
    }
    lm_text_say(out, "%-s", lm_text_cstr(&tensors));
    out->failed |= tensors.failed;
    lm_text_free(&tensors);
    return verify(o, s, out, err);
}

/* ---- one that it refuses ----------------------------------------------------------------------*/

static void add_tensors(const lm_tensors *list, types *counted, lm_text *out) {
    for (size_t i = 0; i < list->count; i++) {
        const lm_tensor *t = &list->list[i];
        const char *type = lm_element_at(t->element)->name;
        count_type(counted, type, t->bytes);
        print_tensor(t->name, type, t->ndim, t->shape, t->bytes, out);
    }
}

static void add_safetensors(const char *path, types *counted, lm_text *out) {
    lm_safetensors s;
    lm_error aside;
    if (lm_safetensors_open(&s, path, &aside) != LM_OK) return;
    add_tensors(&s.tensors, counted, out);
    lm_safetensors_close(&s);
}

static void add_gguf(const char *path, types *counted, lm_text *out) {
    lm_gguf g;
    lm_error aside;
    if (lm_gguf_open(&g, path, &aside) != LM_OK) return;
    add_tensors(&g.tensors, counted, out);
    lm_gguf_close(&g);
}

static void add_directory(const char *path, types *counted, lm_text *out) {
    lm_file_list list = {0};
    lm_error aside;
    if (lm_file_list_directory(&list, path, &aside) != LM_OK) return;
    for (size_t i = 0; i < list.count; i++) {
        char *file = lm_text_ends_with(list.names[i], ".safetensors")
                         ? lm_file_join(path, list.names[i])
                         : NULL;
        if (file) add_safetensors(file, counted, out);
        free(file);
    }
    lm_file_list_free(&list);
}

static void describe_refused(const char *path, const lm_error *why, lm_text *out) {
    const char *format = lm_interop_format_of(path);
    types counted = {0};
    lm_text tensors = {0};
    print_head(&tensors);
    if (lm_file_is_directory(path))
        add_directory(path, &counted, &tensors);
    else if (lm_text_ends_with(path, ".safetensors"))
        add_safetensors(path, &counted, &tensors);
    else
        add_gguf(path, &counted, &tensors);
    if (format && !lm_text_ends_with(path, ".safetensors"))
        lm_text_say(out, "%s: a model of %s\n", path, format);
    else
        lm_text_say(out, "%s: tensors, of no model that it names\n", path);
    if (counted.n > 0) print_types(&counted, out);
    lm_text_say(out, "%-12s refuses it: %-s\n", "import", why->message);
    if (counted.n > 0) lm_text_say(out, "%-s", lm_text_cstr(&tensors));
    out->failed |= tensors.failed;
    lm_text_free(&tensors);
}

lm_status lm_inspect_model_run(const lm_inspect_model *o, const char *path, bool *takes,
                               lm_text *out, lm_error *err) {
    lm_saved s = {0};
    lm_status status = lm_saved_open_foreign(&s, path, NULL, true, err);
    *takes = status == LM_OK;
    if (*takes)
        status = describe(o, &s, out, err);
    else
        describe_refused(path, err, out);
    if (!*takes && !o->verify) status = LM_OK;
    lm_saved_close(&s);
    return status;
}
