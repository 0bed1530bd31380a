/* Models of other programs as saved models: lm_saved_open (saved.h) takes them by these. */
#ifndef LM_SAVED_FOREIGN_H
#define LM_SAVED_FOREIGN_H

#include "interop/source.h"
#include "saved/saved.h"

/* What lm_saved.foreign is. */
typedef struct lm_saved_foreign {
    lm_interop_source source;
    lm_text tokenizer; /* the tokenizer.json of lm_tokenizer_save; empty: it has no file, or none */
    lm_error unread;   /* why the one that came along cannot be read; code LM_OK: it can */
} lm_saved_foreign;

/* Opens the model of another program. tokenizer: by the name or file of lm_tokenizer_open; NULL:
 * the one that came along, if any; "none": none. One that cannot be read is an error, or, with
 * `later`, the error of lm_saved_tokenizer. The config has the model's options and else defaults;
 * the state is that of no training at all. */
lm_status lm_saved_open_foreign(lm_saved *s, const char *path, const char *tokenizer, bool later,
                                lm_error *err);
void lm_saved_foreign_free(lm_saved_foreign *f); /* NULL is fine */

/* What lm_saved_read and reading a text of the checkpoint do. */
lm_status lm_saved_foreign_read(const lm_saved *s, const lm_param *ours, int64_t n_ours,
                                float *weights, lm_pool *pool, lm_error *err);
lm_status lm_saved_foreign_text(const lm_saved *s, const char *name, bool *found, lm_text *out,
                                lm_error *err);

/* Writes a checkpoint of the weights alone, of step 0, with the tokenizer and what else came along
 * as its texts; path: as lm_checkpoint_write. *file_bytes receives its size. */
lm_status lm_saved_write_foreign(const lm_saved *s, const char *path, lm_pool *pool,
                                 uint64_t *file_bytes, lm_error *err);

#endif
