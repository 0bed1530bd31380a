/* Numbers of the ZIP records (PKWARE APPNOTE 6.3), and what printing and parsing of them share. */
#ifndef LM_CHECKPOINT_ZIP_RECORDS_H
#define LM_CHECKPOINT_ZIP_RECORDS_H

#include "checkpoint/zip.h"

#define LOCAL     0x04034B50u
#define CENTRAL   0x02014B50u
#define END       0x06054B50u
#define END64     0x06064B50u
#define LOCATOR64 0x07064B50u

#define LOCAL_SIZE     30u
#define CENTRAL_SIZE   46u
#define END_SIZE       22u
#define END64_SIZE     56u
#define LOCATOR64_SIZE 20u
#define COMMENT        "lmtrain whole="
#define COMMENT_BEFORE "lmtrain xxh64=" /* of files whose digest begins at the directory */
#define COMMENT_SIZE   (sizeof COMMENT - 1 + DIGITS)
#define DIGITS         16

#define SATURATED32 0xFFFFFFFFu
#define SATURATED16 0xFFFFu

/* Append the directory and the end records but the last DIGITS of the comment. */
void lm_zip_directory_print(const lm_zip_member *members, size_t n, uint64_t start,
                            const char *comment, lm_text *out);
/* Append the digits: XXH64 of what lies from the last member (or, before, the directory) to the
 * comment. */
void lm_zip_digest_print(const void *data, size_t size, lm_text *out);

#endif
