/* The tokenizer inside a GGUF file: its keys tokenizer.ggml.* (gguf_vocabulary.h says what they
 * mean). What is asked for and we do not have is refused by name. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "containers/gguf.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/gguf_splits.h"
#include "tokenizer/gguf_vocabulary.h"
#include "tokenizer/load.h"
#include "tokenizer/names.h"
#include "tokenizer/scores.h"

#define KEY(name) "tokenizer.ggml." name

typedef struct loader {
    lm_vocabulary *v;
    lm_gguf g;
    unsigned char *types; /* [n], of lm_gguf_token_type */
    int64_t n;
    lm_text part, other; /* scratch */
    lm_error *err;
} loader;

bool lm_vocabulary_is_gguf(const char *path) {
    lm_file_reader file;
    lm_error aside;
    unsigned char front[4];
    if (lm_file_reader_open(&file, path, &aside) != LM_OK) return false;
    bool yes = file.size >= sizeof front &&
               lm_file_reader_at(&file, 0, front, sizeof front, &aside) == LM_OK &&
               lm_gguf_is(front, sizeof front);
    lm_file_reader_close(&file);
    return yes;
}

static lm_status refuse(loader *l, const char *what) {
    return lm_error_set(l->err, LM_ERR_USAGE, "%s, which lmtrain does not have", what);
}

/* The id that a key gives; -1: none. One beyond the tokens is none. */
static int32_t id_of(loader *l, const char *key) {
    if (!lm_gguf_has(&l->g, key)) return -1;
    int64_t id = lm_gguf_get_count(&l->g, key, 0, UINT32_MAX);
    return id < l->n ? (int32_t)id : -1;
}

static bool flag_of(loader *l, const char *key, bool by_default) {
    return lm_gguf_has(&l->g, key) ? lm_gguf_get_boolean(&l->g, key) : by_default;
}

/* ---- tokens -----------------------------------------------------------------------------------*/

static lm_status read_types(loader *l) {
    lm_gguf_array a;
    int64_t id = 0;
    l->types = malloc((size_t)l->n + 1);
    if (!l->types) return lm_error_no_memory(l->err, "a tokenizer");
    memset(l->types, LM_GGUF_NORMAL, (size_t)l->n + 1);
    if (!lm_gguf_has(&l->g, KEY("token_type"))) return LM_OK;
    lm_gguf_get_array(&l->g, KEY("token_type"), LM_GGUF_TYPES, &a);
    for (; id < l->n && lm_gguf_next(&a); id++) {
        if (!(a.number >= LM_GGUF_NORMAL && a.number <= LM_GGUF_BYTE))
            return lm_error_damaged(l->err,
                                    "token %" PRId64 ": expected a type from 1 to 6, found"
                                    " %g",
                                    id, a.number);
        l->types[id] = (unsigned char)a.number;
    }
    if (l->g.status == LM_OK && (id < l->n || a.left > 0))
        return lm_error_damaged(l->err, "expected %" PRId64 " token types, found %" PRIu64, l->n,
                                a.count);
    return l->g.status;
}

static lm_status put_byte(loader *l, int64_t id, const char *name, size_t size) {
    int byte = lm_name_byte(name, size);
    unsigned char one = (unsigned char)byte;
    if (byte < 0 || l->v->form != LM_FORM_SENTENCE)
        return lm_error_damaged(l->err,
                                "token %" PRId64 ", \"%.*s\", is a byte: expected a name"
                                " like <0x0A>",
                                id, (int)lm_size_min(size, 40), name);
    lm_status status = lm_vocabulary_put(l->v, id, &one, 1, l->err);
    if (status == LM_OK) l->v->tokens[id].hidden = l->v->tokens[id].byte = true;
    return status;
}

