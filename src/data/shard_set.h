/* Writes a corpus: one shard NAME.bin, or, when it is to be cut, NAME-00000.bin, NAME-00001.bin,
 * ... of the same number of tokens each but for the last.
 *
 *     lm_shard_set s;
 *     lm_shard_set_open(&s, "out", "train", &tokenizer, shard_tokens, err);
 *     lm_shard_set_put(&s, tokens, n, err);  ...
 *     lm_shard_set_commit(&s, err);
 *
 * A shard has its name when it is whole, and not before (shard_writer.h). Work that is killed can
 * go on: what there was at the last lm_shard_set_sync is s.tokens then, which its user must keep
 * and give to lm_shard_set_resume. */
#ifndef LM_DATA_SHARD_SET_H
#define LM_DATA_SHARD_SET_H

#include "data/shard_writer.h"

/* A directory with this file holds a corpus whose lmtrain tokenize was stopped: shards are
 * missing. */
#define LM_UNFINISHED_FILE   "unfinished.json"
#define LM_UNFINISHED_FORMAT "lmtrain unfinished corpus"

typedef struct lm_shard_set {
    const char *directory, *name; /* the caller's */
    lm_manifest_tokenizer tokenizer;
    int64_t shard_tokens; /* 0: all in one shard */
    int64_t tokens;       /* in all shards */
    int64_t complete;     /* shards that have their names */
    lm_shard_writer writer;
    bool open; /* the writer is */
} lm_shard_set;

/* directory and name must outlive *s. */
lm_status lm_shard_set_open(lm_shard_set *s, const char *directory, const char *name,
                            const lm_manifest_tokenizer *tokenizer, int64_t shard_tokens,
                            lm_error *err);
/* Instead of opening: goes on behind the first `tokens` of work that was killed. */
lm_status lm_shard_set_resume(lm_shard_set *s, const char *directory, const char *name,
                              const lm_manifest_tokenizer *tokenizer, int64_t shard_tokens,
                              int64_t tokens, lm_error *err);
/* The manifests of the shard at hand and of later ones name this document_token. */
void lm_shard_set_name_document_token(lm_shard_set *s, int64_t token);
lm_status lm_shard_set_put(lm_shard_set *s, const int32_t *tokens, int64_t n, lm_error *err);
/* What was put so far survives. */
lm_status lm_shard_set_sync(const lm_shard_set *s, lm_error *err);
/* The last shard is whole too. */
lm_status lm_shard_set_commit(lm_shard_set *s, lm_error *err);
/* Gives the shard up that is not whole; `leave`: closes it, for lm_shard_set_resume. After commit,
 * of a zero-initialised set, or twice: does nothing. */
void lm_shard_set_close(lm_shard_set *s, bool leave);

/* malloc'd path of a shard of the set; NULL without memory. */
char *lm_shard_set_path(const lm_shard_set *s, int64_t shard);
/* A shard of a corpus of this name in the directory, cut or not: its path, malloc'd, or NULL. */
lm_status lm_shard_set_find(const char *directory, const char *name, char **path, lm_error *err);
/* Removes shards of that name, with their manifests, that are not among the first `complete` of the
 * set: those of an earlier corpus. */
lm_status lm_shard_set_remove_others(const lm_shard_set *s, lm_error *err);

#endif
