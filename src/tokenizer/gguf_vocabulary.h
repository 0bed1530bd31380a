/* A tokenizer in the words of a GGUF file, whose keys `tokenizer.ggml.*` llama.cpp reads: for those
 * who write such files.
 *
 *     lm_gguf_vocabulary v;
 *     lm_tokenizer_to_gguf(t, rows, &v, err);     // then write its members under the keys below
 *     lm_gguf_vocabulary_free(&v);
 *
 * Source: llama.cpp, src/llama-vocab.cpp; docs/gguf.md of ggml. */
#ifndef LM_TOKENIZER_GGUF_VOCABULARY_H
#define LM_TOKENIZER_GGUF_VOCABULARY_H

#include "tokenizer/tokenizer.h"

/* The values of tokenizer.ggml.token_type. */
typedef enum lm_gguf_token_type {
    LM_GGUF_NORMAL = 1,
    LM_GGUF_UNKNOWN = 2,      /* stands for text that is no token */
    LM_GGUF_CONTROL = 3,      /* special */
    LM_GGUF_USER_DEFINED = 4, /* added, not special */
    LM_GGUF_UNUSED = 5,       /* fills a hole among the ids */
    LM_GGUF_BYTE = 6,         /* "<0x0A>": the byte of a character that is no token */
} lm_gguf_token_type;

/* Bytes that somebody else owns; no 0x00 behind them. */
typedef struct lm_gguf_string {
    const char *text;
    size_t size;
} lm_gguf_string;

typedef struct lm_gguf_vocabulary {
    /* tokenizer.ggml.model: "gpt2", byte-level, whose tokens and merges stand in GPT-2's printable
     * alphabet (alphabet.h), or "llama", SentencePiece, where U+2581 is a space. */
    lm_gguf_string model;
    lm_gguf_string pre; /* .pre: the split of "gpt2"; size 0: none, the key is left out */
    int64_t n_tokens;
    lm_gguf_string *tokens; /* .tokens [n_tokens]: no two are the same */
    int32_t *types;         /* .token_type [n_tokens], of lm_gguf_token_type; NULL: all normal */
    float *scores; /* .scores [n_tokens], of "llama": the highest is merged first; NULL: none */
    int64_t n_merges;
    lm_gguf_string *merges; /* .merges [n_merges], of "gpt2": "LEFT RIGHT" in rising rank. The key
                               is written when there are none, too. */
    int64_t begin;          /* .bos_token_id; -1: none */
    int64_t end;            /* .eos_token_id; likewise */
    int64_t turn;           /* .eot_token_id, which ends text as well; likewise */
    int64_t unknown;        /* .unknown_token_id; likewise */
    bool add_begin;         /* .add_bos_token: `begin` stands in front of every text */
    bool add_space;         /* .add_space_prefix, of "llama": a space is put in front of a text */
    bool nfc;            /* not in the file: the tokenizer brings text into Unicode's normalization
                               form C first, which llama.cpp does not */
    const char *differs; /* not in the file: where llama.cpp's split of text differs from the
                            tokenizer's, for people; NULL: nowhere that is known */
    lm_text bytes;       /* that tokens and merges point into, where this owns them */
    bool owns;           /* the arrays */
} lm_gguf_vocabulary;

/* Fills *v, which frees what it holds. rows >= lm_tokenizer_vocab_size: as many tokens as the model
 * has rows of its embedding; those beyond the vocabulary, and holes in it, are unused ("[PAD7]").
 * LM_ERR_USAGE for a tokenizer that llama.cpp cannot encode by, with what it lacks. */
lm_status lm_tokenizer_to_gguf(const lm_tokenizer *t, int64_t rows, lm_gguf_vocabulary *v,
                               lm_error *err);
void lm_gguf_vocabulary_free(lm_gguf_vocabulary *v); /* zero-initialised or twice is fine */

#endif
