/* CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, begun and ended with all ones (RFC 3720,
 * B.4). For records of TensorBoard; ZIP's CRC-32 is another. */
#ifndef LM_BASE_CRC32C_H
#define LM_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t lm_crc32c(const void *data, size_t size);

#endif
