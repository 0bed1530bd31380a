/* The documents in one file, raw: all of it, what a separator cuts, or its JSON lines.
 *
 *     lm_source s = {0};
 *     lm_source_open(&s, path, &how, NULL, err);
 *     if (s.content != LM_CONTENT_TEXT) ... there is nothing to read ...
 *     while (lm_source_next(&s, &more, err) == LM_OK && more)
 *         while (lm_source_read(&s, data, size, &got, err) == LM_OK && got > 0) ...
 *     lm_source_close(&s);       // opening another file needs the same memory
 *     lm_source_free(&s);
 *
 * The separator is not part of either document; it is found wherever reads of the file end. A JSON
 * line is an object, whose text is the string at how.field: "a.b" is the member "a.b", or else the
 * member "b" of the member "a". Lines of white space are none. */
#ifndef LM_TEXT_SOURCE_H
#define LM_TEXT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "text/content.h"
#include "text/stream.h"

enum { LM_SEPARATOR_MOST = 4096 };          /* bytes */
#define LM_JSON_LINE_MOST ((size_t)1 << 30) /* bytes */

typedef struct lm_source_how {
    bool jsonl;
    const char *field;     /* of a JSON line */
    const char *separator; /* separator_size bytes; cuts text that is not JSON lines */
    size_t separator_size; /* 0: the file is one document */
} lm_source_how;

typedef struct lm_source {
    lm_content content; /* of the file, without its compression */
    int64_t line;       /* of a JSON line: its number, from 1 */
    uint64_t zeros;     /* 0x00 bytes that came so late that the file counts as text */
    uint64_t null;      /* JSON lines whose text is null */

    /* The rest is source.c's own. */
    const char *name;
    lm_source_how how;
    lm_stream *stream;
    char *buffer; /* [begin, end) of it is not used yet */
    size_t begin, end, capacity;
    size_t sure;      /* bytes from `begin` on that are of the document at hand */
    bool found;       /* a separator follows them */
    bool ended;       /* the stream is over */
    bool begun, open; /* a document was begun; is not over */
    lm_text text;     /* of a JSON line */
    size_t text_at;
} lm_source;

/* Zero-initialise *s before the first. how and path are kept while it is open. */
lm_status lm_source_open(lm_source *s, const char *path, const lm_source_how *how, lm_spool *spool,
                         lm_error *err);
/* Goes to the beginning of the next document, over what was not read of the one at hand. */
lm_status lm_source_next(lm_source *s, bool *more, lm_error *err);
/* 1 to `size` bytes, *got of them; 0: the document is over. */
lm_status lm_source_read(lm_source *s, char *data, size_t size, size_t *got, lm_error *err);
void lm_source_close(lm_source *s); /* twice is fine */
void lm_source_free(lm_source *s);  /* closes; zero-initialised or twice is fine */

#endif
