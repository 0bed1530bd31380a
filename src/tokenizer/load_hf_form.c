/* What the members of a Hugging Face tokenizer.json are together: byte-level BPE, BPE as
 * SentencePiece has it, or characters; and what names of tokens mean there. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/load_hf.h"
#include "tokenizer/names.h"

static lm_status refuse(const lm_hf_loader *l, const char *what, lm_error *err) {
    return lm_error_damaged(err, "%s: %s, which lmtrain does not have", l->file->path, what);
}

/* ---- tokens -----------------------------------------------------------------------------------*/

/* A name that is not of the form is an added token's, or one that text does not become. */
static lm_status put_token(lm_hf_loader *l, int64_t id, lm_error *err) {
    size_t size;
    const char *name = (const char *)lm_vocabulary_bytes(&l->named, id, &size);
    int byte = l->v->form == LM_FORM_SENTENCE ? lm_name_byte(name, size) : -1;
    if (size == 0) return LM_OK;
    l->part.length = 0;
    bool known = byte < 0 && lm_name_parse(l->v->form, name, size, &l->part);
    const char *bytes = known ? lm_text_cstr(&l->part) : name;
    unsigned char one = (unsigned char)byte;
    lm_status status = byte < 0
                           ? lm_vocabulary_put(l->v, id, bytes, known ? l->part.length : size, err)
                           : lm_vocabulary_put(l->v, id, &one, 1, err);
    if (status != LM_OK) return status;
    l->v->tokens[id].hidden = !known;
    l->v->tokens[id].byte = byte >= 0;
    return LM_OK;
}

/* An added token that is in the vocabulary has its name there. */
static lm_status add_token(lm_hf_loader *l, lm_added_token a, lm_error *err) {
    size_t size, named = 0;
    const unsigned char *text = lm_vocabulary_bytes(&l->added, a.id, &size), *name = NULL;
    if (a.id < l->named.n_tokens) name = lm_vocabulary_bytes(&l->named, a.id, &named);
    if (named > 0 && (named != size || memcmp(name, text, size) != 0))
        return lm_error_set(err, LM_ERR_USAGE, "two tokens have the id %" PRId32, a.id);
    if (a.id < l->v->n_tokens && l->v->tokens[a.id].byte)
        return lm_error_set(err, LM_ERR_USAGE, "token %" PRId32 " is a byte and an added token",
                            a.id);
    return lm_vocabulary_add(l->v, a, text, size, err);
}

static lm_status put_tokens(lm_hf_loader *l, lm_error *err) {
    lm_status status = LM_OK;
    for (int64_t id = 0; id < l->named.n_tokens && status == LM_OK; id++)
        status = put_token(l, id, err);
    for (int64_t i = 0; i < l->added.n_added && status == LM_OK; i++)
        status = add_token(l, l->added.added[i], err);
    return status;
}

static lm_status put_merge(lm_hf_loader *l, int64_t number, lm_error *err) {
    lm_bpe_merge m = l->named.merges[number];
    const char *name = lm_text_cstr(&l->named.bytes) + m.at;
    bool sentence = l->v->form == LM_FORM_SENTENCE;
    l->left.length = l->part.length = 0;
    bool bytes =
        sentence && (lm_name_byte(name, m.left) >= 0 || lm_name_byte(name + m.left, m.right) >= 0 ||
                     lm_name_byte(name, (size_t)m.left + m.right) >= 0);
    if (bytes || !lm_name_parse(l->v->form, name, m.left, &l->left) ||
        !lm_name_parse(l->v->form, name + m.left, m.right, &l->part))
        return lm_error_set(err, LM_ERR_USAGE, "merge %" PRId64 ": expected two tokens %s", number,
                            sentence ? "of text, without spaces and bytes"
                                     : "in GPT-2's printable alphabet");
    return lm_vocabulary_merge(l->v, lm_text_cstr(&l->left), l->left.length, lm_text_cstr(&l->part),
                               l->part.length, err);
}

/* ---- the form ---------------------------------------------------------------------------------*/

static bool decodes_by(const lm_hf_loader *l, const lm_hf_decoder *decoders, int n) {
    return l->n_decoders == n && memcmp(l->decoders, decoders, (size_t)n * sizeof *decoders) == 0;
}

