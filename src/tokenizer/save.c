/* Writing a tokenizer.json. */
#include <string.h>

#include "base/json.h"
#include "base/numbers.h"
#include "tokenizer/kind.h"
#include "tokenizer/names.h"

static void save_added(const lm_vocabulary *v, lm_json_writer *w) {
    lm_json_array(w, "added_tokens", LM_JSON_LINES);
    for (int64_t i = 0; i < v->n_added; i++) {
        lm_added_token a = v->added[i];
        size_t size;
        lm_text content = {0};
        const unsigned char *bytes = lm_vocabulary_added_text(v, i, &size);
        lm_text_append(&content, bytes, size);
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_integer(w, "id", a.id);
        lm_json_string(w, "content", lm_text_cstr(&content));
        lm_json_boolean(w, "single_word", a.single_word);
        lm_json_boolean(w, "lstrip", a.lstrip);
        lm_json_boolean(w, "rstrip", a.rstrip);
        lm_json_boolean(w, "normalized", a.normalized);
        lm_json_boolean(w, "special", a.special);
        lm_json_end(w);
        w->out->failed |= content.failed;
        lm_text_free(&content);
    }
    lm_json_end(w);
}

/* Are spaces replaced by the normalizer? Else it is Metaspace that does it. */
static bool normalizes_spaces(const lm_vocabulary *v) {
    return v->form == LM_FORM_SENTENCE && !v->each_space &&
           (v->prefix == LM_PREFIX_EACH || v->prefix == LM_PREFIX_NEVER);
}

static void save_byte_level(lm_json_writer *w, const char *key, bool prefix, bool use_regex) {
    lm_json_object(w, key, LM_JSON_LINE);
    lm_json_string(w, "type", "ByteLevel");
    lm_json_boolean(w, "add_prefix_space", prefix);
    lm_json_boolean(w, "trim_offsets", true);
    lm_json_boolean(w, "use_regex", use_regex);
    lm_json_end(w);
}

/* In front of ByteLevel. */
static void save_split(const char *pattern, lm_json_writer *w) {
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_string(w, "type", "Split");
    lm_json_object(w, "pattern", LM_JSON_LINE);
    lm_json_string(w, "Regex", pattern);
    lm_json_end(w);
    lm_json_string(w, "behavior", "Isolated");
    lm_json_boolean(w, "invert", false);
    lm_json_end(w);
}

static void save_digits(lm_json_writer *w) {
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_string(w, "type", "Digits");
    lm_json_boolean(w, "individual_digits", true);
    lm_json_end(w);
}

static void save_metaspace(const lm_vocabulary *v, lm_json_writer *w) {
    const char *scheme = v->prefix == LM_PREFIX_MISSING ? "always"
                         : v->prefix == LM_PREFIX_FIRST ? "first"
                                                        : "never";
    lm_json_object(w, "pre_tokenizer", LM_JSON_LINE);
    lm_json_string(w, "type", "Metaspace");
    lm_json_string(w, "replacement", LM_NAME_SPACE);
    lm_json_string(w, "prepend_scheme", scheme);
    lm_json_boolean(w, "split", v->each_space);
    lm_json_end(w);
}

static void save_pre_tokenizer(const lm_vocabulary *v, lm_json_writer *w) {
    if (v->form == LM_FORM_CHARACTERS || normalizes_spaces(v)) {
        lm_json_string(w, "pre_tokenizer", NULL);
        return;
    }
    if (v->form == LM_FORM_SENTENCE) {
        save_metaspace(v, w);
        return;
    }
    bool gpt2 = v->split && v->split->scan == lm_scan_gpt2;
    if (gpt2 || (!v->split && v->n_patterns == 0)) {
        save_byte_level(w, "pre_tokenizer", false, gpt2);
        return;
    }
    lm_json_object(w, "pre_tokenizer", LM_JSON_LINES);
    lm_json_string(w, "type", "Sequence");
    lm_json_array(w, "pretokenizers", LM_JSON_LINES);
    bool digits = v->split && !v->split->pattern;
    if (digits)
        save_digits(w);
    else if (v->split)
        save_split(v->split->pattern, w);
    for (int i = 0; i < v->n_patterns; i++) save_split(v->patterns[i], w);
    save_byte_level(w, NULL, false, digits);
    lm_json_end(w);
    lm_json_end(w);
}

/* ---- normalizer, decoder ----------------------------------------------------------------------*/

static void save_type(lm_json_writer *w, const char *key, const char *type) {
    lm_json_object(w, key, LM_JSON_LINE);
    lm_json_string(w, "type", type);
    lm_json_end(w);
}

