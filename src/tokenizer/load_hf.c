/* Hugging Face's tokenizer.json, of byte-level BPE. What it asks for and we do not have is refused
 * by name: an id that differs would teach a model another language. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/load_hf.h"

static bool probe(const lm_tokenizer_file *f) {
    lm_json_pull p;
    lm_error aside;
    bool found = false;
    lm_json_pull_begin(&p, f->path, f->text, f->size, &aside);
    if (lm_json_pull_peek(&p) == LM_JSON_OBJECT) {
        lm_json_pull_object(&p);
        while (!found && lm_json_pull_member(&p)) {
            bool model = lm_json_pull_is(&p, "model");
            found = lm_json_pull_peek(&p) == LM_JSON_OBJECT && model;
            if (!found) lm_json_pull_skip(&p);
        }
    }
    lm_json_pull_end(&p);
    return found;
}

/* ---- values that must be what we do -----------------------------------------------------------*/

void lm_hf_refuse(lm_hf_loader *l, const char *what) {
    lm_json_pull_wrong(&l->p, "%s, which lmtrain does not have", what);
}

/* The string that comes next, for a choice by name. */
const char *lm_hf_take_string(lm_hf_loader *l) {
    lm_json_pull_string(&l->p);
    return lm_text_cstr(&l->p.string);
}

static void want_null(lm_hf_loader *l, const char *what) {
    if (!lm_json_pull_if_null(&l->p)) lm_hf_refuse(l, what);
}

static void want_null_or_empty(lm_hf_loader *l, const char *what) {
    if (lm_json_pull_if_null(&l->p)) return;
    if (*lm_hf_take_string(l))
        lm_json_pull_wrong(&l->p, "%s \"%s\", which lmtrain does not have", what,
                           lm_text_cstr(&l->p.string));
}

void lm_hf_want_false(lm_hf_loader *l, const char *what) {
    if (lm_json_pull_boolean(&l->p))
        lm_json_pull_wrong(&l->p, "%s true, which lmtrain does not have", what);
}

/* A key that this reader does not know: null and false ask for nothing. */
void lm_hf_unknown(lm_hf_loader *l, const char *where) {
    char key[80];
    snprintf(key, sizeof key, "%.60s", lm_text_cstr(&l->p.string));
    lm_json_kind kind = lm_json_pull_peek(&l->p);
    if (kind == LM_JSON_NULL || kind == LM_JSON_FALSE)
        lm_json_pull_skip(&l->p);
    else
        lm_json_pull_wrong(&l->p, "%s has \"%s\", which lmtrain does not know", where, key);
}

/* Puts an error of the vocabulary's at its place. */
static bool accepted(lm_hf_loader *l, lm_status status) {
    if (status == LM_OK) return true;
    lm_json_pull_wrong(&l->p, "%s", l->aside.message);
    return false;
}

/* ---- added tokens -----------------------------------------------------------------------------*/

/* Is `text` what the token that has this id is called in "vocab"? */
static bool is_name(lm_hf_loader *l, int64_t id, const char *text, size_t size) {
    size_t had;
    const unsigned char *bytes = lm_vocabulary_bytes(l->v, id, &had);
    lm_text name = {0};
    if (l->v->tokens[id].hidden)
        lm_text_append(&name, bytes, had);
    else
        lm_alphabet_print(bytes, had, &name);
    bool same = name.length == size && memcmp(lm_text_cstr(&name), text, size) == 0;
    lm_text_free(&name);
    return same;
}

static bool is_taken(const lm_hf_loader *l, int64_t id) {
    return id < l->v->n_tokens && l->v->tokens[id].size > 0;
}