static lm_status choose_split(lm_hf_loader *l, lm_error *err) {
    static const lm_hf_decoder decoder = LM_HF_BYTE_LEVEL;
    lm_vocabulary *v = l->v;
    if (l->prepend || l->replace || l->split_spaces)
        return refuse(l, "ByteLevel with spaces replaced or taken out", err);
    if (l->byte_fallback) return refuse(l, "ByteLevel with byte_fallback true", err);
    if (!decodes_by(l, &decoder, 1) && l->n_decoders > 0)
        return refuse(l, "ByteLevel with another decoder", err);
    if (v->n_patterns == 0 && v->whole_first)
        return refuse(l, "text that is not split, with ignore_merges", err);
    lm_vocabulary_find_split(v);
    return LM_OK;
}

static lm_status choose_spaces(lm_hf_loader *l, lm_error *err) {
    static const lm_hf_decoder decoders[] = {LM_HF_REPLACE, LM_HF_BYTE_FALLBACK, LM_HF_FUSE,
                                             LM_HF_STRIP};
    lm_vocabulary *v = l->v;
    if (v->n_patterns > 0) return refuse(l, "byte_fallback with a split", err);
    if (!l->byte_fallback) return refuse(l, "Metaspace without byte_fallback", err);
    if (v->nfc) return refuse(l, "byte_fallback with the normalizer NFC", err);
    if (v->whole_first) return refuse(l, "byte_fallback with ignore_merges", err);
    if (l->metaspace == l->replace || (l->prepend && !l->replace))
        return refuse(l, "byte_fallback without one of the normalizer Replace and Metaspace", err);
    v->strip = decodes_by(l, decoders, 4);
    if (!v->strip && !decodes_by(l, decoders, 3))
        return refuse(l, "byte_fallback with a decoder that is not Replace, ByteFallback, Fuse",
                      err);
    v->each_space = l->metaspace && l->each_space;
    v->prefix = l->metaspace ? l->prefix : l->prepend ? LM_PREFIX_EACH : LM_PREFIX_NEVER;
    return LM_OK;
}

static lm_status choose_form(lm_hf_loader *l, lm_error *err) {
    static const lm_hf_decoder fuse = LM_HF_FUSE;
    if (l->byte_level) {
        l->v->form = LM_FORM_BYTES;
        return choose_split(l, err);
    }
    if (l->byte_fallback || l->metaspace) {
        l->v->form = LM_FORM_SENTENCE;
        return choose_spaces(l, err);
    }
    l->v->form = LM_FORM_CHARACTERS;
    if (l->v->n_patterns > 0)
        return refuse(l, "a pre-tokenizer other than ByteLevel or Metaspace", err);
    if (l->named.n_merges > 0)
        return refuse(l, "merges with neither ByteLevel nor byte_fallback", err);
    if (l->prepend || l->replace || l->v->nfc) return refuse(l, "characters, normalized", err);
    if (!decodes_by(l, &fuse, 1))
        return refuse(l, "neither ByteLevel, byte_fallback nor the decoder Fuse", err);
    return LM_OK;
}

static lm_status put_ranks(lm_hf_loader *l, lm_error *err) {
    lm_vocabulary *v = l->v;
    if (l->ranks.length == 0) return LM_OK;
    if (!v->by_ranks || l->ranks.length != (size_t)v->n_tokens * sizeof *v->ranks)
        return lm_error_set(err, LM_ERR_USAGE, "\"ranks\": expected a rank of each token");
    if (!(v->ranks = malloc(l->ranks.length))) return lm_error_no_memory(err, NULL);
    memcpy(v->ranks, l->ranks.data, l->ranks.length);
    return LM_OK;
}

lm_status lm_hf_interpret(lm_hf_loader *l, lm_error *err) {
    lm_status status = choose_form(l, err);
    if (status != LM_OK) return status;
    status = put_tokens(l, err);
    for (int64_t i = 0; i < l->named.n_merges && status == LM_OK; i++)
        status = put_merge(l, i, err);
    if (status == LM_OK) status = put_ranks(l, err);
    if (status != LM_OK) return lm_error_prefix(err, "%s", l->file->path);
    if (l->left.failed || l->part.failed || l->begins.failed || l->ranks.failed)
        return lm_error_no_memory(err, l->file->path);
    return LM_OK;
}