/* {"type": "Replace", "pattern": {"String": " "}, "content": "_"} */
static void save_replace(lm_json_writer *w, const char *from, const char *to) {
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_string(w, "type", "Replace");
    lm_json_object(w, "pattern", LM_JSON_LINE);
    lm_json_string(w, "String", from);
    lm_json_end(w);
    lm_json_string(w, "content", to);
    lm_json_end(w);
}

static void save_normalizer(const lm_vocabulary *v, lm_json_writer *w) {
    if (v->nfc) {
        save_type(w, "normalizer", "NFC");
        return;
    }
    if (!normalizes_spaces(v)) {
        lm_json_string(w, "normalizer", NULL);
        return;
    }
    lm_json_object(w, "normalizer", LM_JSON_LINES);
    lm_json_string(w, "type", "Sequence");
    lm_json_array(w, "normalizers", LM_JSON_LINES);
    if (v->prefix == LM_PREFIX_EACH) {
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_string(w, "type", "Prepend");
        lm_json_string(w, "prepend", LM_NAME_SPACE);
        lm_json_end(w);
    }
    save_replace(w, " ", LM_NAME_SPACE);
    lm_json_end(w);
    lm_json_end(w);
}

static void save_decoder(const lm_vocabulary *v, lm_json_writer *w) {
    if (v->form == LM_FORM_BYTES) {
        save_byte_level(w, "decoder", true, true);
        return;
    }
    if (v->form == LM_FORM_CHARACTERS) {
        save_type(w, "decoder", "Fuse");
        return;
    }
    lm_json_object(w, "decoder", LM_JSON_LINES);
    lm_json_string(w, "type", "Sequence");
    lm_json_array(w, "decoders", LM_JSON_LINES);
    save_replace(w, LM_NAME_SPACE, " ");
    save_type(w, NULL, "ByteFallback");
    save_type(w, NULL, "Fuse");
    if (v->strip) {
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_string(w, "type", "Strip");
        lm_json_string(w, "content", " ");
        lm_json_integer(w, "start", 1);
        lm_json_integer(w, "stop", 0);
        lm_json_end(w);
    }
    lm_json_end(w);
    lm_json_end(w);
}

/* ---- the model --------------------------------------------------------------------------------*/

static void save_vocab(const lm_vocabulary *v, lm_json_writer *w) {
    lm_text name = {0};
    lm_json_object(w, "vocab", LM_JSON_LINES);
    for (int64_t id = 0; id < v->n_tokens; id++) {
        if (v->tokens[id].size == 0) continue;
        name.length = 0;
        lm_vocabulary_name(v, id, &name);
        lm_json_integer(w, lm_text_cstr(&name), id);
    }
    lm_json_end(w);
    w->out->failed |= name.failed;
    lm_text_free(&name);
}

typedef struct merge_writer {
    lm_vocabulary_form form;
    lm_json_writer *json;
    lm_text name;
} merge_writer;

static void save_merge(void *to, const unsigned char *bytes, size_t left, size_t right) {
    merge_writer *m = to;
    lm_json_array(m->json, NULL, LM_JSON_LINE);
    for (int part = 0; part < 2; part++) {
        m->name.length = 0;
        lm_name_print(m->form, part ? bytes + left : bytes, part ? right : left, &m->name);
        lm_json_string(m->json, NULL, lm_text_cstr(&m->name));
    }
    lm_json_end(m->json);
}

static lm_status save_merges(const lm_vocabulary *v, lm_json_writer *w, lm_error *err) {
    merge_writer m = {.form = v->form, .json = w};
    lm_json_array(w, "merges", LM_JSON_LINES);
    lm_status status = lm_vocabulary_each_merge(v, save_merge, &m, err);
    lm_json_end(w);
    w->out->failed |= m.name.failed;
    lm_text_free(&m.name);
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
    lm_json_boolean(w, "byte_fallback", v->form == LM_FORM_SENTENCE);
    lm_json_boolean(w, "ignore_merges",
                    v->whole_first || (v->by_ranks && v->form == LM_FORM_BYTES));
    lm_json_object(w, "lmtrain", LM_JSON_LINE);
    lm_json_boolean(w, "by_ranks", v->by_ranks);
    if (v->document_token >= 0) lm_json_integer(w, "document_token", v->document_token);
    if (v->by_ranks && v->ranks) {
        lm_json_array(w, "ranks", LM_JSON_LINE);
        for (int64_t i = 0; i < v->n_tokens; i++) lm_json_integer(w, NULL, v->ranks[i]);
        lm_json_end(w);
    }
    lm_json_end(w);
    save_vocab(v, w);
    lm_status status = save_merges(v, w, err);
    lm_json_end(w);
    return status;
}

