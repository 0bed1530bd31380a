/* XXH64 (Yann Collet, xxHash fast digest algorithm, 64 bits): tells damaged or different data from
 * the same; not for secrets. Any xxhsum checks it.
 *
 *     lm_digest d;  lm_digest_init(&d);  lm_digest_add(&d, data, size); ...  lm_digest_end(&d) */
#ifndef LM_BASE_DIGEST_H
#define LM_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

typedef struct lm_digest {
    uint64_t lanes[4];
    uint64_t length;         /* bytes so far */
    unsigned char block[32]; /* the unfinished block: length % 32 bytes of it */
} lm_digest;

void lm_digest_init(lm_digest *d);
void lm_digest_add(lm_digest *d, const void *data, size_t size);
uint64_t lm_digest_end(const lm_digest *d); /* of all that was added; adding may go on */
uint64_t lm_digest_of(const void *data, size_t size);

#endif