static void read_added_token(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    lm_added_token a = {.id = -1};
    l->part.length = 0;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (lm_json_pull_is(p, "id")) {
            a.id = (int32_t)lm_json_pull_count(p, lm_tokenizer_file_most_ids(l->file) - 1);
        } else if (lm_json_pull_is(p, "content")) {
            lm_json_pull_string(p);
            l->part.length = 0;
            lm_text_append(&l->part, lm_text_cstr(&p->string), p->string.length);
        } else if (lm_json_pull_is(p, "special")) {
            a.special = lm_json_pull_boolean(p);
        } else if (lm_json_pull_is(p, "normalized")) {
            a.normalized = lm_json_pull_boolean(p);
        } else if (lm_json_pull_is(p, "single_word")) {
            lm_hf_want_false(l, "an added token with single_word");
        } else if (lm_json_pull_is(p, "lstrip")) {
            lm_hf_want_false(l, "an added token with lstrip");
        } else if (lm_json_pull_is(p, "rstrip")) {
            lm_hf_want_false(l, "an added token with rstrip");
        } else {
            lm_hf_unknown(l, "an added token");
        }
    }
    if (p->status != LM_OK) return;
    if (a.id < 0 || l->part.length == 0 || memchr(lm_text_cstr(&l->part), 0, l->part.length)) {
        lm_json_pull_wrong(p, "an added token needs an id and a content without 0x00");
        return;
    }
    if (is_taken(l, a.id) && !is_name(l, a.id, lm_text_cstr(&l->part), l->part.length))
        lm_json_pull_wrong(p, "two tokens have the id %" PRId32, a.id);
    else
        accepted(l, lm_vocabulary_add(l->v, a, lm_text_cstr(&l->part), l->part.length, &l->aside));
}

/* ---- the model --------------------------------------------------------------------------------*/

/* A name outside of the alphabet can only be an added token's: encoding does not make it. */
static void read_vocab(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        l->part.length = l->left.length = 0;
        lm_text_append(&l->left, lm_text_cstr(&p->string), p->string.length);
        bool known = lm_alphabet_parse(lm_text_cstr(&p->string), p->string.length, &l->part);
        int64_t id = lm_json_pull_count(p, lm_tokenizer_file_most_ids(l->file) - 1);
        if (p->status != LM_OK) return;
        const lm_text *bytes = known ? &l->part : &l->left;
        lm_bpe_token *t = is_taken(l, id) ? &l->v->tokens[id] : NULL;
        if (t && t->hidden && is_name(l, id, lm_text_cstr(&l->left), l->left.length)) {
            /* An added token; where its bytes are its text, encoding may make it too. */
            t->hidden = !known || l->part.length != l->left.length ||
                        memcmp(lm_text_cstr(&l->part), lm_text_cstr(&l->left), l->left.length) != 0;
            continue;
        }
        if (!accepted(l,
                      lm_vocabulary_put(l->v, id, lm_text_cstr(bytes), bytes->length, &l->aside)))
            return;
        l->v->tokens[id].hidden = !known;
    }
}

/* "a b" or ["a", "b"] */
static void read_merge(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    const char *text, *space = NULL;
    l->left.length = l->part.length = 0;
    if (lm_json_pull_peek(p) == LM_JSON_STRING) {
        text = lm_hf_take_string(l);
        space = memchr(text, ' ', p->string.length);
        size_t n = space ? (size_t)(space - text) : 0;
        if (!space || !lm_alphabet_parse(text, n, &l->left) ||
            !lm_alphabet_parse(space + 1, p->string.length - n - 1, &l->part))
            l->left.length = 0;
    } else {
        int n = 0;
        lm_json_pull_array(p);
        for (; lm_json_pull_element(p); n++) {
            text = lm_hf_take_string(l);
            if (n < 2 && !lm_alphabet_parse(text, p->string.length, n ? &l->part : &l->left)) break;
        }
        if (n != 2) l->left.length = 0;
    }
    if (p->status != LM_OK) return;
    if (l->left.length == 0 || l->part.length == 0) {
        lm_json_pull_wrong(p,
                           "merge %" PRId64 ": expected two tokens in GPT-2's printable alphabet",
                           l->v->n_merges);
        return;
    }
    accepted(l, lm_vocabulary_merge(l->v, lm_text_cstr(&l->left), l->left.length,
                                    lm_text_cstr(&l->part), l->part.length, &l->aside));
}

/* What we have written ourselves (save.c). */
static void read_ours(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    l->v->document_token = -1;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (lm_json_pull_is(p, "by_ranks"))
            l->v->by_ranks = lm_json_pull_boolean(p);
        else if (lm_json_pull_is(p, "document_token"))
            l->v->document_token = (int32_t)lm_json_pull_count(p, LM_BPE_VOCAB_MOST - 1);
        else
            lm_hf_unknown(l, "\"lmtrain\"");
    }
}

