/* nanoGPT's character sets: meta.pkl, or the same as JSON, is a dictionary of `itos`, characters by
 * id, and `stoi`, ids by character; either is enough. */
#include <inttypes.h>
#include <string.h>

#include "containers/json_pull.h"
#include "tokenizer/load.h"
#include "tokenizer/pickle.h"

static lm_status put(lm_vocabulary *v, const lm_tokenizer_file *f, int64_t id, const char *text,
                     size_t size, lm_error *err) {
    int64_t most = lm_tokenizer_file_most_ids(f) - 1;
    if (id < 0 || id > most)
        return lm_error_set(err, LM_ERR_USAGE, "expected ids from 0 to %" PRId64 ", found %" PRId64,
                            most, id);
    return lm_vocabulary_put(v, id, text, size, err);
}

/* ---- meta.pkl ---------------------------------------------------------------------------------*/

/* The characters of one dictionary, whose keys are ids (`itos`) or characters. */
static lm_status put_entries(lm_vocabulary *v, const lm_tokenizer_file *f, const lm_pickle *p,
                             const lm_pickle_value *dictionary, bool itos, lm_error *err) {
    for (size_t i = 0; i < p->n_entries; i++) {
        const lm_pickle_entry *e = &p->entries[i];
        const lm_pickle_value *id = itos ? &e->key : &e->value, *text = itos ? &e->value : &e->key;
        if (e->dictionary != dictionary->number) continue;
        if (id->kind != LM_PICKLE_NUMBER || text->kind != LM_PICKLE_STRING)
            return lm_error_set(err, LM_ERR_USAGE, "\"%s\": expected numbers and characters",
                                itos ? "itos" : "stoi");
        lm_status status = put(v, f, id->number, text->text, text->size, err);
        if (status != LM_OK) return status;
    }
    return LM_OK;
}

static lm_status load_pickle(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    lm_pickle p = {0};
    lm_status status = lm_pickle_read(&p, f->path, f->text, f->size, err);
    if (status != LM_OK) goto out;
    const lm_pickle_value *itos = lm_pickle_find(&p, &p.top, "itos");
    const lm_pickle_value *chars = itos ? itos : lm_pickle_find(&p, &p.top, "stoi");
    const lm_pickle_value *n = lm_pickle_find(&p, &p.top, "vocab_size");
    if (chars && chars->kind == LM_PICKLE_DICTIONARY)
        status = put_entries(v, f, &p, chars, itos != NULL, err);
    else
        status = lm_error_set(err, LM_ERR_USAGE,
                              "expected a dictionary \"itos\" or \"stoi\", as in nanoGPT's"
                              " meta.pkl, found neither");
    if (status == LM_OK && n && n->kind == LM_PICKLE_NUMBER && n->number != v->n_tokens)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "expected the %" PRId64 " ids of \"vocab_size\", found %" PRId64,
                              n->number, v->n_tokens);
    if (status != LM_OK) lm_error_prefix(err, "%s", f->path);
out:
    lm_pickle_free(&p);
    return status;
}

/* ---- JSON -------------------------------------------------------------------------------------*/

static bool is_member(const lm_json_pull *p) {
    return lm_json_pull_is(p, "itos") || lm_json_pull_is(p, "stoi");
}

/* "17" */
static int64_t parse_id(const char *text) {
    int64_t id = 0;
    if (!*text) return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || id > INT32_MAX) return -1;
        id = id * 10 + (*text - '0');
    }
    return id;
}

/* {"a": 0, ...}, {"0": "a", ...} or ["a", ...] */
static lm_status read_characters(lm_vocabulary *v, const lm_tokenizer_file *f, lm_json_pull *p) {
    lm_error aside = {0};
    lm_text key = {0};
    lm_status status = LM_OK;
    bool list = lm_json_pull_peek(p) == LM_JSON_ARRAY;
    int64_t id = 0;
    list ? lm_json_pull_array(p) : lm_json_pull_object(p);
    for (; status == LM_OK && (list ? lm_json_pull_element(p) : lm_json_pull_member(p)); id++) {
        key.length = 0;
        if (!list) lm_text_append(&key, lm_text_cstr(&p->string), p->string.length);
        bool itos = lm_json_pull_peek(p) == LM_JSON_STRING;
        int64_t number = 0;
        if (itos)
            lm_json_pull_string(p);
        else
            number = lm_json_pull_count(p, lm_tokenizer_file_most_ids(f) - 1);
        if (p->status != LM_OK) break;
        const lm_text *text = itos ? &p->string : &key;
        number = !itos ? number : list ? id : parse_id(lm_text_cstr(&key));
        status = put(v, f, number, lm_text_cstr(text), text->length, &aside);
    }
    if (status != LM_OK) lm_json_pull_wrong(p, "%s", aside.message);
    lm_text_free(&key);
    return status;
}

static lm_status load_json(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    lm_json_pull p;
    bool found = false;
    lm_json_pull_begin(&p, f->path, f->text, f->size, err);
    lm_json_pull_object(&p);
    while (lm_json_pull_member(&p)) {
        if (found || !is_member(&p))
            lm_json_pull_skip(&p);
        else
            found = read_characters(v, f, &p) == LM_OK;
    }
    return lm_json_pull_end(&p);
}

/* ---- the format -------------------------------------------------------------------------------*/

static bool probe(const lm_tokenizer_file *f) {
    lm_json_pull p;
    lm_error aside;
    bool found = false;
    if (lm_pickle_probe(f->text, f->size)) return true;
    lm_json_pull_begin(&p, f->path, f->text, f->size, &aside);
    if (lm_json_pull_peek(&p) == LM_JSON_OBJECT) {
        lm_json_pull_object(&p);
        while (!found && lm_json_pull_member(&p)) {
            bool member = is_member(&p);
            lm_json_kind kind = lm_json_pull_peek(&p);
            found = member && (kind == LM_JSON_OBJECT || kind == LM_JSON_ARRAY);
            if (!found) lm_json_pull_skip(&p);
        }
    }
    lm_json_pull_end(&p);
    return found;
}

static lm_status load(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    v->form = LM_FORM_CHARACTERS;
    v->document_token = -1;
    if (f->split)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: characters are not split: leave --pretokenizer out", f->path);
    return lm_pickle_probe(f->text, f->size) ? load_pickle(v, f, err) : load_json(v, f, err);
}

const lm_tokenizer_format lm_tokenizer_format_chars = {"nanoGPT's meta.pkl", probe, load};
