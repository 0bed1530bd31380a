/* Writing a tokenizer.json. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/numbers.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

static void save_added(const lm_vocabulary *v, lm_json_writer *w) {
    lm_json_array(w, "added_tokens", LM_JSON_LINES);
    for (int64_t i = 0; i < v->n_added; i++) {
        lm_added_token a = v->added[i];
        size_t size;
        lm_text content = {0};
        const unsigned char *bytes = lm_vocabulary_bytes(v, a.id, &size);
        lm_text_append(&content, bytes, size);
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_integer(w, "id", a.id);
        lm_json_string(w, "content", lm_text_cstr(&content));
        lm_json_boolean(w, "single_word", false);
        lm_json_boolean(w, "lstrip", false);
        lm_json_boolean(w, "rstrip", false);
        lm_json_boolean(w, "normalized", a.normalized);
        lm_json_boolean(w, "special", a.special);
        lm_json_end(w);
        w->out->failed |= content.failed;
        lm_text_free(&content);
    }
    lm_json_end(w);
}

static void save_byte_level(lm_json_writer *w, const char *key, bool prefix, bool use_regex) {
    lm_json_object(w, key, LM_JSON_LINE);
    lm_json_string(w, "type", "ByteLevel");
    lm_json_boolean(w, "add_prefix_space", prefix);
    lm_json_boolean(w, "trim_offsets", true);
    lm_json_boolean(w, "use_regex", use_regex);
    lm_json_end(w);
}

/* In front of ByteLevel, where it is not alone. */
static void save_split(const lm_split *split, lm_json_writer *w) {
    lm_json_object(w, NULL, LM_JSON_LINE);
    if (split->pattern) {
        lm_json_string(w, "type", "Split");
        lm_json_object(w, "pattern", LM_JSON_LINE);
        lm_json_string(w, "Regex", split->pattern);
        lm_json_end(w);
        lm_json_string(w, "behavior", "Isolated");
        lm_json_boolean(w, "invert", false);
    } else {
        lm_json_string(w, "type", "Digits");
        lm_json_boolean(w, "individual_digits", true);
    }
    lm_json_end(w);
}

static void save_pre_tokenizer(const lm_split *split, lm_json_writer *w) {
    bool alone = split->scan == lm_scan_gpt2;
    if (alone) {
        save_byte_level(w, "pre_tokenizer", false, true);
        return;
    }
    lm_json_object(w, "pre_tokenizer", LM_JSON_LINES);
    lm_json_string(w, "type", "Sequence");
    lm_json_array(w, "pretokenizers", LM_JSON_LINES);
    save_split(split, w);
    save_byte_level(w, NULL, false, !split->pattern);
    lm_json_end(w);
    lm_json_end(w);
}

/* ---- the model --------------------------------------------------------------------------------*/

static void save_vocab(const lm_vocabulary *v, lm_json_writer *w) {
    lm_text name = {0};
    lm_json_object(w, "vocab", LM_JSON_LINES);
    for (int64_t id = 0; id < v->n_tokens; id++) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
        if (size == 0) continue;
        name.length = 0;
        if (v->tokens[id].hidden) {
            lm_text_append(&name, bytes, size);
        } else {
            lm_alphabet_print(bytes, size, &name);
        }
        lm_json_integer(w, lm_text_cstr(&name), id);
    }
    lm_json_end(w);
    w->out->failed |= name.failed;
    lm_text_free(&name);
}

static void save_merge(const unsigned char *bytes, size_t left, size_t right, lm_text *name,
                       lm_json_writer *w) {
    lm_json_array(w, NULL, LM_JSON_LINE);
    for (int part = 0; part < 2; part++) {
        name->length = 0;
        lm_alphabet_print(part ? bytes + left : bytes, part ? right : left, name);
        lm_json_string(w, NULL, lm_text_cstr(name));
    }
    lm_json_end(w);
}

typedef struct halves {
    int32_t left, right;
    size_t left_size;
} halves;

static int by_parts(const void *a, const void *b) {
    const halves *x = a, *y = b;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return x->right < y->right ? -1 : x->right > y->right;
}

