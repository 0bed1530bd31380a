/* The bytes of a file or of standard input, one after the other, without their compression.
 *
 *     lm_stream *s;
 *     lm_stream_open(&s, path, NULL, err);
 *     lm_stream_read(s, data, size, &got, err);  ...   // got < size: the end
 *     lm_stream_close(s);
 *
 * gzip and Zstandard are recognised by their first bytes. Memory is bounded: one block of input and
 * the decoder's window. */
#ifndef LM_TEXT_STREAM_H
#define LM_TEXT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/content.h"

#define LM_STREAM_STANDARD_INPUT "-"

/* Lets standard input be read more than once: what was read is kept in a file without a name, and a
 * stream that is opened anew reads it from there, then goes on with standard input. */
typedef struct lm_spool {
    int fd;        /* -1: none */
    bool keep;     /* what is read now is kept too */
    uint64_t size; /* bytes kept */
    bool ended;    /* standard input is over */
} lm_spool;
lm_status lm_spool_open(lm_spool *spool, const char *directory, lm_error *err);
void lm_spool_close(lm_spool *spool); /* {.fd = -1} or twice is fine */

typedef struct lm_stream lm_stream;
/* path "-" is standard input, with a spool or without (NULL); else a regular file. Both stay. */
lm_status lm_stream_open(lm_stream **s, const char *path, lm_spool *spool, lm_error *err);
/* Writes *got bytes: `size` of them, or fewer at the end. A file that is damaged, or over before
 * its compressed data is, is an error. */
lm_status lm_stream_read(lm_stream *s, void *data, size_t size, size_t *got, lm_error *err);
uint64_t lm_stream_taken(const lm_stream *s); /* bytes read of the file so far, as it is stored */
lm_content lm_stream_compression(const lm_stream *s); /* LM_CONTENT_TEXT: none */
void lm_stream_close(lm_stream *s);                   /* NULL is fine */

/* What people call the path: "standard input" for "-". */
const char *lm_stream_name(const char *path);

#endif
