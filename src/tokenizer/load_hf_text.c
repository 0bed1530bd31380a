/* What Hugging Face's tokenizer.json says of text: how it is normalized and cut, what is put around
 * it, and how tokens become text again. */
#include <stdio.h>
#include <string.h>

#include "tokenizer/load_hf.h"

#define META "\u2581" /* stands for a space */

/* The string that comes next must be this one. */
static void want_string(lm_hf_loader *l, const char *expected, const char *what) {
    if (strcmp(lm_hf_take_string(l), expected) != 0)
        lm_json_pull_wrong(&l->p, "%s \"%s\", which lmtrain does not have", what,
                           lm_text_cstr(&l->p.string));
}

/* {"String": "..."}, which must be this one */
static void want_pattern(lm_hf_loader *l, const char *expected) {
    lm_json_pull *p = &l->p;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (lm_json_pull_is(p, "String"))
            want_string(l, expected, "a replacement of");
        else
            lm_hf_refuse(l, "a replacement of what is no String");
    }
}

/* ---- cutting text -----------------------------------------------------------------------------*/

void lm_hf_read_normalizer(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    if (lm_json_pull_if_null(p)) return;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (lm_json_pull_is(p, "type")) {
            const char *type = lm_hf_take_string(l);
            if (strcmp(type, "NFC") == 0)
                l->v->nfc = true;
            else if (strcmp(type, "Prepend") == 0)
                l->prepend = true;
            else if (strcmp(type, "Replace") == 0)
                l->replace = true;
            else if (strcmp(type, "Sequence") != 0)
                lm_json_pull_wrong(p, "a normalizer \"%s\", which lmtrain does not have", type);
        } else if (lm_json_pull_is(p, "normalizers")) {
            lm_json_pull_array(p);
            while (lm_json_pull_element(p)) lm_hf_read_normalizer(l);
        } else if (lm_json_pull_is(p, "prepend")) {
            want_string(l, META, "a normalizer that prepends");
        } else if (lm_json_pull_is(p, "pattern")) {
            want_pattern(l, " ");
        } else if (lm_json_pull_is(p, "content")) {
            want_string(l, META, "a normalizer that replaces spaces by");
        } else {
            lm_hf_unknown(l, "the normalizer");
        }
    }
}

/* One more split. */
static void add_pattern(lm_hf_loader *l, const char *pattern) {
    if (l->p.status != LM_OK) return;
    if (l->v->n_patterns == LM_PATTERN_MOST)
        lm_json_pull_wrong(&l->p, "more than %d splits, which lmtrain does not have",
                           LM_PATTERN_MOST);
    else if (lm_vocabulary_add_pattern(l->v, pattern, &l->aside) != LM_OK)
        lm_json_pull_wrong(&l->p, "%s", l->aside.message);
}

/* A text as a pattern that matches just it. */
static void escape(const char *text, lm_text *out) {
    for (; *text; text++) {
        bool plain = (unsigned char)*text >= 0x80 || *text == ' ' || *text == '\n' ||
                     (*text >= '0' && *text <= '9') || (*text >= 'A' && *text <= 'Z') ||
                     (*text >= 'a' && *text <= 'z');
        lm_text_printf(out, plain ? "%c" : "\\%c", *text);
    }
}

/* {"Regex": "..."} or {"String": "..."}: to l->part, as a pattern. */
static void read_pattern(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    l->part.length = 0;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        bool regex = lm_json_pull_is(p, "Regex");
        if (!regex && !lm_json_pull_is(p, "String")) {
            lm_hf_refuse(l, "a split that is at no Regex and no String");
            return;
        }
        const char *text = lm_hf_take_string(l);
        if (regex)
            lm_text_append(&l->part, text, strlen(text));
        else
            escape(text, &l->part);
    }
}

/* Pieces are what the pattern matches: Isolated says so, and Removed with invert does for patterns
 * of ours, which leave nothing between two matches. */
static void read_split(lm_hf_loader *l, const char *behavior, bool invert) {
    const char *pattern = lm_text_cstr(&l->part);
    bool whole = lm_split_of_pattern(pattern) != NULL;
    if (strcmp(behavior, "Isolated") == 0 ? !invert
                                          : invert && whole && strcmp(behavior, "Removed") == 0) {
        add_pattern(l, pattern);
        return;
    }
    lm_json_pull_wrong(&l->p,
                       "a split by the pattern %s with behavior \"%s\" and invert %s, which"
                       " lmtrain does not have",
                       pattern, behavior, invert ? "true" : "false");
}

