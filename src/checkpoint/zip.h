/* The ZIP records of a checkpoint (PKWARE APPNOTE 6.3): local headers, the central directory, its
 * end, and their ZIP64 forms where a size, an offset or a count needs one.
 *
 * Only what the writer produces is read: names in ASCII, flags 0, no descriptors, members one after
 * the other without gaps, and the end record's comment "lmtrain whole=<16 digits>": XXH64 of
 * everything from the last member (meta.json, which holds the digests of all other members) to the
 * comment. Local headers must be what the directory implies, so the digest covers the whole
 * file. Older files have "lmtrain xxh64=" there, whose digest begins at the central directory. */
#ifndef LM_CHECKPOINT_ZIP_H
#define LM_CHECKPOINT_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#define LM_ZIP_STORED  0
#define LM_ZIP_DEFLATE 8

typedef struct lm_zip_member {
    char name[80];
    int method;
    uint32_t crc32;       /* of the raw data */
    uint64_t stored, raw; /* bytes of data in the file, and decompressed */
    uint64_t offset;      /* of the local header in the file */
} lm_zip_member;

/* Bytes of the local header: known before the data, from name and raw size alone. */
size_t lm_zip_local_size(const lm_zip_member *m);
/* Append the local header. */
void lm_zip_local_print(const lm_zip_member *m, lm_text *out);
/* Append central directory and end records; they start at file offset `start`. *out holds the last
 * member, from its local header at `from` on. */
void lm_zip_end_print(const lm_zip_member *members, size_t n, uint64_t start, size_t from,
                      lm_text *out);

/* Find and check every record of a file: *members malloc'd. A byte that the writer would have
 * written differently is an error that names path and offset. */
lm_status lm_zip_parse(const lm_file_reader *file, lm_zip_member **members, size_t *n,
                       lm_error *err);

#endif
