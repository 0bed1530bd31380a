#include "cli/tokenize_chars.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/character_set.h"

#define PIECE ((size_t)1 << 20) /* bytes of text read at a time */

static lm_status check_inputs(const lm_tokenize_input *in, lm_error *err) {
    for (int i = 0; i < in->paths.count + in->val_paths.count; i++) {
        bool val = i >= in->paths.count;
        const char *path = val ? in->val_paths.items[i - in->paths.count] : in->paths.items[i];
        if (strcmp(path, "-") == 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "tokenize: --tokenizer chars reads the text twice, standard input"
                                " can be read once: write it to a file");
    }
    return LM_OK;
}

static lm_status put_document(lm_character_set *s, lm_documents *from, const lm_document *d,
                              char *piece, lm_error *err) {
    size_t n;
    lm_status status;
    do {
        if ((status = lm_documents_read(from, piece, PIECE, &n, err)) != LM_OK) return status;
        status = lm_character_set_put(s, piece, n, err);
    } while (n > 0 && status == LM_OK);
    if (status == LM_OK) status = lm_character_set_finish(s, err);
    if (status == LM_OK) return LM_OK;
    return d->line > 0 ? lm_error_prefix(err, "%s:%" PRId64, d->source, d->line)
                       : lm_error_prefix(err, "%s", d->source);
}

lm_status lm_tokenize_characters(const lm_tokenize_input *input, const char *output,
                                 lm_tokenizer **t, lm_error *err) {
    lm_character_set *s = NULL;
    lm_documents *from = NULL;
    lm_document document;
    bool more = true;
    char *piece = malloc(PIECE);
    *t = NULL;
    lm_status status = piece ? check_inputs(input, err) : lm_error_no_memory(err, "tokenize");
    if (status != LM_OK) goto out;
    if ((status = lm_character_set_create(&s, err)) != LM_OK) goto out;
    if ((status = lm_tokenize_input_open(&from, input, output, err)) != LM_OK) goto out;
    while (status == LM_OK && more) {
        status = lm_documents_next(from, &document, &more, err);
        if (status == LM_OK && more) status = put_document(s, from, &document, piece, err);
    }
    if (status == LM_OK) status = lm_character_set_make(s, t, err);
out:
    lm_documents_close(from);
    lm_character_set_free(s);
    free(piece);
    return status;
}
