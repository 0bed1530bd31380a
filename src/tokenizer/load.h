/* Inside the room: files of tokenizers. A format is a file load_NAME.c that defines one of these,
 * its line below and its row in load.c. */
#ifndef LM_TOKENIZER_LOAD_H
#define LM_TOKENIZER_LOAD_H

#include "tokenizer/vocabulary.h"

typedef struct lm_tokenizer_file {
    const char *path; /* names it in errors; other files of the tokenizer lie beside it */
    const char *text; /* [size] and a 0x00 */
    size_t size;
    const lm_split *split; /* which --pretokenizer names; NULL: not given */
} lm_tokenizer_file;

typedef struct lm_tokenizer_format {
    const char *name; /* for people */
    bool (*probe)(const lm_tokenizer_file *f);
    /* Fills the vocabulary, which is empty and whose document_token is LM_DOCUMENT_UNSAID. */
    lm_status (*load)(lm_vocabulary *v, const lm_tokenizer_file *f, lm_error *err);
} lm_tokenizer_format;

enum { LM_DOCUMENT_UNSAID = -2 }; /* the usual end of text, if there is one */

extern const lm_tokenizer_format lm_tokenizer_format_hf, lm_tokenizer_format_chars,
    lm_tokenizer_format_gpt2, lm_tokenizer_format_ranks, lm_tokenizer_format_llama2c;

/* Ids of a file lie below this: a file of so many bytes holds no more tokens, and holes are few. */
int64_t lm_tokenizer_file_most_ids(const lm_tokenizer_file *f);

/* The tokenizer inside a GGUF file (load_gguf.c), which may be larger than memory: its head is read
 * alone. Otherwise as lm_vocabulary_load. */
bool lm_vocabulary_is_gguf(const char *path);
lm_status lm_vocabulary_load_gguf(lm_vocabulary *v, const char *path, const lm_split *split,
                                  lm_error *err);
/* path: a GGUF file, a file in one of the formats or a directory that holds one under its usual
 * name. split NULL: as the file says; else a split that the file leaves open. */
lm_status lm_vocabulary_load(lm_vocabulary *v, const char *path, const lm_split *split,
                             lm_error *err);
/* A tokenizer.json that is no file of its own; `name` names it in errors. */
lm_status lm_vocabulary_parse(lm_vocabulary *v, const char *name, const char *text, size_t size,
                              lm_error *err);

#endif
