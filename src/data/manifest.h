/* The manifest beside a shard: x.json for x.bin.
 *
 *     {"format": "lmtrain tokens", "version": 1, "dtype": "uint16", "tokenizer": "bytes",
 *      "vocab_size": 256, "tokens": 123456, "xxh64": "0123456789abcdef"}
 *
 * dtype names the format of the shard (format.h); xxh64 is the digest of its bytes
 * (base/digest.h). */
#ifndef LM_DATA_MANIFEST_H
#define LM_DATA_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

typedef struct lm_format lm_format; /* format.h */

typedef struct lm_manifest {
    bool found;              /* false: there is no manifest */
    bool other;              /* there is a file of that name, but it is somebody else's */
    const lm_format *format; /* the one that dtype names */
    char tokenizer[64];
    int64_t vocab_size, tokens;
    uint64_t digest;
} lm_manifest;

/* malloc'd path of the manifest of a shard; NULL without memory. */
char *lm_manifest_path(const char *shard_path);
/* Reads the manifest of a shard. A file of that name without the format's name in it is somebody
 * else's: there is no manifest. One that has it but is not a manifest of this version is an error
 * that names what was expected and found. */
lm_status lm_manifest_read(lm_manifest *m, const char *shard_path, lm_error *err);
void lm_manifest_print(const lm_manifest *m, lm_text *out);

#endif