static void read_model_member(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    if (lm_json_pull_is(p, "type")) {
        const char *type = lm_hf_take_string(l);
        if (strcmp(type, "BPE") != 0)
            lm_json_pull_wrong(p, "a model of type \"%s\", which lmtrain does not have", type);
    } else if (lm_json_pull_is(p, "dropout")) {
        if (!lm_json_pull_if_null(p) && lm_json_pull_number(p) != 0)
            lm_hf_refuse(l, "dropout of merges");
    } else if (lm_json_pull_is(p, "unk_token") || lm_json_pull_is(p, "fuse_unk")) {
        lm_json_pull_skip(p); /* of what is no token: here every byte is one */
    } else if (lm_json_pull_is(p, "continuing_subword_prefix")) {
        want_null_or_empty(l, "continuing_subword_prefix");
    } else if (lm_json_pull_is(p, "end_of_word_suffix")) {
        want_null_or_empty(l, "end_of_word_suffix");
    } else if (lm_json_pull_is(p, "byte_fallback")) {
        lm_hf_want_false(l, "byte_fallback");
    } else if (lm_json_pull_is(p, "ignore_merges")) {
        l->v->whole_first = lm_json_pull_boolean(p);
    } else if (lm_json_pull_is(p, "lmtrain")) {
        read_ours(l);
    } else if (lm_json_pull_is(p, "vocab")) {
        read_vocab(l);
    } else if (lm_json_pull_is(p, "merges")) {
        lm_json_pull_array(p);
        while (lm_json_pull_element(p)) read_merge(l);
    } else {
        lm_hf_unknown(l, "the model");
    }
}

static void read_member(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    if (lm_json_pull_is(p, "version")) {
        lm_json_pull_skip(p);
    } else if (lm_json_pull_is(p, "truncation")) {
        want_null(l, "truncation");
    } else if (lm_json_pull_is(p, "padding")) {
        want_null(l, "padding");
    } else if (lm_json_pull_is(p, "added_tokens")) {
        lm_json_pull_array(p);
        while (lm_json_pull_element(p)) read_added_token(l);
    } else if (lm_json_pull_is(p, "normalizer")) {
        lm_hf_read_normalizer(l);
    } else if (lm_json_pull_is(p, "pre_tokenizer")) {
        lm_hf_read_pre_tokenizer(l);
    } else if (lm_json_pull_is(p, "post_processor")) {
        lm_hf_read_post_processor(l);
    } else if (lm_json_pull_is(p, "decoder")) {
        lm_hf_read_decoder(l);
    } else if (lm_json_pull_is(p, "model")) {
        lm_json_pull_object(p);
        while (lm_json_pull_member(p)) read_model_member(l);
    } else {
        lm_hf_unknown(l, "the file");
    }
}

/* ---- the whole --------------------------------------------------------------------------------*/

/* Added tokens in the vocabulary may come after it or before: their texts count. */
static lm_status check_names(const lm_vocabulary *v, const char *path, lm_error *err) {
    int64_t hidden = 0;
    for (int64_t i = 0; i < v->n_tokens; i++) hidden += v->tokens[i].hidden;
    for (int64_t i = 0; i < v->n_added; i++) hidden -= v->tokens[v->added[i].id].hidden;
    for (int64_t id = 0; hidden > 0 && id < v->n_tokens; id++) {
        bool added = false;
        size_t size;
        if (!v->tokens[id].hidden) continue;
        for (int64_t i = 0; i < v->n_added; i++) added |= v->added[i].id == id;
        if (added) continue;
        const char *name = (const char *)lm_vocabulary_bytes(v, id, &size);
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: token %" PRId64 ", \"%.*s\": expected GPT-2's printable alphabet"
                            " (byte-level BPE), which lmtrain loads, found other characters",
                            path, id, (int)(size < 40 ? size : 40), name);
    }
    return LM_OK;
}

