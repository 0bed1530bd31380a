/* What `lmtrain tokenize` keeps to go on after it was killed: unfinished.json in its output
 * directory, from the start until the corpus is whole.
 *
 *     {"format": "lmtrain unfinished corpus", "version": 1, "options": "0123456789abcdef",
 *      "documents": 1234, "text": "0123456789abcdef",
 *      "parts": [{"tokens": 56789, "documents": 1200}, {"tokens": 567, "documents": 34}]} */
#ifndef LM_CLI_TOKENIZE_UNFINISHED_H
#define LM_CLI_TOKENIZE_UNFINISHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { LM_UNFINISHED_PARTS = 2 }; /* training, validation */

typedef struct lm_unfinished {
    uint64_t options;  /* digest of all that determines the corpus */
    int64_t documents; /* that were encoded: pieces, as lm_documents_next gives them */
    uint64_t text;     /* digest of their beginnings (text/documents.h) */
    struct {
        int64_t tokens, documents;
    } parts[LM_UNFINISHED_PARTS];
} lm_unfinished;

/* *found: there is such a file in the directory. */
lm_status lm_unfinished_read(lm_unfinished *u, const char *directory, bool *found, lm_error *err);
lm_status lm_unfinished_write(const lm_unfinished *u, const char *directory, lm_error *err);
lm_status lm_unfinished_remove(const char *directory, lm_error *err); /* if it is there */

#endif