static void read_pre_tokenizer(lm_hf_loader *l, int depth);

static void read_pre_tokenizers(lm_hf_loader *l, int depth) {
    lm_json_pull_array(&l->p);
    while (lm_json_pull_element(&l->p)) read_pre_tokenizer(l, depth + 1);
}

static void read_prefix(lm_hf_loader *l) {
    static const char *const names[] = {"never", "always", "first"};
    static const lm_space_prefix prefixes[] = {LM_PREFIX_NEVER, LM_PREFIX_MISSING, LM_PREFIX_FIRST};
    const char *name = lm_hf_take_string(l);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) != 0) continue;
        l->prefix = prefixes[i];
        return;
    }
    lm_json_pull_wrong(&l->p, "a prepend_scheme \"%s\", which lmtrain does not have", name);
}

/* Metaspace: U+2581 for each space, and pieces that begin with it, unless split is false. */
static bool read_metaspace_member(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    if (lm_json_pull_is(p, "replacement") || lm_json_pull_is(p, "str_rep"))
        want_string(l, META, "a Metaspace with");
    else if (lm_json_pull_is(p, "prepend_scheme"))
        read_prefix(l);
    else if (lm_json_pull_is(p, "split"))
        l->each_space = lm_json_pull_boolean(p);
    else
        return false;
    return true;
}

/* One after the other: Digits, Splits, ByteLevel; or Metaspace. */
static void read_pre_tokenizer(lm_hf_loader *l, int depth) {
    lm_json_pull *p = &l->p;
    char type[32] = "", behavior[32] = "";
    bool invert = false, individual = false, regex = true, prefix_space = false;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (lm_json_pull_is(p, "type")) {
            snprintf(type, sizeof type, "%s", lm_hf_take_string(l));
        } else if (lm_json_pull_is(p, "pretokenizers") && depth == 0) {
            read_pre_tokenizers(l, depth);
        } else if (lm_json_pull_is(p, "pattern")) {
            read_pattern(l);
        } else if (lm_json_pull_is(p, "behavior")) {
            snprintf(behavior, sizeof behavior, "%s", lm_hf_take_string(l));
        } else if (lm_json_pull_is(p, "invert")) {
            invert = lm_json_pull_boolean(p);
        } else if (lm_json_pull_is(p, "individual_digits")) {
            individual = lm_json_pull_boolean(p);
        } else if (lm_json_pull_is(p, "use_regex")) {
            regex = lm_json_pull_boolean(p);
        } else if (lm_json_pull_is(p, "add_prefix_space")) {
            prefix_space = lm_json_pull_boolean(p);
        } else if (lm_json_pull_is(p, "trim_offsets")) {
            lm_json_pull_boolean(p); /* of offsets, not of text */
        } else if (!read_metaspace_member(l)) {
            lm_hf_unknown(l, "a pre-tokenizer");
        }
    }
    if (p->status != LM_OK || (strcmp(type, "Sequence") == 0 && depth == 0)) return;
    if (l->byte_level || l->metaspace) {
        lm_hf_refuse(l, "a pre-tokenizer behind ByteLevel or Metaspace");
    } else if (strcmp(type, "Split") == 0) {
        /* Where spaces are replaced, a split at them does nothing. */
        if (strcmp(lm_text_cstr(&l->part), " ") == 0 && strcmp(behavior, "Isolated") != 0)
            l->split_spaces = true;
        else
            read_split(l, behavior, invert);
    } else if (strcmp(type, "Metaspace") == 0 && depth == 0) {
        l->metaspace = true;
    } else if (strcmp(type, "Digits") == 0) {
        add_pattern(l, individual ? LM_SPLIT_DIGITS : LM_SPLIT_RUNS_OF_DIGITS);
    } else if (strcmp(type, "ByteLevel") == 0) {
        l->byte_level = true;
        if (regex) add_pattern(l, LM_SPLIT_BYTE_LEVEL);
        if (prefix_space) lm_hf_refuse(l, "add_prefix_space true");
    } else {
        lm_json_pull_wrong(p, "a pre-tokenizer \"%s\", which lmtrain does not have", type);
    }
}

/* ---- around the tokens ------------------------------------------------------------------------*/

/* An element of a template: {"SpecialToken": {"id": "<s>", "type_id": 0}} or {"Sequence": {...}}.
 * Returns whether it is the text; a special token goes to l->begins. */
