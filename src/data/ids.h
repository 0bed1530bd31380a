/* Inside the room: how the ids of a shard are stored. */
#ifndef LM_DATA_IDS_H
#define LM_DATA_IDS_H

#include <stdbool.h>
#include <stdint.h>

/* One id: an integer of so many bytes. */
typedef struct lm_ids {
    int bytes; /* 1, 2, 4 or 8 */
    bool is_signed, big_endian;
} lm_ids;
enum { LM_IDS_MOST_BYTES = 8, LM_IDS_NAME_SIZE = 32 };

/* Every id that such integers can hold, and that lmtrain can take, is below this. */
int64_t lm_ids_most_vocab_size(lm_ids type);
/* "uint16", "big-endian int64". Overwrites out, returns it. */
const char *lm_ids_name(lm_ids type, char out[LM_IDS_NAME_SIZE]);

/* Overwrites ids [n]; bytes [n * type.bytes]. What is negative or beyond int32_t becomes -1, which
 * no vocabulary has. */
void lm_ids_decode(lm_ids type, const unsigned char *bytes, int64_t n, int32_t *ids);
/* Overwrites bytes [n * type.bytes] with ids below lm_ids_most_vocab_size; little-endian types. */
void lm_ids_encode(lm_ids type, const int32_t *ids, int64_t n, unsigned char *bytes);
/* The integer at bytes as it stands there. Unsigned ones above INT64_MAX become INT64_MAX. */
int64_t lm_ids_value(lm_ids type, const unsigned char *bytes);
/* The largest of ids [n]; UINT32_MAX when one is -1; 0 of none. */
uint32_t lm_ids_largest(const int32_t *ids, int64_t n);
/* The largest id in bytes [n * type.bytes], likewise. *watched: does the id `watch` occur? (-1 does
 * not.) Faster than decoding. */
uint32_t lm_ids_scan(lm_ids type, const unsigned char *bytes, int64_t n, int64_t watch,
                     bool *watched);

#endif
