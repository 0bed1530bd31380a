/* Finds added tokens in text: the leftmost one that there is, the longest of those that begin
 * there. */
#ifndef LM_TOKENIZER_ADDED_H
#define LM_TOKENIZER_ADDED_H

#include "tokenizer/vocabulary.h"

typedef struct lm_added_set {
    const unsigned char **texts; /* [count], in rising order of first byte, longer ones first */
    uint32_t *sizes;             /* [count] */
    int32_t *ids;                /* [count] */
    int64_t count;
    int64_t begin[257]; /* those whose first byte is c: begin[c] .. begin[c + 1] */
    size_t longest;
} lm_added_set;

/* The tokens of v that are normalized or not, the special ones among them only when `special`. v
 * must stay. */
lm_status lm_added_set_make(lm_added_set *s, const lm_vocabulary *v, bool normalized, bool special,
                            lm_error *err);
void lm_added_set_free(lm_added_set *s); /* zero-initialised or twice is fine */

/* The next one in text[at .. size): its place, size and id; false: there is none. */
bool lm_added_set_find(const lm_added_set *s, const unsigned char *text, size_t size, size_t at,
                       size_t *begin, size_t *length, int32_t *id);
/* Is there one that begins before `at` and ends there or behind it? */
bool lm_added_set_reaches(const lm_added_set *s, const unsigned char *text, size_t size, size_t at);

#endif
