/* A tokenizer of ours in the words of a GGUF file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/gguf_splits.h"
#include "tokenizer/gguf_vocabulary.h"
#include "tokenizer/kind.h"
#include "tokenizer/names.h"
#include "tokenizer/unicode.h"

void lm_gguf_vocabulary_free(lm_gguf_vocabulary *v) {
    if (v->owns) {
        free(v->tokens);
        free(v->types);
        free(v->scores);
        free(v->merges);
    }
    lm_text_free(&v->bytes);
    *v = (lm_gguf_vocabulary){0};
}

/* While v->bytes grows, strings have a size alone: they lie behind one another, tokens first. */
static void place_strings(lm_gguf_vocabulary *v) {
    const char *at = lm_text_cstr(&v->bytes);
    for (int64_t i = 0; i < v->n_tokens; at += v->tokens[i++].size) v->tokens[i].text = at;
    for (int64_t i = 0; i < v->n_merges; at += v->merges[i++].size) v->merges[i].text = at;
}

/* ---- tokens -----------------------------------------------------------------------------------*/

/* What names of unused tokens begin with and no other token's does. */
static void choose_pad(const lm_vocabulary *v, lm_text *prefix) {
    lm_text_printf(prefix, "[PAD");
    for (int64_t id = 0; id < v->n_tokens;) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id++, &size);
        if (size < prefix->length || memcmp(bytes, prefix->data, prefix->length) != 0) continue;
        lm_text_printf(prefix, "_");
        id = prefix->failed ? v->n_tokens : 0;
    }
}

static void put_character(const lm_vocabulary *v, int64_t id, lm_text *out) {
    size_t size;
    const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
    lm_alphabet_print(bytes, size, out);
}

static void put_token(const lm_vocabulary *v, int64_t id, const char *pad,
                      lm_gguf_vocabulary *out) {
    size_t before = out->bytes.length;
    bool hole = id >= v->n_tokens || v->tokens[id].size == 0;
    out->types[id] = hole ? LM_GGUF_UNUSED : LM_GGUF_NORMAL;
    if (hole)
        lm_text_printf(&out->bytes, "%s%" PRId64 "]", pad, id);
    else if (v->form == LM_FORM_CHARACTERS && !v->tokens[id].hidden)
        put_character(v, id, &out->bytes);
    else
        lm_vocabulary_name(v, id, &out->bytes);
    if (!hole && v->tokens[id].byte) out->types[id] = LM_GGUF_BYTE;
    out->tokens[id].size = out->bytes.length - before;
}

static lm_status put_tokens(const lm_vocabulary *v, int64_t rows, lm_gguf_vocabulary *out,
                            lm_error *err) {
    lm_text pad = {0};
    out->n_tokens = rows;
    out->tokens = calloc((size_t)rows + 1, sizeof *out->tokens);
    out->types = calloc((size_t)rows + 1, sizeof *out->types);
    if (!out->tokens || !out->types) return lm_error_no_memory(err, "a tokenizer");
    choose_pad(v, &pad);
    for (int64_t id = 0; id < rows; id++) put_token(v, id, lm_text_cstr(&pad), out);
    for (int64_t i = 0; i < v->n_added; i++)
        out->types[v->added[i].id] = v->added[i].special ? LM_GGUF_CONTROL : LM_GGUF_USER_DEFINED;
    if (v->form == LM_FORM_SENTENCE) out->unknown = lm_vocabulary_find_added(v, "<unk>");
    if (out->unknown >= 0) out->types[out->unknown] = LM_GGUF_UNKNOWN;
    lm_status status = pad.failed ? lm_error_no_memory(err, "a tokenizer") : LM_OK;
    lm_text_free(&pad);
    return status;
}

