/* Text to token ids and back. Each kind of tokenizer is a file and a row in a registry (kind.h).
 *
 *     lm_tokenizer *t;
 *     lm_tokenizer_open(&t, "bytes", NULL, err);
 *     lm_tokenizer_encode(t, text, size, &tokens, err);
 *     lm_tokenizer_decode(t, id, &text);
 *     lm_tokenizer_close(t);
 *
 * A tokenizer does not change once it is open: any number of threads may use it at once. */
#ifndef LM_TOKENIZER_TOKENIZER_H
#define LM_TOKENIZER_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Token ids, growable. Zero-initialise. */
typedef struct lm_token_list {
    int32_t *ids; /* [capacity], of which count are in use */
    int64_t count, capacity;
} lm_token_list;
/* Room for n more ids. */
lm_status lm_token_list_reserve(lm_token_list *list, size_t n, lm_error *err);
lm_status lm_token_list_append(lm_token_list *list, int32_t id, lm_error *err);
void lm_token_list_free(lm_token_list *list); /* zero-initialised or twice is fine */

/* ---- a tokenizer ------------------------------------------------------------------------------*/

const char *lm_tokenizer_name(int kind); /* "bytes"; NULL past the end */

typedef struct lm_tokenizer lm_tokenizer;
typedef struct lm_tokenizer_options {
    const char *pretokenizer; /* the split of a file that leaves it open (split.h), or NULL */
    bool allow_special; /* special tokens in text are tokens; else they are text like any other */
} lm_tokenizer_options;
/* By the name of its kind or the path of its file: a tokenizer.json, GPT-2's vocab.json and
 * merges.txt, tiktoken's ranks, nanoGPT's meta.pkl, llama2.c's tokenizer.bin, a GGUF file with a
 * tokenizer, or a directory with such a file. options NULL: none. Unknown names
 * get a suggestion. */
lm_status lm_tokenizer_open(lm_tokenizer **t, const char *what, const lm_tokenizer_options *options,
                            lm_error *err);
/* A tokenizer.json that is no file of its own; `name` names it in errors. */
lm_status lm_tokenizer_parse(lm_tokenizer **t, const char *name, const char *text, size_t size,
                             const lm_tokenizer_options *options, lm_error *err);
void lm_tokenizer_close(lm_tokenizer *t); /* NULL is fine; encoders must be closed before */

const char *lm_tokenizer_kind(const lm_tokenizer *t);
int64_t lm_tokenizer_vocab_size(const lm_tokenizer *t);
/* The token that begins documents or, where lm_tokenizer_separates, stands between two. -1: none */
int32_t lm_tokenizer_document_token(const lm_tokenizer *t);
bool lm_tokenizer_separates(const lm_tokenizer *t);
/* Does its file put that token in front of every text, as those of Llama do? */
bool lm_tokenizer_begins(const lm_tokenizer *t);
/* The token that ends texts in the models of others (<|endoftext|>, </s>); it may be the document
 * token. -1: none */
int32_t lm_tokenizer_end_token(const lm_tokenizer *t);
/* Of what lm_tokenizer_save gives, which is all that ids depend on; 0: it has no file. */
lm_status lm_tokenizer_digest(const lm_tokenizer *t, uint64_t *digest, lm_error *err);
/* Bytes of text that a token stands for: 0 for special ones and for ids outside the vocabulary. */
int64_t lm_tokenizer_text_bytes(const lm_tokenizer *t, int32_t id);
/* Is there more to say of it than the name of its kind? */
bool lm_tokenizer_has_file(const lm_tokenizer *t);
/* Appends that as a tokenizer.json, which lm_tokenizer_parse and Hugging Face's tokenizers read;
 * for `bytes`, which needs none, it is one of 256 tokens. */
lm_status lm_tokenizer_save(const lm_tokenizer *t, lm_text *out, lm_error *err);
/* What Hugging Face's transformers read of a tokenizer beside its tokenizer.json. Zero-initialised
 * is not empty: ids are -1 where the tokenizer's own token is meant. */
typedef struct lm_tokenizer_config {
    int64_t length;            /* the most tokens that the model sees; 0: not known */
    int32_t bos, eos, pad;     /* begins texts, ends them, fills up; pad -1: none */
    const char *chat_template; /* Jinja; NULL: none */
} lm_tokenizer_config;
/* Appends their tokenizer_config.json: its class, its special tokens and the above. c NULL: the
 * tokenizer's own tokens, and nothing else. */
lm_status lm_tokenizer_save_config(const lm_tokenizer *t, const lm_tokenizer_config *c,
                                   lm_text *out, lm_error *err);
/* Is this the text of a file that lm_tokenizer_save gave? Others' files are not replaced. */
bool lm_tokenizer_is_ours(const char *file);
/* The end of the piece of text[0 .. size) that begins at `at` < size, for people: tokens do not
 * cross the ends of pieces. */
size_t lm_tokenizer_piece(const lm_tokenizer *t, const char *text, size_t size, size_t at);
/* Append the bytes of one token; an id outside the vocabulary appends nothing. */
void lm_tokenizer_decode(const lm_tokenizer *t, int32_t id, lm_text *out);
/* The same of the first token of a text, of which some tokenizers leave off the space that encoding
 * put there. */
void lm_tokenizer_decode_first(const lm_tokenizer *t, int32_t id, lm_text *out);

/* Appends the ids of a whole document; encoding.h is for many and for long ones. */
lm_status lm_tokenizer_encode(const lm_tokenizer *t, const char *text, size_t size,
                              lm_token_list *tokens, lm_error *err);

#endif
