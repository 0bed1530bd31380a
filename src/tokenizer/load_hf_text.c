/* What Hugging Face's tokenizer.json says of text: how it is normalized and cut, what is put around
 * it, and how tokens become text again. */
#include <stdio.h>
#include <string.h>

#include "tokenizer/load_hf.h"

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
            else if (strcmp(type, "Sequence") != 0)
                lm_json_pull_wrong(p, "a normalizer \"%s\", which lmtrain does not have", type);
        } else if (lm_json_pull_is(p, "normalizers")) {
            lm_json_pull_array(p);
            while (lm_json_pull_element(p)) lm_hf_read_normalizer(l);
        } else {
            lm_hf_unknown(l, "the normalizer");
        }
    }
}

/* {"Regex": "..."} */
static void read_pattern(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (!lm_json_pull_is(p, "Regex")) {
            lm_hf_refuse(l, "a split that is not at a Regex");
            return;
        }
        const lm_split *split = lm_split_of_pattern(lm_hf_take_string(l));
        if (p->status != LM_OK) return;
        if (!split)
            lm_json_pull_wrong(p, "a split by the pattern %s, which lmtrain does not have",
                               lm_text_cstr(&p->string));
        else if (l->split_given)
            lm_hf_refuse(l, "more than one split by a pattern");
        l->v->split = split;
        l->split_given = true;
    }
}

/* Pieces are what the pattern matches: Isolated says so, and Removed with invert does, since our
 * patterns leave nothing between two matches. */
static void read_split(lm_hf_loader *l, const char *behavior, bool invert) {
    if (strcmp(behavior, "Isolated") == 0 ? !invert : invert && strcmp(behavior, "Removed") == 0)
        return;
    lm_json_pull_wrong(&l->p,
                       "a split with behavior \"%s\" and invert %s, which lmtrain does not"
                       " have",
                       behavior, invert ? "true" : "false");
}

static void read_pre_tokenizer(lm_hf_loader *l, int depth);

static void read_pre_tokenizers(lm_hf_loader *l, int depth) {
    lm_json_pull_array(&l->p);
    while (lm_json_pull_element(&l->p)) read_pre_tokenizer(l, depth + 1);
}

/* One after the other: Digits, a Split, ByteLevel. */
static void read_pre_tokenizer(lm_hf_loader *l, int depth) {
    lm_json_pull *p = &l->p;
    char type[32] = "", behavior[32] = "";
    bool invert = false, individual = false, regex = true;
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
            lm_hf_want_false(l, "add_prefix_space");
        } else if (lm_json_pull_is(p, "trim_offsets")) {
            lm_json_pull_boolean(p); /* of offsets, not of text */
        } else {
            lm_hf_unknown(l, "a pre-tokenizer");
        }
    }
    if (p->status != LM_OK || (strcmp(type, "Sequence") == 0 && depth == 0)) return;
    if (l->byte_level) {
        lm_hf_refuse(l, "a pre-tokenizer behind ByteLevel");
    } else if (strcmp(type, "Split") == 0) {
        read_split(l, behavior, invert);
    } else if (strcmp(type, "Digits") == 0 && individual && !l->split_given) {
        l->digits = true;
    } else if (strcmp(type, "ByteLevel") == 0) {
        l->byte_level = true;
        l->use_regex = regex;
    } else {
        lm_json_pull_wrong(p, "a pre-tokenizer \"%s\"%s, which lmtrain does not have", type,
                           strcmp(type, "Digits") == 0 ? " of several digits or behind a split"
                                                       : "");
    }
}

/* What they all together are. */
static void choose_split(lm_hf_loader *l) {
    if (!l->byte_level)
        lm_hf_refuse(l, "a pre-tokenizer other than ByteLevel");
    else if (l->split_given && (l->use_regex || l->digits))
        lm_hf_refuse(l, "two splits behind each other");
    else if (!l->split_given && !l->use_regex)
        lm_hf_refuse(l, "text that is not split");
    else if (!l->split_given)
        l->v->split = lm_split_find(l->digits ? "digits" : "gpt2");
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

void lm_hf_read_decoder(lm_hf_loader *l) {
    lm_json_pull *p = &l->p;
    if (lm_json_pull_if_null(p)) return;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (!lm_json_pull_is(p, "type")) {
            lm_json_pull_skip(p); /* ByteLevel decodes the same with each of its flags */
            continue;
        }
        const char *type = lm_hf_take_string(l);
        if (strcmp(type, "ByteLevel") != 0)
            lm_json_pull_wrong(p, "a decoder \"%s\", which lmtrain does not have", type);
    }
}

void lm_hf_read_pre_tokenizer(lm_hf_loader *l) {
    if (!lm_json_pull_if_null(&l->p)) read_pre_tokenizer(l, 0);
    if (l->p.status == LM_OK) choose_split(l);
}
