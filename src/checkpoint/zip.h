/* The ZIP records of a checkpoint (PKWARE APPNOTE 6.3): local headers, the central directory, its
 * end, and their ZIP64 forms where a size, an offset or a count needs one.
 *
 * Only what the writer produces is read: names in ASCII, flags 0, no descriptors, members one after
 * the other without gaps, and the end record's comment "lmtrain xxh64=<16 digits>", a digest of
 * everything from the central directory to the comment. Member data is covered by digests and CRCs
 * of its own, local headers by being what the directory says they are: so no byte is uncovered. */
#ifndef LM_CHECKPOINT_ZIP_H
#define LM_CHECKPOINT_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
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
/* Append central directory and end records; they start at file offset `start`. */
void lm_zip_end_print(const lm_zip_member *members, size_t n, uint64_t start, lm_text *out);

/* Find and check every record of a file: *members malloc'd. Any byte that is not as the writer
 * would have written it is an error that names path and offset. */
lm_status lm_zip_parse(const char *path, const unsigned char *data, uint64_t size,
                       lm_zip_member **members, size_t *n, lm_error *err);

#endif
