/* Decoders of gzip (zlib) and Zstandard (libzstd, where the build has it), a piece at a time.
 *
 *     lm_decoder *d;
 *     lm_decoder_open(&d, LM_CONTENT_GZIP, path, err);
 *     lm_decoder_run(d, in, in_size, &used, out, out_size, &made, err);  ...
 *     lm_decoder_complete(d)      // when the file is over: did it end where a member ends?
 *     lm_decoder_close(d);
 *
 * A file of several members or frames, one behind the other, is the text of all of them. After the
 * last gzip member zero bytes may follow (padding of tapes), nothing else. */
#ifndef LM_TEXT_COMPRESSED_H
#define LM_TEXT_COMPRESSED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "text/content.h"

typedef struct lm_decoder lm_decoder;

/* "zlib 1.2.13, libzstd 1.5.4": what this build reads with; for --version. */
const char *lm_decoder_libraries(char *out, size_t size);

/* kind is LM_CONTENT_GZIP or LM_CONTENT_ZSTD (asserted). LM_ERR_USAGE, with what to install, when
 * the build lacks the library. path is kept for errors. */
lm_status lm_decoder_open(lm_decoder **d, lm_content kind, const char *path, lm_error *err);
/* Takes *used bytes of `in` and writes *made bytes; out_size > 0. Both are 0 only when in_size is
 * 0. Damaged data is an error that lm_error_damaged sets. */
lm_status lm_decoder_run(lm_decoder *d, const unsigned char *in, size_t in_size, size_t *used,
                         unsigned char *out, size_t out_size, size_t *made, lm_error *err);
bool lm_decoder_complete(const lm_decoder *d);
void lm_decoder_close(lm_decoder *d); /* NULL is fine */

#endif
