/* Deflate blocks (RFC 1951) that hold literals only: each byte becomes a Huffman code of its block.
 * Where matches do not pay, this compresses as well as a coder that looks for them and is many
 * times as fast. Any inflate reads the result.
 *
 * The stream is, in bits from the lowest of each byte:
 *
 *     +-- for every LM_HUFFMAN_BLOCK bytes: a block with dynamic codes -----------------------+
 *     | 0 (not final), 10 (dynamic), 257 and 2 codes, how many lengths of lengths              |
 *     | lengths of the codes that code lengths, in deflate's odd order: 3 bits each            |
 *     | lengths of the codes of 256 bytes and of the end, and of two distances, run-length coded |
 *     | the bytes' codes, the end's code                                                       |
 *     +-- an empty stored block ---------------------------------------------------------------+
 *     | 0 (not final), 00 (stored), up to a whole byte, length 0 and its complement            |
 *     +----------------------------------------------------------------------------------------+
 *
 * The two distances are never used: some readers refuse a block without any. */
#ifndef LM_CHECKPOINT_HUFFMAN_H
#define LM_CHECKPOINT_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that share a code. Of a trained model's exponents, blocks of half the length take 1% less
 * room and 12% more time to decode, of twice the length 2% more and 7% less. */
#define LM_HUFFMAN_BLOCK ((size_t)64 << 10)
/* Longest code. Deflate has 15, which would save 0.1%; with 11, two codes and their length fit into
 * 32 bits, five into the 56 that a register holds, and a table of all that 11 bits begin with into
 * the first-level cache. */
#define LM_HUFFMAN_LIMIT 11
/* Bytes that may be written beyond the output: registers are stored whole, and a full output is
 * noticed late. */
#define LM_HUFFMAN_SLACK 512

#define LM_HUFFMAN_LITERALS     257 /* codes: 256 bytes and the end of the block */
#define LM_HUFFMAN_DISTANCES    2
#define LM_HUFFMAN_LENGTH_CODES 19
#define LM_HUFFMAN_LENGTH_LIMIT 7
/* The order in which a block lists the lengths of the codes that code lengths (RFC 1951, 3.2.7). */
extern const uint8_t lm_huffman_length_order[LM_HUFFMAN_LENGTH_CODES];

/* Scratch of a coder. */
typedef struct lm_huffman_tables {
    uint32_t pairs[1 << 16];                  /* the codes of two bytes */
    uint16_t single[1 << LM_HUFFMAN_LIMIT];   /* the byte that bits begin with */
    uint32_t combined[1 << LM_HUFFMAN_LIMIT]; /* up to three bytes that bits begin with */
} lm_huffman_tables;

/* lengths [n]: 0 for what does not occur, else 1 to limit bits, of a prefix code for n <= 257
 * symbols by their counts, complete when two or more occur. Huffman 1952; where that is longer than
 * the limit, lengths are evened out. */
void lm_huffman_lengths(const uint32_t *counts, int n, int limit, uint8_t *lengths);
/* The canonical codes [n] of such lengths (RFC 1951, 3.2.2), first bit lowest; false when they are
 * not complete: some bits mean nothing, or two things. */
bool lm_huffman_codes(const uint8_t *lengths, int n, int limit, uint16_t *codes);

/* Encode size bytes, whose counts [256] are given for each block; returns the bytes written to out
 * [most + LM_HUFFMAN_SLACK], 0 when they would be more than most. */
size_t lm_huffman_encode(lm_huffman_tables *t, const unsigned char *in, size_t size,
                         const uint32_t (*counts)[256], unsigned char *out, size_t most);
/* Decode such a stream, with stored blocks anywhere in it, of exactly size bytes into out
 * [size + LM_HUFFMAN_SLACK]; false when it is anything else, be it valid deflate or not. */
bool lm_huffman_decode(lm_huffman_tables *t, const unsigned char *in, size_t in_size,
                       unsigned char *out, size_t size);

#endif
