/* What a run is asked to read: the config's section "data". */
#ifndef LM_DATA_OPTIONS_H
#define LM_DATA_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* The most sources of a mixture, and the most validation sets. */
enum { LM_DATA_MOST_SOURCES = 256, LM_DATA_MOST_NAME = 100 /* bytes of a name */ };

/* A corpus, alone or beside others. */
typedef struct lm_data_source {
    char *name;    /* what figures of it are called; NULL: not given */
    char *path;    /* as lm_corpus_open takes it */
    double weight; /* samples of it, relative to those of the other sources; 0: not given */
} lm_data_source;

#define LM_DATA_LEAST_WEIGHT 1e-9
#define LM_DATA_MOST_WEIGHT  1e9

typedef struct lm_data_sources {
    lm_data_source *items; /* [count], malloc'd, and so are the strings */
    int64_t count;         /* 0: there is no such corpus */
} lm_data_sources;

typedef struct lm_data_options {
    lm_data_sources train, val; /* val: sets by name, or one without a name */
    char *tokenizer;            /* its name; empty: what the manifest of train says */
    int64_t token_bytes;        /* of raw shards without a manifest: 2 or 4; 0: by the vocabulary */
    bool shuffle;               /* windows in a new order each epoch; else in file order */
    bool offsets;               /* and other windows each epoch */
    bool go_on;                 /* a resumed run takes other training data */
    char *skip;                 /* windows that are passed over (skips.h); empty: none */
} lm_data_options;

void lm_data_sources_free(lm_data_sources *s); /* zero-initialised or twice is fine */

/* The name, else the path. */
static inline const char *lm_data_source_name(const lm_data_source *s) {
    return s->name ? s->name : s->path;
}

#endif