/* The text of an added token; "" for others. */
static void added_text(const lm_vocabulary *v, int32_t id, lm_text *text) {
    size_t size;
    text->length = 0;
    for (int64_t i = 0; i < v->n_added; i++) {
        if (v->added[i].id != id) continue;
        const unsigned char *bytes = lm_vocabulary_added_text(v, i, &size);
        lm_text_append(text, bytes, size);
    }
}

/* {"SpecialToken": {"id": "<s>", "type_id": 0}} or {"Sequence": {"id": "A", "type_id": 0}} */
static void save_template_part(lm_json_writer *w, const char *kind, const char *id, int type) {
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_object(w, kind, LM_JSON_LINE);
    lm_json_string(w, "id", id);
    lm_json_integer(w, "type_id", type);
    lm_json_end(w);
    lm_json_end(w);
}

/* The document token in front of every text. */
static void save_post_processor(const lm_vocabulary *v, lm_json_writer *w) {
    lm_text token = {0};
    added_text(v, v->document_token, &token);
    if (!v->begins || token.length == 0) {
        lm_json_string(w, "post_processor", NULL);
        goto out;
    }
    lm_json_object(w, "post_processor", LM_JSON_LINES);
    lm_json_string(w, "type", "TemplateProcessing");
    for (int texts = 1; texts <= 2; texts++) {
        lm_json_array(w, texts == 1 ? "single" : "pair", LM_JSON_LINE);
        for (int i = 0; i < texts; i++) {
            save_template_part(w, "SpecialToken", lm_text_cstr(&token), i);
            save_template_part(w, "Sequence", i == 0 ? "A" : "B", i);
        }
        lm_json_end(w);
    }
    lm_json_object(w, "special_tokens", LM_JSON_LINE);
    lm_json_object(w, lm_text_cstr(&token), LM_JSON_LINE);
    lm_json_string(w, "id", lm_text_cstr(&token));
    lm_json_array(w, "ids", LM_JSON_LINE);
    lm_json_integer(w, NULL, v->document_token);
    lm_json_end(w);
    lm_json_array(w, "tokens", LM_JSON_LINE);
    lm_json_string(w, NULL, lm_text_cstr(&token));
    lm_json_end(w);
    lm_json_end(w);
    lm_json_end(w);
    lm_json_end(w);
out:
    w->out->failed |= token.failed;
    lm_text_free(&token);
}

lm_status lm_vocabulary_save(const lm_vocabulary *v, lm_text *out, lm_error *err) {
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "version", "1.0");
    lm_json_string(&w, "truncation", NULL);
    lm_json_string(&w, "padding", NULL);
    save_added(v, &w);
    save_normalizer(v, &w);
    save_pre_tokenizer(v, &w);
    save_post_processor(v, &w);
    save_decoder(v, &w);
    lm_status status = save_model(v, &w, err);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
    if (status == LM_OK && out->failed) status = lm_error_no_memory(err, "tokenizer.json");
    return status;
}

static void put_special(const lm_vocabulary *v, const char *key, int32_t id, lm_json_writer *w) {
    lm_text token = {0};
    if (id < 0) return;
    added_text(v, id, &token);
    if (token.length > 0) lm_json_string(w, key, lm_text_cstr(&token));
    w->out->failed |= token.failed;
    lm_text_free(&token);
}

lm_status lm_tokenizer_save_config(const lm_tokenizer *t, const lm_tokenizer_config *c,
                                   lm_text *out, lm_error *err) {
    lm_vocabulary made = {0};
    const lm_vocabulary *v;
    const lm_tokenizer_config none = {.bos = -1, .eos = -1, .pad = -1};
    lm_json_writer w = {.out = out};
    lm_status status = lm_tokenizer_vocabulary(t, &made, &v, err);
    if (status != LM_OK) goto out;
    if (!c) c = &none;
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "tokenizer_class", "PreTrainedTokenizerFast");
    put_special(v, "bos_token", c->bos >= 0 ? c->bos : t->document_token, &w);
    put_special(v, "eos_token", c->eos >= 0 ? c->eos : t->end_token, &w);
    put_special(v, "pad_token", c->pad, &w);
    if (c->length > 0) lm_json_integer(&w, "model_max_length", c->length);
    lm_json_boolean(&w, "clean_up_tokenization_spaces", false);
    if (c->chat_template) lm_json_string(&w, "chat_template", c->chat_template);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
    if (out->failed) status = lm_error_no_memory(err, "tokenizer_config.json");
out:
    lm_vocabulary_free(&made);
    return status;
}

/* In the text of another file the quotes of a token stand behind backslashes. */
bool lm_tokenizer_is_ours(const char *file) {
    return strstr(file, "\"lmtrain\": {") != NULL;
}
