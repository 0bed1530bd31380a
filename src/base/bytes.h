/* Little-endian integers at unaligned addresses. */
#ifndef LM_BASE_BYTES_H
#define LM_BASE_BYTES_H

#include <stdint.h>

static inline uint16_t lm_read_u16(const void *p) {
    const unsigned char *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}
static inline uint32_t lm_read_u32(const void *p) {
    const unsigned char *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static inline uint64_t lm_read_u64(const void *p) {
    const unsigned char *b = p;
    return (uint64_t)lm_read_u32(b) | (uint64_t)lm_read_u32(b + 4) << 32;
}
static inline void lm_write_u16(void *p, uint16_t x) {
    unsigned char *b = p;
    b[0] = (unsigned char)x;
    b[1] = (unsigned char)(x >> 8);
}
/* Byte by byte without a loop: compilers make one store of it. */
static inline void lm_write_u32(void *p, uint32_t x) {
    unsigned char *b = p;
    b[0] = (unsigned char)x;
    b[1] = (unsigned char)(x >> 8);
    b[2] = (unsigned char)(x >> 16);
    b[3] = (unsigned char)(x >> 24);
}
static inline void lm_write_u64(void *p, uint64_t x) {
    unsigned char *b = p;
    b[0] = (unsigned char)x;
    b[1] = (unsigned char)(x >> 8);
    b[2] = (unsigned char)(x >> 16);
    b[3] = (unsigned char)(x >> 24);
    b[4] = (unsigned char)(x >> 32);
    b[5] = (unsigned char)(x >> 40);
    b[6] = (unsigned char)(x >> 48);
    b[7] = (unsigned char)(x >> 56);
}

#endif
