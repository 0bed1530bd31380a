/* Inside the room: what a format of shards is. A new format is a file format_NAME.c that defines
 * one of these, its line below and its row in format.c; corpora, manifests, the shard writer and
 * inspect learn of it from there. */
#ifndef LM_DATA_FORMAT_H
#define LM_DATA_FORMAT_H

#include "data/shard.h"

struct lm_format {
    const char *name;  /* for people: "raw", "NumPy .npy"; the type of the ids follows it */
    const char *dtype; /* in manifests: "uint16"; NULL: shards of this format have none */
    lm_ids ids;        /* how it is written; bytes 0: it is only read */
    /* *mine: is the shard in this format, going by its contents or by its manifest? Then fills in
     * s->ids, start, tokens and what else the format needs; a shard that is not what it begins as
     * is an error. */
    lm_status (*open)(lm_shard *s, bool *mine, lm_error *err);
};

/* Sets s->format, and opens the shard with it. */
lm_status lm_format_open(lm_shard *s, lm_error *err);
/* The first one in which shards with this dtype in their manifest are; NULL: there is none. */
const lm_format *lm_format_of_dtype(const char *dtype);
/* The one with the fewest bytes per id that holds every id below vocab_size; NULL: none. */
const lm_format *lm_format_to_write(int64_t vocab_size);
/* "\"uint16\"" and so on: the dtypes that a manifest can have, in quotes. Appends. */
void lm_format_print_dtypes(lm_text *out);

extern const lm_format lm_format_megatron, lm_format_npy, lm_format_llmc, lm_format_raw_uint16,
    lm_format_raw_uint32;

#endif
