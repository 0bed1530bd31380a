/* Inside the room: what a format of shards is. A new format is a file format_NAME.c that defines
 * one of these, its line below and its row in format.c; corpora, manifests, the shard writer and
 * inspect learn of it from there. */
#ifndef LM_DATA_FORMAT_H
#define LM_DATA_FORMAT_H

#include <stdbool.h>

#include "base/file.h"
#include "data/manifest.h"

/* An open shard: the file, and what the format says of it. */
typedef struct lm_shard {
    char *path;
    lm_mapping map;
    const lm_format *format;
    lm_manifest manifest;
    int64_t tokens;
} lm_shard;

struct lm_format {
    const char *name;        /* for people: "raw uint16" */
    const char *dtype;       /* in manifests: "uint16"; NULL: shards of this format have none */
    int64_t most_vocab_size; /* every id it can hold is below this */
    /* Is the shard in this format, going by its contents? */
    bool (*probe)(const lm_shard *s);
    /* Checks the file and sets s->tokens. */
    lm_status (*open)(lm_shard *s, lm_error *err);
    /* Overwrites tokens [n] with ids first .. first + n - 1. */
    void (*read)(const lm_shard *s, int64_t first, int64_t n, int32_t *tokens);
    int64_t (*byte_offset)(int64_t token); /* where a token is in the file, for errors */
    /* Overwrites bytes [n * token_bytes] with ids below most_vocab_size; NULL: it is only read. */
    void (*write)(const int32_t *tokens, int64_t n, unsigned char *bytes);
    int64_t token_bytes; /* at most LM_FORMAT_MOST_TOKEN_BYTES */
};
enum { LM_FORMAT_MOST_TOKEN_BYTES = 8 };

/* The format of a shard, by its manifest, which may have none, or else by its contents. */
const lm_format *lm_format_of(const lm_shard *s);
/* The first one in which shards with this dtype in their manifest are; NULL: there is none. */
const lm_format *lm_format_of_dtype(const char *dtype);
/* The first one that can be written and holds every id below vocab_size; NULL: there is none. */
const lm_format *lm_format_to_write(int64_t vocab_size);
/* "\"uint16\"" and so on: the dtypes that a manifest can have, in quotes. Appends. */
void lm_format_print_dtypes(lm_text *out);

extern const lm_format lm_format_raw_uint16, lm_format_raw_uint32;

#endif
