/* SHA-256 (FIPS 180-4), for readers that ask for it: a page's Content-Security-Policy names its own
 * style and script by it. Digests of our own files are XXH64 (digest.h). */
#ifndef LM_BASE_SHA256_H
#define LM_BASE_SHA256_H

#include <stddef.h>

#include "base/text.h"

/* out: overwritten. */
void lm_sha256(const void *data, size_t size, unsigned char out[32]);
/* Appends it in base64 (RFC 4648), 44 characters. */
void lm_sha256_base64(const void *data, size_t size, lm_text *out);

#endif