static bool read_template_part(lm_hf_loader *l, bool first) {
    lm_json_pull *p = &l->p;
    bool text = false;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        text = lm_json_pull_is(p, "Sequence");
        if (text) {
            lm_json_pull_skip(p);
            continue;
        }
        if (!lm_json_pull_is(p, "SpecialToken") || !first) {
            lm_hf_refuse(l, "a post-processor that puts more than one token in front of a text");
            return false;
        }
        lm_json_pull_object(p);
        while (lm_json_pull_member(p)) {
            if (!lm_json_pull_is(p, "id")) {
                lm_json_pull_skip(p);
                continue;
            }
            lm_json_pull_string(p);
            l->begins.length = 0;
            lm_text_append(&l->begins, lm_text_cstr(&p->string), p->string.length);
        }
    }
    return text;
}

static void read_template(lm_hf_loader *l) {
    bool over = false;
    lm_json_pull_array(&l->p);
    for (bool first = true; lm_json_pull_element(&l->p); first = false) {
        if (over) {
            lm_hf_refuse(l, "a post-processor that puts tokens behind a text");
            return;
        }
        over = read_template_part(l, first);
    }
}

void lm_hf_read_post_processor(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    if (lm_json_pull_if_null(p)) return;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (lm_json_pull_is(p, "type")) {
            const char *type = lm_hf_take_string(l);
            if (strcmp(type, "Sequence") != 0 && strcmp(type, "ByteLevel") != 0 &&
                strcmp(type, "TemplateProcessing") != 0)
                lm_json_pull_wrong(p, "a post-processor \"%s\", which lmtrain does not have", type);
        } else if (lm_json_pull_is(p, "processors")) {
            lm_json_pull_array(p);
            while (lm_json_pull_element(p)) lm_hf_read_post_processor(l);
        } else if (lm_json_pull_is(p, "single")) {
            read_template(l);
        } else {
            lm_json_pull_skip(p); /* pairs of texts, offsets, the ids of special tokens */
        }
    }
}

/* ---- decoding ---------------------------------------------------------------------------------*/

static void add_decoder(lm_hf_loader *l, const char *type) {
    static const char *const names[] = {"ByteLevel", "Replace", "ByteFallback", "Fuse", "Strip"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(names[i], type) != 0) continue;
        if (l->n_decoders == LM_HF_MOST_DECODERS)
            lm_hf_refuse(l, "so many decoders");
        else
            l->decoders[l->n_decoders++] = (lm_hf_decoder)i;
        return;
    }
    lm_json_pull_wrong(&l->p, "a decoder \"%s\", which lmtrain does not have", type);
}

/* Members of Replace and Strip; ByteLevel decodes the same with each of its flags. */
static void read_decoder_member(lm_hf_loader *l, const char *type) {
    lm_json_pull *p = &l->p;
    if (lm_json_pull_is(p, "pattern")) {
        want_pattern(l, META);
    } else if (lm_json_pull_is(p, "content")) {
        want_string(l, " ", "a decoder with the content");
    } else if (lm_json_pull_is(p, "start")) {
        if (lm_json_pull_count(p, 1000) != 1) lm_hf_refuse(l, "a Strip of other than one space");
    } else if (lm_json_pull_is(p, "stop")) {
        if (lm_json_pull_count(p, 1000) != 0) lm_hf_refuse(l, "a Strip at the end");
    } else if (strcmp(type, "ByteLevel") == 0) {
        lm_json_pull_skip(p);
    } else {
        lm_hf_unknown(l, "a decoder");
    }
}

/* Its type comes first, as the library writes it. */
void lm_hf_read_decoder(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    char type[32] = "";
    if (lm_json_pull_if_null(p)) return;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (lm_json_pull_is(p, "type")) {
            snprintf(type, sizeof type, "%s", lm_hf_take_string(l));
            if (strcmp(type, "Sequence") != 0) add_decoder(l, type);
        } else if (lm_json_pull_is(p, "decoders")) {
            lm_json_pull_array(p);
            while (lm_json_pull_element(p)) lm_hf_read_decoder(l);
        } else {
            read_decoder_member(l, type);
        }
    }
}

void lm_hf_read_pre_tokenizer(lm_hf_loader *l) {
    l->each_space = true; /* unless Metaspace says otherwise */
    l->prefix = LM_PREFIX_MISSING;
    if (!lm_json_pull_if_null(&l->p)) read_pre_tokenizer(l, 0);
}
