/* What a tokenizer with tokens of its own is made of, between its files and the engine: loaders
 * (load.h) and the training of tokenizers fill one in, the kinds bpe and chars encode by it,
 * lm_vocabulary_save writes it.
 *
 *     lm_vocabulary v = {.split = lm_split_find("gpt2"), .document_token = -1};
 *     lm_vocabulary_put(&v, id, bytes, n, err);  ...           // tokens, in any order of ids
 *     lm_vocabulary_merge(&v, left, n, right, m, err);  ...    // in rising rank, or by_ranks
 *     lm_vocabulary_add(&v, added, "<|endoftext|>", 13, err);  // tokens that stand in text
 *     lm_vocabulary_free(&v); */
#ifndef LM_TOKENIZER_VOCABULARY_H
#define LM_TOKENIZER_VOCABULARY_H

#include "base/text.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pattern.h"
#include "tokenizer/split.h"

/* A token that is found in text before the text is cut into pieces, with the flags of Hugging
 * Face's added tokens. A special one is found only where special tokens are allowed. */
typedef struct lm_added_token {
    int32_t id;
    uint64_t at;   /* its text, in lm_vocabulary.bytes; lm_vocabulary_add fills it in */
    uint32_t size; /* likewise */
    bool special;
    bool normalized; /* found in what the tokens that are not normalized have left */
    /* Kept for the file. Where such a token would be found in text, it is refused. */
    bool single_word, lstrip, rstrip;
} lm_added_token;

/* What tokens are made of. */
typedef enum lm_vocabulary_form {
    LM_FORM_BYTES,      /* byte-level BPE: each of the 256 bytes is a token */
    LM_FORM_CHARACTERS, /* each token is a character; nothing is merged, other text is an error */
    LM_FORM_SENTENCE,   /* BPE as SentencePiece has it: over characters; one that is no token is
                           its bytes. U+2581, which stands for a space there, is a space here. */
} lm_vocabulary_form;

/* Where a space is put in front of text that begins, or goes on behind an added token. */
typedef enum lm_space_prefix {
    LM_PREFIX_NEVER,
    LM_PREFIX_EACH,    /* of every stretch of text (Prepend) */
    LM_PREFIX_MISSING, /* likewise, unless it begins with a space (Metaspace, always) */
    LM_PREFIX_FIRST,   /* likewise, and only where the whole text begins (Metaspace, first) */
} lm_space_prefix;

typedef struct lm_vocabulary {
    lm_vocabulary_form form;
    lm_text bytes; /* of tokens and merges */
    lm_bpe_token *tokens;
    int64_t n_tokens, tokens_capacity; /* ids are below n_tokens; those between may be holes */
    lm_bpe_merge *merges;
    int64_t n_merges, merges_capacity;
    lm_added_token *added;
    int64_t n_added, added_capacity;
    const lm_split *split; /* of LM_FORM_BYTES; NULL: by the patterns, and without any not at all */
    char *patterns[LM_PATTERN_MOST]; /* splits that have no scanner of ours (pattern.h) */
    int n_patterns;
    bool by_ranks;    /* the rank of a pair is that of the token that it makes (tiktoken) */
    uint32_t *ranks;  /* [n_tokens], by ranks; NULL: the rank of a token is its id */
    bool whole_first; /* a piece that is a token is that token, whatever the merges say */
    bool nfc;         /* text is brought into Unicode's normalization form C before it is encoded */
    int32_t document_token; /* the first one of a document; -1: none */
    lm_space_prefix prefix; /* of LM_FORM_SENTENCE */
    bool strip;             /* likewise: decoding leaves off one space at the start of a text */
    bool each_space;        /* likewise: every space begins a piece (Metaspace with split) */
    bool begins; /* the file's post-processor puts the document token in front of every text */
} lm_vocabulary;

/* 0 <= id < LM_BPE_VOCAB_MOST. Two tokens with one id are LM_ERR_USAGE. */
lm_status lm_vocabulary_put(lm_vocabulary *v, int64_t id, const void *bytes, size_t size,
                            lm_error *err);
lm_status lm_vocabulary_merge(lm_vocabulary *v, const void *left, size_t left_size,
                              const void *right, size_t right_size, lm_error *err);
/* A token with this id that was put before becomes an added one; encoding text goes on to make it
 * when its bytes are just the text, and in LM_FORM_SENTENCE. */
lm_status lm_vocabulary_add(lm_vocabulary *v, lm_added_token added, const void *text, size_t size,
                            lm_error *err);
/* One more pattern, at most LM_PATTERN_MOST (asserted); it is copied. */
lm_status lm_vocabulary_add_pattern(lm_vocabulary *v, const char *pattern, lm_error *err);
/* The patterns are those of a scanner of ours, if there is one: v has its split and no pattern. */
void lm_vocabulary_find_split(lm_vocabulary *v);
/* The text of the i-th added token. */
const unsigned char *lm_vocabulary_added_text(const lm_vocabulary *v, int64_t i, size_t *size);
/* Appends the text that a token stands for. */
void lm_vocabulary_decode(const lm_vocabulary *v, int64_t id, lm_text *out);
/* Tokens 0 to 255: the bytes in their order. */
lm_status lm_vocabulary_put_bytes(lm_vocabulary *v, lm_error *err);
/* The added token of this text, among all of them; -1: none. */
int32_t lm_vocabulary_find_added(const lm_vocabulary *v, const char *text);
/* The added token that ends texts in most vocabularies which have it (<|endoftext|>, </s>, ...);
 * -1: none. */
int32_t lm_vocabulary_end_of_text(const lm_vocabulary *v);
void lm_vocabulary_free(lm_vocabulary *v); /* zero-initialised or twice is fine */

/* The bytes of a token, *size of them; a hole has none. */
const unsigned char *lm_vocabulary_bytes(const lm_vocabulary *v, int64_t id, size_t *size);

/* The engine that encodes by v: as lm_bpe_create. */
lm_status lm_bpe_create_from(lm_bpe **b, const lm_vocabulary *v, lm_error *err);

/* Gives the merges in rising rank: `left` bytes, then `right` more. By ranks, those are all pairs
 * of tokens that make up a token, in the order of ranks. */
typedef void lm_merge_taker(void *to, const unsigned char *bytes, size_t left, size_t right);
lm_status lm_vocabulary_each_merge(const lm_vocabulary *v, lm_merge_taker *take, void *to,
                                   lm_error *err);

/* Appends a tokenizer.json: that of Hugging Face's tokenizers library, which encodes by it as we
 * do. What that format has no words for (an order by ranks, the document token) stands in "model"
 * under "lmtrain", which the library passes over. */
lm_status lm_vocabulary_save(const lm_vocabulary *v, lm_text *out, lm_error *err);

#endif