static int by_bytes(const void *a, const void *b) {
    const lm_gguf_string *x = a, *y = b;
    int order = memcmp(x->text, y->text, lm_size_min(x->size, y->size));
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* llama.cpp aborts when two tokens have one name. */
static lm_status check_names(const lm_gguf_vocabulary *v, lm_error *err) {
    size_t n = (size_t)v->n_tokens;
    lm_status status = LM_OK;
    lm_gguf_string *sorted = malloc((n + 1) * sizeof *sorted);
    if (!sorted) return lm_error_no_memory(err, "a tokenizer");
    memcpy(sorted, v->tokens, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_bytes);
    for (size_t i = 1; i < n && status == LM_OK; i++)
        if (by_bytes(&sorted[i - 1], &sorted[i]) == 0)
            status =
                lm_error_set(err, LM_ERR_USAGE,
                             "two tokens have the name \"%.*s\", which a GGUF file cannot hold",
                             (int)lm_size_min(sorted[i].size, 60), sorted[i].text);
    free(sorted);
    return status;
}

/* ---- merges -----------------------------------------------------------------------------------*/

typedef struct merge_list {
    lm_gguf_vocabulary *out;
    int64_t capacity;
    bool failed;
} merge_list;

static void put_merge(void *to, const unsigned char *bytes, size_t left, size_t right) {
    merge_list *m = to;
    lm_gguf_vocabulary *out = m->out;
    size_t before = out->bytes.length;
    if (out->n_merges == m->capacity) {
        int64_t room = lm_max(1024, 2 * m->capacity);
        lm_gguf_string *grown = realloc(out->merges, (size_t)room * sizeof *grown);
        if (!grown) {
            m->failed = true;
            return;
        }
        out->merges = grown;
        m->capacity = room;
    }
    lm_alphabet_print(bytes, left, &out->bytes);
    lm_text_append(&out->bytes, " ", 1);
    lm_alphabet_print(bytes + left, right, &out->bytes);
    out->merges[out->n_merges++] = (lm_gguf_string){.size = out->bytes.length - before};
}

/* The bytes of a character of several are merged from the left: bits that say which beginnings were
 * put, by what the beginnings of codes share. */
typedef struct beginnings {
    unsigned char seen[3][(0x110000 >> 6) / 8];
} beginnings;

static bool is_new(beginnings *b, size_t n, size_t k, uint32_t code) {
    if (k + 1 == n) return true; /* the whole character */
    unsigned char *bits = b->seen[n == 3 ? 0 : k];
    uint32_t shared = code >> 6 * (n - k - 1);
    bool before = bits[shared / 8] >> shared % 8 & 1;
    bits[shared / 8] |= (unsigned char)(1 << shared % 8);
    return !before;
}

static lm_status put_characters(const lm_vocabulary *v, merge_list *m, lm_error *err) {
    beginnings *b = calloc(1, sizeof *b);
    if (!b) return lm_error_no_memory(err, "a tokenizer");
    for (int64_t id = 0; id < v->n_tokens; id++) {
        size_t n;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id, &n);
        if (v->tokens[id].hidden) continue;
        for (size_t k = 1; k < n; k++)
            if (is_new(b, n, k, lm_unicode_code(bytes, n))) put_merge(m, bytes, k, 1);
    }
    free(b);
    return LM_OK;
}

static lm_status put_merges(const lm_vocabulary *v, lm_gguf_vocabulary *out, lm_error *err) {
    merge_list m = {.out = out};
    lm_status status = v->form == LM_FORM_CHARACTERS
                           ? put_characters(v, &m, err)
                           : lm_vocabulary_each_merge(v, put_merge, &m, err);
    return status == LM_OK && m.failed ? lm_error_no_memory(err, "a tokenizer") : status;
}

/* ---- scores -----------------------------------------------------------------------------------*/

/* What merging by scores needs: each token's merges stand together, and they are all the pairs of
 * tokens that make it up. */
typedef struct scoring {
    const lm_bpe *bpe;
    float *scores; /* [n_tokens]: minus the place of the token among those that are made, or rank */
    const uint32_t *ranks; /* [n_tokens]; NULL: places count */
    int64_t place;
    int32_t last; /* the token that the merge before made; -1: none */
    int64_t left; /* so many of its merges are to come */
    bool fails;
} scoring;

static int64_t count_halves(const lm_bpe *b, const unsigned char *bytes, size_t size) {
    int64_t n = 0;
    for (size_t i = 1; i < size; i++)
        n += lm_bpe_find(b, bytes, i) >= 0 && lm_bpe_find(b, bytes + i, size - i) >= 0;
    return n;
}

static void score_merge(void *to, const unsigned char *bytes, size_t left, size_t right) {
    scoring *s = to;
    int32_t id = lm_bpe_find(s->bpe, bytes, left + right);
    if (id != s->last) {
        s->fails |= s->left != 0 || s->scores[id] < 0;
        s->place++;
        s->scores[id] = -(float)(s->ranks ? s->ranks[id] + 1 : s->place);
        s->left = count_halves(s->bpe, bytes, left + right);
        s->last = id;
    }
    s->left--;
}

static lm_status put_scores(const lm_vocabulary *v, lm_gguf_vocabulary *out, lm_error *err) {
    lm_bpe *b = NULL;
    out->scores = calloc((size_t)out->n_tokens + 1, sizeof *out->scores);
    if (!out->scores) return lm_error_no_memory(err, "a tokenizer");
    lm_status status = lm_bpe_create_from(&b, v, err);
    scoring s = {.bpe = b, .scores = out->scores, .ranks = v->ranks, .last = -1};
    if (status == LM_OK) status = lm_vocabulary_each_merge(v, score_merge, &s, err);
    if (status == LM_OK && (s.fails || s.left != 0))
        status =
            lm_error_set(err, LM_ERR_USAGE,
                         "llama.cpp merges by scores of tokens, and no scores give the order of"
                         " this tokenizer's merges");
    for (int64_t id = 0; id < v->n_tokens && status == LM_OK; id++)
        if (out->scores[id] >= 0 && out->types[id] == LM_GGUF_NORMAL)
            out->scores[id] = -(float)(v->n_tokens + 1);
    lm_bpe_free(b);
    return status;
}

