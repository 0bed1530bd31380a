/* Encodes documents on all threads; tokens arrive in the order of the text, whatever the number of
 * threads.
 *
 *     lm_encoding *e;
 *     lm_encoding_open(&e, tokenizer, pool, sink, err);
 *     lm_encoding_begin(e, to, first, err);            // a document, and where its tokens go
 *     lm_encoding_put(e, text, size, err);  ...        // its text in pieces, wherever they end
 *     ...                                              // the next document
 *     lm_encoding_finish(e, err);                      // all tokens have arrived
 *     lm_encoding_close(e);
 *
 * Text is copied and gathered; when there is enough of it for all threads it is encoded, cut where
 * the tokenizer allows it (kind.h). Memory is bounded but for text that cannot be cut anywhere. For
 * the thread that made the pool. */
#ifndef LM_TOKENIZER_ENCODING_H
#define LM_TOKENIZER_ENCODING_H

#include "machine/pool.h"
#include "tokenizer/tokenizer.h"

/* Takes the next tokens of a document; an error ends the encoding with it. */
typedef lm_status lm_token_sink(void *to, const int32_t *ids, int64_t n, lm_error *err);

typedef struct lm_encoding lm_encoding;
lm_status lm_encoding_open(lm_encoding **e, const lm_tokenizer *t, lm_pool *pool,
                           lm_token_sink *sink, lm_error *err);
/* `first` goes to the sink in front of the text; -1: nothing does. The document before is over. */
lm_status lm_encoding_begin(lm_encoding *e, void *to, int32_t first, lm_error *err);
lm_status lm_encoding_put(lm_encoding *e, const char *text, size_t size, lm_error *err);
lm_status lm_encoding_finish(lm_encoding *e, lm_error *err);
void lm_encoding_close(lm_encoding *e); /* NULL is fine */

#endif