/* "</s>", or an object whose "content" is that; anything else names no token. */
static void read_eos_token(lm_json_pull *p, const lm_vocabulary *v, int32_t *id) {
    lm_json_kind kind = lm_json_pull_peek(p);
    if (kind == LM_JSON_STRING) {
        lm_json_pull_string(p);
        *id = lm_vocabulary_find_added(v, lm_text_cstr(&p->string));
    } else if (kind == LM_JSON_OBJECT) {
        lm_json_pull_object(p);
        while (lm_json_pull_member(p)) {
            if (!lm_json_pull_is(p, "content")) {
                lm_json_pull_skip(p);
                continue;
            }
            lm_json_pull_string(p);
            *id = lm_vocabulary_find_added(v, lm_text_cstr(&p->string));
        }
    } else {
        lm_json_pull_skip(p);
    }
}

/* The token that tokenizer_config.json beside the file gives as eos_token, if it says so: *id. */
static lm_status read_config(lm_hf_loader *l, int32_t *id, lm_error *err) {
    const char *path = l->file->path, *slash = strrchr(path, '/');
    lm_text name = {0}, text = {0};
    lm_status status = LM_OK;
    lm_json_pull p;
    lm_text_append(&name, path, slash ? (size_t)(slash - path) + 1 : 0);
    lm_text_printf(&name, "tokenizer_config.json");
    if (!lm_file_exists(lm_text_cstr(&name))) goto out;
    if ((status = lm_file_read(lm_text_cstr(&name), (size_t)1 << 24, &text, err)) != LM_OK)
        goto out;
    lm_json_pull_begin(&p, lm_text_cstr(&name), lm_text_cstr(&text), text.length, err);
    lm_json_pull_object(&p);
    while (lm_json_pull_member(&p)) {
        if (lm_json_pull_is(&p, "eos_token"))
            read_eos_token(&p, l->v, id);
        else
            lm_json_pull_skip(&p);
    }
    status = lm_json_pull_end(&p);
out:
    lm_text_free(&name);
    lm_text_free(&text);
    return status;
}

/* What begins a document: what we wrote, else the post-processor, else the end of text. */
static lm_status find_document_token(lm_hf_loader *l, lm_error *err) {
    lm_vocabulary *v = l->v;
    int32_t id = -1, said = v->document_token;
    if (said >= v->n_tokens)
        return lm_error_set(err, LM_ERR_USAGE, "%s: the document token %d is beyond the vocabulary",
                            l->file->path, (int)said);
    v->begins = l->begins.length > 0;
    if (v->begins) {
        v->document_token = lm_vocabulary_find_added(v, lm_text_cstr(&l->begins));
        if (v->document_token >= 0 && (said == LM_DOCUMENT_UNSAID || said == v->document_token))
            return LM_OK;
        return lm_error_set(err, LM_ERR_USAGE, "%s: the post-processor's token \"%s\" is no %s",
                            l->file->path, lm_text_cstr(&l->begins),
                            v->document_token < 0 ? "added token" : "document token");
    }
    if (said != LM_DOCUMENT_UNSAID) return LM_OK;
    lm_status status = read_config(l, &id, err);
    if (id >= 0) v->document_token = id;
    return status;
}

static lm_status load(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    lm_hf_loader l = {.v = v, .file = f};
    if (f->split)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s says itself how text is split: leave --pretokenizer out", f->path);
    lm_json_pull_begin(&l.p, f->path, f->text, f->size, err);
    lm_json_pull_object(&l.p);
    while (lm_json_pull_member(&l.p)) read_member(&l);
    lm_status status = lm_json_pull_end(&l.p);
    if (status != LM_OK) goto out;
    if (l.left.failed || l.part.failed || l.begins.failed) {
        status = lm_error_no_memory(err, f->path);
        goto out;
    }
    if (!v->split) {
        status = lm_error_set(
            err, LM_ERR_USAGE,
            "%s: no pre-tokenizer, which lmtrain does not have: expected ByteLevel", f->path);
        goto out;
    }
    if ((status = check_names(v, f->path, err)) != LM_OK) goto out;
    status = find_document_token(&l, err);
out:
    lm_text_free(&l.left);
    lm_text_free(&l.part);
    lm_text_free(&l.begins);
    return status;
}

const lm_tokenizer_format lm_tokenizer_format_hf = {"tokenizer.json", probe, load};
