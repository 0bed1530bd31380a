/* An open checkpoint: what opening (open.c) leaves for reading (read.c). */
#ifndef LM_CHECKPOINT_OPEN_H
#define LM_CHECKPOINT_OPEN_H

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/zip.h"

/* An array of the file: what the caller sees, and where its chunks are. */
typedef struct lm_stored_array {
    lm_checkpoint_entry entry;
    int64_t count, chunks; /* elements; chunks of one plane */
    uint64_t *starts;      /* [4 * chunks + 1] file offsets, plane after plane */
    uint64_t digest;
    uint32_t header_crc;
} lm_stored_array;

struct lm_checkpoint {
    lm_file_reader file;
    lm_zip_member *members; /* n arrays, n_texts texts, then meta.json */
    lm_stored_array *arrays;
    int64_t n, n_texts;
    uint64_t *text_digests; /* [n_texts] */
    char *meta;
};

/* Reads all texts and checks their digests. */
lm_status lm_checkpoint_verify_texts(const lm_checkpoint *c, lm_error *err);
lm_status lm_checkpoint_no_memory(const lm_checkpoint *c, lm_error *err);
lm_status lm_checkpoint_damaged_array(const lm_checkpoint *c, const lm_stored_array *a,
                                      const char *what, lm_error *err);

#endif
