/* What a run is asked to read: the config's section "data". */
#ifndef LM_DATA_OPTIONS_H
#define LM_DATA_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct lm_data_options {
    char *train, *val;   /* paths, as lm_corpus_open takes them; val may be empty: no validation */
    char *tokenizer;     /* its name; empty: what the manifest of train says */
    int64_t token_bytes; /* of raw shards without a manifest: 2 or 4; 0: by the vocabulary */
    bool shuffle;        /* windows in a new order each epoch; else in file order */
} lm_data_options;

#endif
