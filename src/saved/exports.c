#include "saved/exports.h"

#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "tokenizer/gguf_vocabulary.h"

/* Appends the value without the quotes of JSON, and a byte 0; returns where it begins. */
static size_t put_value(const lm_key *k, const lm_config *c, lm_text *out) {
    lm_text text = {0};
    const size_t begin = out->length;
    lm_key_print(k, c, &text);
    const char *value = lm_text_cstr(&text);
    bool quoted = *value == '"';
    lm_text_append(out, value + quoted, text.length - (quoted ? 2 : 0));
    lm_text_append(out, "", 1);
    out->failed |= text.failed;
    lm_text_free(&text);
    return begin;
}

/* The value that leaves the model as it was before there was the key, as it is when resolved. */
static size_t put_off(const lm_key *k, const lm_config *c, lm_text *out) {
    lm_error aside;
    lm_config without = *c; /* of the section model no member is allocated */
    LM_ASSERT(k->type != LM_KEY_STRING);
    lm_key_set_literal(k, &without, lm_key_legacy(k));
    (void)lm_model_resolve(&without.model, &aside);
    return put_value(k, &without, out);
}

/* "position" of "model.position"; NULL of NULL. */
static const char *name_in(const char *path) {
    return path ? strrchr(path, '.') + 1 : NULL;
}

/* The options of the model, and the text of their values. */
typedef struct model_options {
    lm_interop_option *items; /* [n] */
    int n;
    lm_text text;
} model_options;

static void free_options(model_options *o) {
    free(o->items);
    lm_text_free(&o->text);
    *o = (model_options){0};
}

/* Overwrites *o; false when memory runs out. free_options frees it in any case. */
static bool list_options(const lm_config *c, model_options *o) {
    const lm_section *s = lm_section_find("model");
    const size_t keys = (size_t)s->n_keys;
    *o = (model_options){.items = calloc(keys, sizeof *o->items)};
    size_t *places = calloc(2 * keys, sizeof *places); /* of values in the text, which may move */
    const bool made = o->items && places;
    for (const lm_key *k = s->keys; made && k < s->keys + s->n_keys; k++) {
        if (!lm_key_applies(k, c)) continue;
        o->items[o->n] = (lm_interop_option){
            .name = lm_key_name(k), .depends = {name_in(k->depends), name_in(k->depends_too)}};
        places[2 * o->n] = put_value(k, c, &o->text);
        places[2 * o->n++ + 1] = put_off(k, c, &o->text);
    }
    const bool whole = made && !o->text.failed;
    for (int i = 0; whole && i < o->n; i++) {
        o->items[i].value = o->text.data + places[2 * i];
        o->items[i].off = o->text.data + places[2 * i + 1];
    }
    free(places);
    return whole;
}

const lm_interop_class *lm_saved_class(const lm_config *c, lm_interop_format format,
                                       lm_error *err) {
    lm_text why = {0};
    model_options options;
    if (!list_options(c, &options)) {
        free_options(&options);
        lm_error_no_memory(err, NULL);
        return NULL;
    }
    const lm_interop_class *class = lm_interop_find(format, options.items, options.n, &why);
    if (!class && why.length > 0) why.data[--why.length] = '\0'; /* the last line's end */
    if (!class)
        lm_error_set(err, LM_ERR_USAGE, "nothing in %s holds this model; what comes nearest:\n%-s",
                     lm_interop_format_title((int)format), lm_text_cstr(&why));
    free_options(&options);
    lm_text_free(&why);
    return class;
}

/* The class of the format; NULL: *why has a line for each thing in the way. */
static const lm_interop_class *find(const lm_config *c, int format,
                                    const lm_interop_option *options, int n, const lm_tokenizer *t,
                                    lm_text *why) {
    lm_error err;
    lm_gguf_vocabulary v;
    const lm_interop_class *class = lm_interop_find((lm_interop_format)format, options, n, why);
    if (!class || !t || format != LM_INTEROP_GGUF ||
        lm_tokenizer_vocab_size(t) > c->model.vocab_size)
        return class;
    if (lm_tokenizer_to_gguf(t, c->model.vocab_size, &v, &err) == LM_OK) {
        lm_gguf_vocabulary_free(&v);
        return class;
    }
    lm_text_say(why, "the tokenizer: %-s\n", err.message);
    return NULL;
}

lm_status lm_saved_print_exports(const lm_config *c, const lm_tokenizer *t, lm_text *out,
                                 lm_error *err) {
    bool any = false;
    lm_text no = {0};
    model_options options;
    if (!list_options(c, &options)) {
        free_options(&options);
        return lm_error_no_memory(err, NULL);
    }
    lm_text_say(out, "exports   ");
    for (int f = 0; f < LM_INTEROP_FORMATS; f++) {
        lm_text why = {0};
        const bool common = f == LM_INTEROP_HF || f == LM_INTEROP_GGUF;
        const lm_interop_class *class = find(c, f, options.items, options.n, t, &why);
        if (class)
            lm_text_say(out, "%s%s (%s)", any ? ", " : "", lm_interop_format_name(f), class->name);
        for (const char *at = lm_text_cstr(&why); common && *at; at += strcspn(at, "\n") + 1)
            lm_text_say(&no, "          not %s: %.*s\n", lm_interop_format_name(f),
                        (int)strcspn(at, "\n"), at);
        any |= class != NULL;
        lm_text_free(&why);
    }
    lm_text_say(out, "%s\n%-s", any ? "" : "nothing that other programs read", lm_text_cstr(&no));
    out->failed |= no.failed;
    lm_text_free(&no);
    free_options(&options);
    return LM_OK;
}
