/* Byte-pair encoding (Sennrich et al. 2016) over bytes (Radford et al. 2019) or characters: a piece
 * of text begins as one symbol per byte or character; the adjacent pair of lowest rank, the
 * leftmost of equal ones, is merged until no pair has a rank.
 *
 *     lm_bpe_create(&b, &source, err);               // copies what it needs of the source
 *     lm_bpe_worker_create(&w, err);                 // one per thread
 *     n = lm_bpe_encode(b, w, text, size, ids);      // ids [size + LM_BPE_SLACK]
 *     lm_bpe_worker_free(w);
 *     lm_bpe_free(b);
 *
 * The rank of a pair comes from one of two sources, which differ now and then: in a list of
 * *merges* it is the place of the pair in the list (Hugging Face, GPT-2's merges.txt); with *ranks*
 * (tiktoken) it is that of the token whose bytes the pair makes up. Ids are those of the
 * reference implementation of the source.
 *
 * Text is cut into pieces (scan.h); a worker remembers the ids of short pieces it has seen, which
 * is nearly all of any text. Time is linear in the text but for pieces longer than LM_BPE_SHORT
 * bytes, n log n. */
#ifndef LM_TOKENIZER_BPE_H
#define LM_TOKENIZER_BPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "tokenizer/scan.h"

enum {
    LM_BPE_SLACK = 4,    /* ids that lm_bpe_encode may overwrite behind those it returns */
    LM_BPE_LACKS = -2,   /* some byte of the text is no token */
    LM_BPE_GAVE_UP = -3, /* a pattern takes too long on the text (LM_PATTERN_STEPS) */
    LM_BPE_SHORT = 256,  /* bytes of a piece that is merged by looking at every pair each time */
};
#define LM_BPE_VOCAB_MOST ((int64_t)1 << 24)

typedef struct lm_bpe_token {
    uint64_t at;   /* in lm_bpe_source.bytes */
    uint32_t size; /* 0: a hole among the ids */
    bool hidden;   /* not made by encoding text (a special token) */
    bool added;    /* stands in lm_vocabulary.added */
    bool byte;     /* hidden; stands for its one byte where a character is no token */
} lm_bpe_token;

/* A merge names its pair by bytes: left covers bytes[at .. at + left), right the next `right`
 * bytes. */
typedef struct lm_bpe_merge {
    uint64_t at; /* in lm_bpe_source.bytes */
    uint32_t left, right;
} lm_bpe_merge;

typedef struct lm_bpe_source {
    int64_t n_tokens; /* at most LM_BPE_VOCAB_MOST */
    const lm_bpe_token *tokens;
    const unsigned char *bytes; /* of tokens and merges */
    const lm_bpe_merge *merges; /* in rising rank */
    int64_t n_merges;
    bool by_ranks;         /* merges are not looked at */
    const uint32_t *ranks; /* [n_tokens], by ranks; NULL: the rank of a token is its id */
    /* A piece that is a token is that token, whatever the merges say (ignore_merges); always so by
     * ranks, but for characters. */
    bool whole_first;
    /* NULL: patterns split the text (pattern.h) or, where there are none, it is cut where no token
     * reaches across. */
    lm_scanner scan;
    const char *const *patterns; /* [n_patterns] */
    int n_patterns;
    bool each_space; /* without either: every space begins a piece */
    /* A piece begins as one symbol per character; one that is no token is its bytes, which tokens
     * marked `byte` stand for and nothing merges with. */
    bool characters;
} lm_bpe_source;

typedef struct lm_bpe lm_bpe;
typedef struct lm_bpe_worker lm_bpe_worker;

/* LM_ERR_RUNTIME without memory; LM_ERR_USAGE, naming what is wrong, when one of the 256 bytes is
 * no token, two tokens have the same bytes, or a merge has a part or a result that is no token. */
lm_status lm_bpe_create(lm_bpe **b, const lm_bpe_source *source, lm_error *err);
void lm_bpe_free(lm_bpe *b); /* NULL is fine */

/* For one b and no other: it remembers ids. */
lm_status lm_bpe_worker_create(lm_bpe_worker **w, lm_error *err);
void lm_bpe_worker_free(lm_bpe_worker *w); /* NULL is fine */

/* Overwrites ids with those of text; returns their number (at most size), -1 when a very long piece
 * found no memory, LM_BPE_LACKS, LM_BPE_GAVE_UP. Threads may share b, not w. */
int64_t lm_bpe_encode(const lm_bpe *b, lm_bpe_worker *w, const unsigned char *text, size_t size,
                      int32_t *ids);

/* The end of the piece that begins at `at` < size, for people. */
size_t lm_bpe_piece(const lm_bpe *b, const unsigned char *text, size_t size, size_t at);
/* The last place in (at, limit] where text may be cut (lm_scan_cut); none where patterns split. */
size_t lm_bpe_cut(const lm_bpe *b, const unsigned char *text, size_t size, size_t at, size_t limit);

/* The same of one piece, whatever the split says, by merging alone: whole_first does not count. */
int64_t lm_bpe_merge_piece(const lm_bpe *b, lm_bpe_worker *w, const unsigned char *piece,
                           size_t size, int32_t *ids);

/* The first byte of text that is no token alone; -1: all are. Only rare bytes may lack one. */
int lm_bpe_lacking(const lm_bpe *b, const unsigned char *text, size_t size);

/* The token of these bytes; -1: there is none. */
int32_t lm_bpe_find(const lm_bpe *b, const unsigned char *bytes, size_t size);

#endif
