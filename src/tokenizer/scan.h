/* Splits of text into pieces, which byte-pair encoding never crosses: hand-written scanners for the
 * regular expressions that tokenizers name.
 *
 *     while (at < size) {
 *         size_t n = lm_scan_gpt2(text, size, at, ends, MOST);  // at..ends[0]..ends[1]...
 *         ...
 *         at = ends[n - 1];
 *     }
 *
 * A scanner begins at the start of a piece and gives the ends of the next ones, at most `most` >= 1
 * of them; text[size] and beyond is not read. It returns their number, at least 1 when at < size.
 * Every byte lies in one piece. Bytes that are not UTF-8 count as symbols.
 *
 * Two facts hold for all of them: a space (0x20) behind a character that is not white space begins
 * a piece, as does a letter behind a line feed behind a character that is not white space; and
 * nothing before these depends on what follows. lm_scan_cut uses them to cut long texts. */
#ifndef LM_TOKENIZER_SCAN_H
#define LM_TOKENIZER_SCAN_H

#include <stddef.h>

typedef size_t (*lm_scanner)(const unsigned char *text, size_t size, size_t at, size_t *ends,
                             size_t most);

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * (Radford et al. 2019) */
size_t lm_scan_gpt2(const unsigned char *text, size_t size, size_t at, size_t *ends, size_t most);

/* \p{N} alone, then the pieces of GPT-2 in what lies between (smollm, starcoder, command-r). */
size_t lm_scan_digits(const unsigned char *text, size_t size, size_t at, size_t *ends, size_t most);

/* '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+
 * |\s++$|\s*[\r\n]|\s+(?!\S)|\s     (tiktoken's cl100k_base) */
size_t lm_scan_cl100k(const unsigned char *text, size_t size, size_t at, size_t *ends, size_t most);

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
 * |\s*[\r\n]+|\s+(?!\S)|\s+ (Llama 3); it differs from cl100k in white space at the end alone. */
size_t lm_scan_llama3(const unsigned char *text, size_t size, size_t at, size_t *ends, size_t most);

/* The same with single digits: \p{N} (Qwen2, 2.5, 3). */
size_t lm_scan_qwen2(const unsigned char *text, size_t size, size_t at, size_t *ends, size_t most);

/* [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+
 *       (?i:'s|'t|'re|'ve|'m|'ll|'d)?
 * |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*
 *       (?i:'s|'t|'re|'ve|'m|'ll|'d)?
 * |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+ (tiktoken's o200k_base) */
size_t lm_scan_o200k(const unsigned char *text, size_t size, size_t at, size_t *ends, size_t most);

/* The last place in (at, limit] where text may be cut without changing its pieces, whatever follows
 * `size`; at: there is none. limit <= size. */
size_t lm_scan_cut(const unsigned char *text, size_t size, size_t at, size_t limit);

#endif
