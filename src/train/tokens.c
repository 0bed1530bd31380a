#include "train/tokens.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* The one whose file lies beside the shards. */
static lm_status open_beside(lm_tokenizer **t, const lm_corpus *c, const char *corpus_is,
                             lm_error *err) {
    uint64_t digest, expected = lm_corpus_tokenizer(c)->digest;
    char *path = lm_corpus_tokenizer_path(c);
    if (!path) return lm_error_no_memory(err, NULL);
    lm_status status;
    if (!lm_file_exists(path)) {
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: cannot open the tokenizer that the manifest of %s names: it is"
                              " not there",
                              path, corpus_is);
    } else {
        status = lm_tokenizer_open(t, path, NULL, err);
    }
    if (status == LM_OK) status = lm_tokenizer_digest(*t, &digest, err);
    if (status == LM_OK && digest != expected)
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: expected the tokenizer with digest %016" PRIx64
                              " (the manifest of %s says so), found %016" PRIx64,
                              path, expected, corpus_is, digest);
    free(path);
    return status;
}

lm_status lm_tokens_open(lm_tokenizer **t, const lm_corpus *c, const char *named,
                         const char *named_by, const char *corpus_is, lm_error *err) {
    const lm_manifest_tokenizer *manifest = c ? lm_corpus_tokenizer(c) : NULL;
    uint64_t digest;
    *t = NULL;
    if (!*named && !manifest) return LM_OK;
    bool by_kind = !*named || (manifest && strcmp(named, manifest->name) == 0);
    if (by_kind && *manifest->file) return open_beside(t, c, corpus_is, err);
    lm_status status = lm_tokenizer_open(t, by_kind ? manifest->name : named, NULL, err);
    if (status != LM_OK) return lm_error_prefix(err, "%s", named_by);
    if (by_kind || !manifest) return LM_OK;
    if ((status = lm_tokenizer_digest(*t, &digest, err)) != LM_OK) return status;
    if (strcmp(lm_tokenizer_kind(*t), manifest->name) == 0 && digest == manifest->digest)
        return LM_OK;
    return lm_error_set(
        err, LM_ERR_USAGE, "%s: \"%s\" does not agree with the manifest of %s, which says \"%s\"%s",
        named_by, named, corpus_is, manifest->name, *manifest->file ? " of another file" : "");
}
