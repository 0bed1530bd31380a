/* The splits by name: each is a scanner (scan.h) and the regular expressions, letter for letter, by
 * which tokenizers of others ask for it. */
#ifndef LM_TOKENIZER_SPLIT_H
#define LM_TOKENIZER_SPLIT_H

#include <stdbool.h>

#include "tokenizer/scan.h"

typedef struct lm_split {
    const char *name; /* "gpt2", as --pretokenizer takes it */
    lm_scanner scan;
    /* As Hugging Face's pre-tokenizers: the pattern of a Split, behind which stands a ByteLevel
     * that splits no more; NULL: ByteLevel's own (gpt2), for `digits` behind a split into single
     * digits. */
    const char *pattern;
    /* Other spellings of the pattern in use, with the same pieces; NULL ends them. */
    const char *also[4];
} lm_split;

/* The patterns of Hugging Face's Digits, each alone or in runs, and of ByteLevel. */
#define LM_SPLIT_DIGITS         "\\p{N}"
#define LM_SPLIT_RUNS_OF_DIGITS "\\p{N}+"
#define LM_SPLIT_BYTE_LEVEL \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

const lm_split *lm_split_at(int i);              /* NULL past the end */
const char *lm_split_name(int i);                /* likewise */
const lm_split *lm_split_find(const char *name); /* NULL: none */
/* NULL: no split of ours has this pattern. */
const lm_split *lm_split_of_pattern(const char *pattern);

#endif
