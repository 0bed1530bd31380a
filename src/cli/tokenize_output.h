/* Where `lmtrain tokenize` writes: shards for training and for validation, and going on with a
 * corpus whose making was killed.
 *
 *     lm_tokenize_output o;
 *     lm_tokenize_output_open(&o, &how, ..., err);       // or goes on with what is there
 *     lm_tokenize_output_go_on(&o, documents, err);      // over the documents that are done
 *     for each document of lm_documents_next: lm_tokenize_output_begin, then lm_shard_set_put...;
 *         if (lm_tokenize_output_is_due(&o, documents)) ... all tokens put ..., then
 *             lm_tokenize_output_save(&o, documents, err);
 *     lm_tokenize_output_commit(&o, documents, &text, err);
 *     lm_tokenize_output_close(&o);
 *
 * From the start there is a restart point (tokenize_unfinished.h), so that a job which was killed
 * goes on by the same command; behind a document, when a shard became full or much text was encoded
 * since, it is moved there. From then on a failure leaves what there is, before that nothing. */
#ifndef LM_CLI_TOKENIZE_OUTPUT_H
#define LM_CLI_TOKENIZE_OUTPUT_H

#include "base/text.h"
#include "cli/options.h"
#include "cli/tokenize_unfinished.h"
#include "data/shard_set.h"
#include "text/documents.h"

typedef struct lm_tokenize_output_options {
    const char *directory;
    int64_t shard_tokens;
    bool force;
} lm_tokenize_output_options;

/* Their rows; `output` is the member of `owner`. --output is checked by the command. */
/* clang-format off */
#define LM_OPTIONS_TOKENIZE_OUTPUT(owner, output)                                                \
    {"output", "DIR", "where train.bin and val.bin go, each with a manifest (.json)",            \
     LM_STORED(owner, output.directory)},                                                        \
    {"shard-tokens", "N", "cut into shards of N tokens: train-00000.bin, ...",                   \
     LM_STORED(owner, output.shard_tokens), .count = {.least = 1, .most = (int64_t)1 << 50}},    \
    {"force", NULL, "overwrite the corpus that is there, finished or not",                       \
     LM_STORED(owner, output.force)}
/* clang-format on */

typedef struct lm_tokenize_part {
    lm_shard_set shards;
    bool used;
    int64_t documents; /* begun */
} lm_tokenize_part;

typedef struct lm_tokenize_output {
    lm_tokenize_output_options how;
    lm_tokenize_part parts[LM_UNFINISHED_PARTS]; /* [validation] */
    lm_unfinished at;                            /* the last restart point */
    bool begun;                                  /* unfinished.json was written here */
    bool kept;                                   /* there is work to go on with */
    uint64_t bytes;                              /* of text, at it */
    int64_t shards;                              /* complete, at it */
    int64_t documents;                           /* pieces begun */
} lm_tokenize_output;

/* Makes the directory and keeps other processes of lmtrain tokenize out of it until *lock is
 * closed, a descriptor or -1. */
lm_status lm_tokenize_output_lock(const char *directory, int *lock, lm_error *err);
/* LM_ERR_USAGE when a whole corpus is there that is not to be overwritten. */
lm_status lm_tokenize_output_check(const lm_tokenize_output_options *how, lm_error *err);
/* options: a digest of all that determines the corpus. LM_ERR_USAGE when another corpus is there,
 * or an unfinished one of other options. */
lm_status lm_tokenize_output_open(lm_tokenize_output *o, const lm_tokenize_output_options *how,
                                  const lm_manifest_tokenizer *tokenizer, bool validation,
                                  uint64_t options, lm_error *err);
/* The disk must have room for what surely comes, at most_bytes_per_token of text; a warning on
 * stderr when it may not have room for what seems to come. */
lm_status lm_tokenize_output_check_disk(const lm_tokenize_output *o, const lm_documents *from,
                                        double share, double most_bytes_per_token,
                                        double bytes_per_token, lm_error *err);
lm_status lm_tokenize_output_go_on(lm_tokenize_output *o, lm_documents *from, lm_error *err);
/* The part that a document goes to, where it is now counted. */
lm_tokenize_part *lm_tokenize_output_begin(lm_tokenize_output *o, const lm_document *document);
bool lm_tokenize_output_is_due(const lm_tokenize_output *o, const lm_documents *from);
lm_status lm_tokenize_output_save(lm_tokenize_output *o, const lm_documents *from, lm_error *err);
/* Appends a line about each part to *out. */
lm_status lm_tokenize_output_commit(lm_tokenize_output *o, const lm_documents *from, lm_text *out,
                                    lm_error *err);
void lm_tokenize_output_close(lm_tokenize_output *o); /* zero-initialised or twice is fine */

#endif