static lm_status put_token(loader *l, int64_t id, const char *name, size_t size) {
    const lm_gguf_token_type type = (lm_gguf_token_type)l->types[id];
    const lm_added_token added = {.id = (int32_t)id, .special = type != LM_GGUF_USER_DEFINED};
    lm_status status = LM_OK;
    if (type == LM_GGUF_UNUSED || size == 0) return LM_OK;
    if (type == LM_GGUF_BYTE) return put_byte(l, id, name, size);
    if (type == LM_GGUF_NORMAL || type == LM_GGUF_USER_DEFINED) {
        l->part.length = 0;
        bool known = lm_name_parse(l->v->form, name, size, &l->part);
        status = known ? lm_vocabulary_put(l->v, id, lm_text_cstr(&l->part), l->part.length, l->err)
                       : lm_vocabulary_put(l->v, id, name, size, l->err);
        if (status == LM_OK) l->v->tokens[id].hidden = !known; /* text does not become it */
    }
    if (status != LM_OK || type == LM_GGUF_NORMAL) return status;
    if (memchr(name, 0, size))
        return lm_error_damaged(l->err, "token %" PRId64 ": expected no 0x00 in it", id);
    return lm_vocabulary_add(l->v, added, name, size, l->err);
}

static lm_status read_tokens(loader *l) {
    lm_gguf_array a;
    lm_status status;
    lm_gguf_get_array(&l->g, KEY("tokens"), LM_GGUF_STRING, &a);
    if (l->g.status != LM_OK) return l->g.status;
    if (a.count == 0 || a.count > (uint64_t)LM_BPE_VOCAB_MOST)
        return lm_error_damaged(l->err, "expected 1 to %" PRId64 " tokens, found %" PRIu64,
                                LM_BPE_VOCAB_MOST, a.count);
    l->n = (int64_t)a.count;
    if ((status = read_types(l)) != LM_OK) return status;
    for (int64_t id = 0; lm_gguf_next(&a) && status == LM_OK; id++)
        status = put_token(l, id, a.string, a.length);
    return status;
}

/* ---- byte-level -------------------------------------------------------------------------------*/

static lm_status choose_split(loader *l, bool *begins) {
    size_t n;
    lm_status status = LM_OK;
    if (!lm_gguf_has(&l->g, KEY("pre")))
        return lm_error_set(l->err, LM_ERR_USAGE,
                            "expected " KEY("pre") ", which says how text is split, found none");
    const char *pre = lm_gguf_get_string(&l->g, KEY("pre"), &n);
    if (!pre) return l->g.status;
    const lm_gguf_split *split = lm_gguf_split_find(pre, n);
    if (!split)
        return lm_error_set(l->err, LM_ERR_USAGE,
                            KEY("pre") " \"%.*s\", a split of text that lmtrain does not have",
                            (int)lm_size_min(n, 60), pre);
    l->v->split = split->split ? lm_split_find(split->split) : NULL;
    for (int i = 0; split->patterns[i] && status == LM_OK; i++)
        status = lm_vocabulary_add_pattern(l->v, split->patterns[i], l->err);
    l->v->whole_first = split->whole_first;
    *begins = split->begins;
    return status;
}

/* "LEFT RIGHT", of which LEFT may begin with a space only in name: it is not in the alphabet. */
static lm_status put_merge(loader *l, const char *text, size_t size) {
    const char *space = size > 1 ? memchr(text + 1, ' ', size - 1) : NULL;
    l->part.length = l->other.length = 0;
    size_t n = space ? (size_t)(space - text) : 0;
    if (!space || !lm_alphabet_parse(text, n, &l->part) ||
        !lm_alphabet_parse(space + 1, size - n - 1, &l->other) || l->part.length == 0 ||
        l->other.length == 0)
        return lm_error_damaged(l->err,
                                "merge %" PRId64 ": expected two tokens in GPT-2's printable"
                                " alphabet with a space between, found \"%.*s\"",
                                l->v->n_merges, (int)lm_size_min(size, 60), text);
    return lm_vocabulary_merge(l->v, lm_text_cstr(&l->part), l->part.length,
                               lm_text_cstr(&l->other), l->other.length, l->err);
}

/* One token for each character and no byte of its own: what lm_tokenizer_to_gguf makes of
 * characters, whose merges only put bytes together. */
static bool is_characters(const lm_vocabulary *v) {
    bool single[256] = {false}, all = true, one = true;
    for (int64_t id = 0; id < v->n_tokens; id++) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
        if (size == 0 || v->tokens[id].hidden) continue;
        one &= lm_text_utf8_length((const char *)bytes, size) == size;
        if (size == 1) single[bytes[0]] = true;
    }
    for (int c = 0; c < 256; c++) all &= single[c];
    return one && !all;
}

