/* llama2.c's tokenizer.bin: u32, the bytes of its longest token; then for each token f32 score, u32
 * bytes, the bytes. Ids 1 and 2 begin and end texts, ids 3 to 258 are the bytes, spaces are spaces.
 * (karpathy/llama2.c, tokenizer.py, run.c) */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/load.h"
#include "tokenizer/names.h"
#include "tokenizer/scores.h"

enum { UNKNOWN, BEGIN, END, FIRST_BYTE, HEADER = 4, RECORD = 8 };

typedef struct record {
    float score;
    const char *text;
    size_t size;
} record;

static uint32_t number_at(const char *p) {
    const unsigned char *b = (const unsigned char *)p;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* The record at *at, which moves behind it; false: there is none. */
static bool next(const lm_tokenizer_file *f, size_t *at, record *r) {
    if (f->size - *at < RECORD) return false;
    uint32_t bits = number_at(f->text + *at);
    memcpy(&r->score, &bits, sizeof r->score);
    r->size = number_at(f->text + *at + 4);
    *at += RECORD;
    r->text = f->text + *at;
    if (r->size == 0 || r->size > number_at(f->text) || r->size > f->size - *at) return false;
    *at += r->size;
    return true;
}

/* Records up to the end of the file, of which the first byte's stands where it should. */
static bool probe(const lm_tokenizer_file *f) {
    record r;
    int64_t n = 0;
    size_t at = HEADER;
    bool bytes = false;
    if (f->size < HEADER) return false;
    for (; at < f->size; n++) {
        if (!next(f, &at, &r)) return false;
        if (n == FIRST_BYTE) bytes = lm_name_byte(r.text, r.size) == 0;
    }
    return bytes;
}

static lm_status put(lm_vocabulary *v, int64_t id, const record *r, lm_error *err) {
    static const char *const special[] = {"<unk>", "<s>", "</s>"};
    int byte = lm_name_byte(r->text, r->size);
    unsigned char one = (unsigned char)byte;
    if (id < FIRST_BYTE) {
        const lm_added_token a = {.id = (int32_t)id, .special = true};
        return lm_vocabulary_add(v, a, special[id], strlen(special[id]), err);
    }
    lm_status status = byte < 0 ? lm_vocabulary_put(v, id, r->text, r->size, err)
                                : lm_vocabulary_put(v, id, &one, 1, err);
    if (status == LM_OK) v->tokens[id].hidden = v->tokens[id].byte = byte >= 0;
    return status;
}

static lm_status load(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err) {
    record r;
    lm_status status = LM_OK;
    float *scores = malloc((f->size / RECORD + 1) * sizeof *scores);
    if (!scores) return lm_error_no_memory(err, f->path);
    if (f->split) {
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s: its text is not split: leave --pretokenizer out", f->path);
        goto out;
    }
    v->form = LM_FORM_SENTENCE;
    v->prefix = LM_PREFIX_EACH;
    v->strip = v->begins = true;
    v->document_token = BEGIN;
    int64_t id = 0;
    for (size_t at = HEADER; status == LM_OK && id < LM_BPE_VOCAB_MOST && next(f, &at, &r); id++) {
        scores[id] = r.score;
        status = put(v, id, &r, err);
    }
    if (status == LM_OK) status = lm_vocabulary_set_scores(v, scores, err);
    if (status != LM_OK) lm_error_prefix(err, "%s", f->path);
out:
    free(scores);
    return status;
}

const lm_tokenizer_format lm_tokenizer_format_llama2c = {"llama2.c's tokenizer.bin", probe, load};
