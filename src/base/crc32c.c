#include "base/crc32c.h"

/* Bit by bit: a table would take longer to read about than the few bytes a step take to sum. */
uint32_t lm_crc32c(const void *data, size_t size) {
    const unsigned char *bytes = data;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0x82F63B78u & (0 - (crc & 1)));
    }
    return ~crc;
}
