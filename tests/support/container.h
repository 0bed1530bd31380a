/* Arbitrary bytes to the reader of checkpoints: for the fuzz target and for the test that mutates
 * deterministically. */
#ifndef LM_TESTS_SUPPORT_CONTAINER_H
#define LM_TESTS_SUPPORT_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* A small good checkpoint with several arrays. Aborts when it cannot be made. */
void lm_test_container_make(lm_text *out);
/* Opens, verifies and reads every array of what claims to be a checkpoint; true when all of it is
 * accepted. Whatever the bytes are it must neither crash nor hang, nor ask for memory out of
 * proportion to the file. */
bool lm_test_container_read(const unsigned char *data, size_t size);
/* Makes the CRC of meta.json and the digest of the file right again, where they can be found:
 * without it every change ends at the first check. */
void lm_test_container_seal(unsigned char *data, size_t size);

#endif
