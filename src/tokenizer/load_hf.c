/* Hugging Face's tokenizer.json: its tokens and merges by the names that they have there, which
 * load_hf_form.c then reads. What it asks for and we do not have is refused by name: an id that
 * differs would teach a model another language. */
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

bool lm_hf_accepted(lm_hf_loader *l, lm_status status) {
    if (status == LM_OK) return true;
    lm_json_pull_wrong(&l->p, "%s", l->aside.message);
    return false;
}

/* ---- added tokens -----------------------------------------------------------------------------*/

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
            a.single_word = lm_json_pull_boolean(p);
        } else if (lm_json_pull_is(p, "lstrip")) {
            a.lstrip = lm_json_pull_boolean(p);
        } else if (lm_json_pull_is(p, "rstrip")) {
            a.rstrip = lm_json_pull_boolean(p);
        } else {
            lm_hf_unknown(l, "an added token");
        }
    }
    if (p->status != LM_OK) return;
    if (a.id < 0 || l->part.length == 0 || memchr(lm_text_cstr(&l->part), 0, l->part.length)) {
        lm_json_pull_wrong(p, "an added token needs an id and a content without 0x00");
        return;
    }
    lm_hf_accepted(
        l, lm_vocabulary_add(&l->added, a, lm_text_cstr(&l->part), l->part.length, &l->aside));
}

/* ---- the model --------------------------------------------------------------------------------*/

static void read_vocab(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        l->part.length = 0;
        lm_text_append(&l->part, lm_text_cstr(&p->string), p->string.length);
        int64_t id = lm_json_pull_count(p, lm_tokenizer_file_most_ids(l->file) - 1);
        if (p->status != LM_OK) return;
        lm_hf_accepted(
            l, lm_vocabulary_put(&l->named, id, lm_text_cstr(&l->part), l->part.length, &l->aside));
    }
}

/* "a b" or ["a", "b"] */
static void read_merge(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    l->left.length = l->part.length = 0;
    if (lm_json_pull_peek(p) == LM_JSON_STRING) {
        const char *text = lm_hf_take_string(l), *space = memchr(text, ' ', p->string.length);
        size_t n = space ? (size_t)(space - text) : 0;
        lm_text_append(&l->left, text, n);
        if (space) lm_text_append(&l->part, space + 1, p->string.length - n - 1);
    } else {
        int n = 0;
        lm_json_pull_array(p);
        for (; lm_json_pull_element(p); n++) {
            lm_json_pull_string(p);
            if (n < 2)
                lm_text_append(n ? &l->part : &l->left, lm_text_cstr(&p->string), p->string.length);
        }
        if (n != 2) l->left.length = 0;
    }
    if (p->status != LM_OK) return;
    if (l->left.length == 0 || l->part.length == 0) {
        lm_json_pull_wrong(p, "merge %" PRId64 ": expected two tokens", l->named.n_merges);
        return;
    }
    lm_hf_accepted(l, lm_vocabulary_merge(&l->named, lm_text_cstr(&l->left), l->left.length,
                                          lm_text_cstr(&l->part), l->part.length, &l->aside));
}

/* Of each token, where they are not the ids. */
static void read_ranks(lm_hf_loader *l) {
    lm_json_pull_array(&l->p);
    while (lm_json_pull_element(&l->p)) {
        uint32_t rank = (uint32_t)lm_json_pull_count(&l->p, LM_BPE_VOCAB_MOST);
        lm_text_append(&l->ranks, &rank, sizeof rank);
    }
}

/* What we have written ourselves (save.c). */
static void read_ours(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    l->v->document_token = -1;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (lm_json_pull_is(p, "by_ranks"))
            l->v->by_ranks = lm_json_pull_boolean(p);
        else if (lm_json_pull_is(p, "ranks"))
            read_ranks(l);
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
        lm_json_pull_skip(p); /* of what is no token: here everything is one, or an error */
    } else if (lm_json_pull_is(p, "continuing_subword_prefix")) {
        want_null_or_empty(l, "continuing_subword_prefix");
    } else if (lm_json_pull_is(p, "end_of_word_suffix")) {
        want_null_or_empty(l, "end_of_word_suffix");
    } else if (lm_json_pull_is(p, "byte_fallback")) {
        l->byte_fallback = lm_json_pull_boolean(p);
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
    if ((status = lm_hf_interpret(&l, err)) != LM_OK) goto out;
    status = find_document_token(&l, err);
out:
    lm_text_free(&l.left);
    lm_text_free(&l.part);
    lm_text_free(&l.begins);
    lm_text_free(&l.ranks);
    lm_vocabulary_free(&l.named);
    lm_vocabulary_free(&l.added);
    return status;
}

const lm_tokenizer_format lm_tokenizer_format_hf = {"tokenizer.json", probe, load};
