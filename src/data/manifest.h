/* The manifest beside a shard: x.json for x.bin.
 *
 *     {"format": "lmtrain tokens", "version": 1, "dtype": "uint16", "tokenizer": "bytes",
 *      "vocab_size": 256, "tokens": 123456, "xxh64": "0123456789abcdef",
 *      "size": 246912, "modified": "1700000000.123456789", "largest_id": 122}
 *
 * The last three vouch for the shard: while the file has this size and time (mtime, seconds since
 * 1970) it need not be read to know its digest and its largest id. Manifests of older versions lack
 * them. Where the tokenizer has a file there are "tokenizer_file": "tokenizer.json",
 * "tokenizer_xxh64" and "document_token" too. dtype names the format of the shard (format.h); xxh64
 * is the digest of its bytes (base/digest.h). */
#ifndef LM_DATA_MANIFEST_H
#define LM_DATA_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

typedef struct lm_format lm_format; /* format.h */

/* The tokenizer whose ids they are. */
typedef struct lm_manifest_tokenizer {
    char name[64];          /* of its kind */
    char file[64];          /* its tokenizer.json, beside the shard; "": its name says everything */
    uint64_t digest;        /* of that file; 0: none */
    int64_t document_token; /* the first one of a document; -1: not said */
    int64_t vocab_size;
} lm_manifest_tokenizer;
/* Are the ids of both those of the same tokenizer? */
bool lm_manifest_same_tokenizer(const lm_manifest_tokenizer *a, const lm_manifest_tokenizer *b);

typedef struct lm_manifest {
    bool found;              /* false: there is no manifest */
    bool other;              /* there is a file of that name, but it is somebody else's */
    const lm_format *format; /* the one that dtype names */
    lm_manifest_tokenizer tokenizer;
    int64_t tokens;
    uint64_t digest;
    bool vouches; /* the rest is there */
    uint64_t size;
    int64_t modified; /* nanoseconds since 1970 */
    int64_t largest;
} lm_manifest;

/* malloc'd path of the manifest of a shard; NULL without memory. */
char *lm_manifest_path(const char *shard_path);
/* malloc'd path of the tokenizer's file that m names, which lies beside the shard. */
char *lm_manifest_tokenizer_path(const lm_manifest *m, const char *shard_path);
/* Reads the manifest of a shard. A file of that name without the format's name in it is somebody
 * else's: there is no manifest. One that has it but is not a manifest of this version is an error
 * that names what was expected and found. */
lm_status lm_manifest_read(lm_manifest *m, const char *shard_path, lm_error *err);
void lm_manifest_print(const lm_manifest *m, lm_text *out);

#endif