static lm_status load_byte_level(loader *l) {
    lm_gguf_array a;
    bool begins = false;
    lm_vocabulary *v = l->v;
    lm_status status = read_tokens(l);
    if (status == LM_OK) status = choose_split(l, &begins);
    if (status != LM_OK) return status;
    if (is_characters(v)) {
        v->form = LM_FORM_CHARACTERS;
        v->split = NULL;
        v->document_token = -1;
        return LM_OK;
    }
    lm_gguf_get_array(&l->g, KEY("merges"), LM_GGUF_STRING, &a);
    while (lm_gguf_next(&a) && status == LM_OK) status = put_merge(l, a.string, a.length);
    v->begins = flag_of(l, KEY("add_bos_token"), begins);
    return status;
}

/* ---- SentencePiece ----------------------------------------------------------------------------*/

static lm_status load_sentence(loader *l) {
    lm_gguf_array a;
    int64_t id = 0;
    lm_vocabulary *v = l->v;
    v->form = LM_FORM_SENTENCE;
    lm_status status = read_tokens(l);
    if (status != LM_OK) return status;
    float *scores = calloc((size_t)l->n + 1, sizeof *scores);
    if (!scores) return lm_error_no_memory(l->err, "a tokenizer");
    lm_gguf_get_array(&l->g, KEY("scores"), LM_GGUF_TYPES, &a);
    for (; id < l->n && lm_gguf_next(&a); id++) scores[id] = (float)a.number;
    status = l->g.status;
    if (status == LM_OK && (id < l->n || a.left > 0))
        status =
            lm_error_damaged(l->err, "expected %" PRId64 " scores, found %" PRIu64, l->n, a.count);
    if (status == LM_OK) status = lm_vocabulary_set_scores(v, scores, l->err);
    free(scores);
    v->strip = flag_of(l, KEY("add_space_prefix"), true);
    v->prefix = v->strip ? LM_PREFIX_EACH : LM_PREFIX_NEVER;
    v->begins = flag_of(l, KEY("add_bos_token"), true);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------*/

/* As in tokenizer.json: what stands in front of every text begins documents, else what ends one. */
static lm_status find_document_token(loader *l) {
    lm_vocabulary *v = l->v;
    int32_t begin = id_of(l, KEY("bos_token_id")), end = id_of(l, KEY("eos_token_id"));
    v->begins &= begin >= 0 && v->tokens[begin].added;
    if (v->begins)
        v->document_token = begin;
    else if (end >= 0 && v->tokens[end].size > 0)
        v->document_token = end;
    return l->g.status;
}

lm_status lm_vocabulary_load_gguf(lm_vocabulary *v, const char *path, const lm_split *split,
                                  lm_error *err) {
    loader l = {.v = v, .err = err};
    *v = (lm_vocabulary){.document_token = LM_DOCUMENT_UNSAID};
    lm_status status = lm_gguf_open(&l.g, path, err);
    if (status != LM_OK) return status;
    const char *model = KEY("model");
    if (split)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "it says itself how text is split: leave"
                              " --pretokenizer out");
    else if (!lm_gguf_has(&l.g, model) || lm_gguf_string_is(&l.g, model, "no_vocab") ||
             lm_gguf_string_is(&l.g, model, "none"))
        status = lm_error_set(err, LM_ERR_USAGE,
                              "expected a tokenizer (" KEY("model") "), found"
                                                                    " none");
    else if (lm_gguf_string_is(&l.g, model, "gpt2"))
        status = load_byte_level(&l);
    else if (lm_gguf_string_is(&l.g, model, "llama"))
        status = load_sentence(&l);
    else
        status = refuse(&l, KEY("model") " other than gpt2 and llama");
    if (status == LM_OK) status = find_document_token(&l);
    if (status == LM_OK && (l.part.failed || l.other.failed))
        status = lm_error_no_memory(err, path);
    if (status != LM_OK && l.g.status == LM_OK) lm_error_prefix(err, "%s", path);
    if (status == LM_OK && v->document_token == LM_DOCUMENT_UNSAID)
        v->document_token = lm_vocabulary_end_of_text(v);
    lm_text_free(&l.part);
    lm_text_free(&l.other);
    free(l.types);
    lm_gguf_close(&l.g);
    if (status != LM_OK) lm_vocabulary_free(v);
    return status;
}
