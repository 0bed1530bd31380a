/* A model of another program, in.
 *
 *     lm_interop_source s;
 *     lm_interop_open(&s, "SmolLM2.gguf", err);        // what it is; all is checked but the values
 *     ... s.options: our model of it; weights [total of lm_model_params(&s.options, ...)] ...
 *     lm_interop_read(&s, weights, pool, err);
 *     lm_interop_close(&s);
 *
 * A format is a file import_NAME.c and a row in source.c. Files are read at places while the
 * weights are read, so that memory holds the weights once and little beside them. */
#ifndef LM_INTEROP_SOURCE_H
#define LM_INTEROP_SOURCE_H

#include "base/text.h"
#include "interop/kept.h"
#include "interop/names.h"
#include "machine/pool.h"

struct lm_interop_reader;
struct lm_interop_stored;

typedef struct lm_interop_source {
    const struct lm_interop_reader *reader;
    char *path;                    /* a file or a directory, as it was given */
    const lm_interop_class *class; /* what it is there */
    lm_model_options options;      /* what it is here, resolved */
    char *tokenizer;               /* path for lm_tokenizer_open; NULL: none comes along */
    lm_interop_kept kept;          /* what we do not use, for an export */
    lm_text said;                  /* a line for each thing worth knowing */
    lm_interop_tensor *tensors;    /* lm_interop_tensors of class and options */
    int64_t count;
    struct lm_interop_stored *stored; /* [count]: where each is */
    void *state;                      /* the reader's */
    bool stops; /* lm_interop_read ends at a signal (machine/stop.h), LM_ERR_INTERRUPTED */
} lm_interop_source;

/* The format of a file or directory, for people ("GGUF"); NULL: it is none of these. */
const char *lm_interop_format_of(const char *path);
/* What is there is `damaged` or LM_ERR_USAGE: a model that we do not have is refused by the name of
 * what stands in the way. After an error there is nothing to close. */
lm_status lm_interop_open(lm_interop_source *s, const char *path, lm_error *err);
/* Overwrites weights, our flat array, but for the padding between rows. Types are widened to fp32
 * exactly; blocks of Q8_0, Q4_0 and Q4_1 are computed as the Python package gguf does. */
lm_status lm_interop_read(const lm_interop_source *s, float *weights, lm_pool *pool, lm_error *err);
/* What tensor i is stored as, "Q4_1", and in how many bytes; NULL: it is not in the file, as a head
 * that is the embedding, or it is zeros here. */
const char *lm_interop_stored_type(const lm_interop_source *s, int64_t i, uint64_t *bytes);
void lm_interop_close(lm_interop_source *s); /* zero-initialised or twice is fine */

#endif