/* Spaces that begin pieces do so for llama.cpp as well only where no token has one inside. */
static lm_status check_spaces(const lm_vocabulary *v, lm_error *err) {
    for (int64_t id = 0; id < v->n_tokens && v->each_space; id++) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
        if (size < 2 || v->tokens[id].hidden || !memchr(bytes + 1, ' ', size - 1)) continue;
        return lm_error_set(err, LM_ERR_USAGE,
                            "llama.cpp does not split text at spaces as this tokenizer does");
    }
    return LM_OK;
}

/* ---- the split --------------------------------------------------------------------------------*/

/* *matters: some token is not what merging its bytes gives, so that it matters whether a piece that
 * is a token is looked up before anything is merged. Added tokens do not count: llama.cpp finds
 * them before it splits text. */
static lm_status see_whole_first(const lm_vocabulary *v, const int32_t *types, bool *matters,
                                 lm_error *err) {
    lm_vocabulary merging = *v;
    lm_bpe *b = NULL;
    lm_bpe_worker *w = NULL;
    lm_token_list ids = {0};
    *matters = false;
    if (v->by_ranks) return LM_OK;
    merging.whole_first = false;
    lm_status status = lm_bpe_create_from(&b, &merging, err);
    if (status == LM_OK) status = lm_bpe_worker_create(&w, err);
    for (int64_t id = 0; id < v->n_tokens && status == LM_OK && !*matters; id++) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
        if (types[id] != LM_GGUF_NORMAL || v->tokens[id].hidden) continue;
        if ((status = lm_token_list_reserve(&ids, size + LM_BPE_SLACK, err)) != LM_OK) break;
        int64_t n = lm_bpe_merge_piece(b, w, bytes, size, ids.ids);
        if (n < 0) status = lm_error_no_memory(err, "a tokenizer");
        *matters = n != 1;
    }
    lm_token_list_free(&ids);
    lm_bpe_worker_free(w);
    lm_bpe_free(b);
    return status;
}

static lm_status choose_pre(const lm_vocabulary *v, lm_gguf_vocabulary *out, lm_error *err) {
    bool matters;
    if (v->form == LM_FORM_CHARACTERS) {
        out->pre = (lm_gguf_string){"gpt-2", 5}; /* no split cuts a character */
        return LM_OK;
    }
    lm_status status = see_whole_first(v, out->types, &matters, err);
    if (status != LM_OK) return status;
    const lm_gguf_split *split = lm_gguf_split_of(v, matters);
    const char *name = v->split            ? v->split->name
                       : v->n_patterns > 0 ? v->patterns[0]
                                           : "not at all";
    if (!split)
        return lm_error_set(
            err, LM_ERR_USAGE, "llama.cpp does not split text as this tokenizer does (%s)%s", name,
            lm_gguf_split_of(v, false) ? ", with pieces that are tokens before any merge" : "");
    out->pre = (lm_gguf_string){split->pre, strlen(split->pre)};
    out->differs = split->differs;
    return LM_OK;
}

/* ---- the whole --------------------------------------------------------------------------------*/

lm_status lm_tokenizer_to_gguf(const lm_tokenizer *t, int64_t rows, lm_gguf_vocabulary *out,
                               lm_error *err) {
    lm_vocabulary made = {0};
    const lm_vocabulary *v;
    *out = (lm_gguf_vocabulary){.owns = true, .begin = -1, .end = -1, .turn = -1, .unknown = -1};
    LM_ASSERT(rows >= lm_tokenizer_vocab_size(t));
    lm_status status = lm_tokenizer_vocabulary(t, &made, &v, err);
    if (status != LM_OK) goto out;
    bool sentence = v->form == LM_FORM_SENTENCE;
    out->model = sentence ? (lm_gguf_string){"llama", 5} : (lm_gguf_string){"gpt2", 4};
    out->add_space = v->prefix != LM_PREFIX_NEVER;
    if (sentence && (status = check_spaces(v, err)) != LM_OK) goto out;
    if ((status = put_tokens(v, rows, out, err)) != LM_OK) goto out;
    status = sentence ? put_scores(v, out, err) : put_merges(v, out, err);
    if (status != LM_OK) goto out;
    if (!sentence && (status = choose_pre(v, out, err)) != LM_OK) goto out;
    if (out->bytes.failed) {
        status = lm_error_no_memory(err, "a tokenizer");
        goto out;
    }
    place_strings(out);
    if ((status = check_names(out, err)) != LM_OK) goto out;
    out->begin = out->turn = lm_tokenizer_document_token(t);
    out->end = lm_tokenizer_end_token(t);
    out->add_begin = v->begins;
    out->nfc = v->nfc;
out:
    lm_vocabulary_free(&made);
    if (status != LM_OK) lm_gguf_vocabulary_free(out);
    return status;
}
