/* What the first bytes of a file say that it is, whatever it is called. */
#ifndef LM_TEXT_CONTENT_H
#define LM_TEXT_CONTENT_H

#include <stddef.h>

typedef enum lm_content {
    LM_CONTENT_TEXT, /* none of the others: any encoding that has no 0x00 bytes */
    LM_CONTENT_EMPTY,
    LM_CONTENT_BINARY, /* 0x00 bytes, and nothing that has a row of its own */
    LM_CONTENT_GZIP,
    LM_CONTENT_ZSTD,
    LM_CONTENT_XZ,
    LM_CONTENT_BZIP2,
    LM_CONTENT_LZ4,
    LM_CONTENT_ZIP,
    LM_CONTENT_7Z,
    LM_CONTENT_TAR,
    LM_CONTENT_UTF32,
    LM_CONTENT_UTF16,
    LM_CONTENT_PARQUET,
    LM_CONTENT_ARROW,
    LM_CONTENT_HDF5,
    LM_CONTENT_SQLITE,
    LM_CONTENT_NPY,
    LM_CONTENT_GGUF,
    LM_CONTENT_PDF,
    LM_CONTENTS
} lm_content;

enum { LM_CONTENT_HEAD = 4096 }; /* bytes at the beginning that tell UTF-16; fewer will do */

/* Of the first `size` bytes: the more there are, the later a 0x00 byte may come that makes it
 * LM_CONTENT_BINARY. */
lm_content lm_content_recognise(const void *head, size_t size);

const char *lm_content_name(lm_content c); /* "xz-compressed" */
/* What to do with such a file, "" when there is nothing to say: "convert it: iconv ... FILE". */
const char *lm_content_advice(lm_content c);

#endif