/* Every pair of tokens that makes up a token is a merge, in the order of ranks. */
static lm_status save_pairs(const lm_vocabulary *v, lm_text *name, lm_json_writer *w,
                            lm_error *err) {
    lm_bpe *b = NULL;
    halves *list = NULL;
    size_t room = 0;
    lm_status status = lm_bpe_create_from(&b, v, err);
    for (int64_t id = 0; id < v->n_tokens && status == LM_OK; id++) {
        size_t size, n = 0;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
        if (v->tokens[id].hidden) continue;
        if (size > room) {
            halves *grown = realloc(list, 2 * size * sizeof *list);
            if (!grown) {
                status = lm_error_no_memory(err, "a tokenizer");
                break;
            }
            list = grown;
            room = 2 * size;
        }
        for (size_t i = 1; i < size; i++) {
            halves h = {lm_bpe_find(b, bytes, i), lm_bpe_find(b, bytes + i, size - i), i};
            if (h.left >= 0 && h.right >= 0) list[n++] = h;
        }
        if (n > 1) qsort(list, n, sizeof *list, by_parts);
        for (size_t i = 0; i < n; i++)
            save_merge(bytes, list[i].left_size, size - list[i].left_size, name, w);
    }
    free(list);
    lm_bpe_free(b);
    return status;
}

static lm_status save_merges(const lm_vocabulary *v, lm_json_writer *w, lm_error *err) {
    lm_text name = {0};
    lm_status status = LM_OK;
    lm_json_array(w, "merges", LM_JSON_LINES);
    if (v->by_ranks) status = save_pairs(v, &name, w, err);
    for (int64_t i = 0; i < v->n_merges && !v->by_ranks; i++) {
        lm_bpe_merge m = v->merges[i];
        const unsigned char *bytes = (const unsigned char *)lm_text_cstr(&v->bytes) + m.at;
        save_merge(bytes, m.left, m.right, &name, w);
    }
    lm_json_end(w);
    w->out->failed |= name.failed;
    lm_text_free(&name);
    return status;
}

static lm_status save_model(const lm_vocabulary *v, lm_json_writer *w, lm_error *err) {
    lm_json_object(w, "model", LM_JSON_LINES);
    lm_json_string(w, "type", "BPE");
    lm_json_string(w, "dropout", NULL);
    lm_json_string(w, "unk_token", NULL);
    lm_json_string(w, "continuing_subword_prefix", NULL);
    lm_json_string(w, "end_of_word_suffix", NULL);
    lm_json_boolean(w, "fuse_unk", false);
    lm_json_boolean(w, "byte_fallback", false);
    lm_json_boolean(w, "ignore_merges", v->whole_first || v->by_ranks);
    lm_json_object(w, "lmtrain", LM_JSON_LINE);
    lm_json_boolean(w, "by_ranks", v->by_ranks);
    if (v->document_token >= 0) lm_json_integer(w, "document_token", v->document_token);
    lm_json_end(w);
    save_vocab(v, w);
    lm_status status = save_merges(v, w, err);
    lm_json_end(w);
    return status;
}

lm_status lm_vocabulary_save(const lm_vocabulary *v, lm_text *out, lm_error *err) {
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "version", "1.0");
    lm_json_string(&w, "truncation", NULL);
    lm_json_string(&w, "padding", NULL);
    save_added(v, &w);
    if (v->nfc) {
        lm_json_object(&w, "normalizer", LM_JSON_LINE);
        lm_json_string(&w, "type", "NFC");
        lm_json_end(&w);
    } else {
        lm_json_string(&w, "normalizer", NULL);
    }
    save_pre_tokenizer(v->split, &w);
    lm_json_string(&w, "post_processor", NULL);
    save_byte_level(&w, "decoder", true, true);
    lm_status status = save_model(v, &w, err);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
    if (status == LM_OK && out->failed) status = lm_error_no_memory(err, "tokenizer.json");
    return status;
}

/* In the text of another file the quotes of a token stand behind backslashes. */
bool lm_tokenizer_is_ours(const char *file) {
    return strstr(file, "\"lmtrain\": {") != NULL;
}
