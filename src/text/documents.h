/* Documents out of files, one after another.
 *
 *     lm_documents_options how = {.inputs = paths, .n_inputs = n, .val_fraction = 0.01};
 *     lm_documents *d;
 *     lm_documents_open(&d, &how, err);
 *     lm_document doc;
 *     bool more;
 *     while ((status = lm_documents_next(d, &doc, &more, err)) == LM_OK && more)
 *         while ((status = lm_documents_read(d, data, size, &got, err)) == LM_OK && got > 0) ...
 *     lm_documents_report(d, &text);
 *     lm_documents_close(d);
 *
 * A document is a file, a JSON line, or what the separator cuts in a file; those without text (all
 * white space) are passed over and counted. Files are found as walk.h says and may be compressed
 * with gzip or Zstandard. Bytes are passed on as they are: any encoding without 0x00 bytes is text.
 * What is no text is passed over and counted by its kind when a directory or a pattern led to it,
 * and is an error when it was named. Memory is bounded: buffers and the longest JSON line.
 *
 * What is held out. A document is held out when XXH64 of its first 4 KiB is below val_fraction of
 * 2^64: neither its path nor what else is there matters, and equal documents stay together. With
 * fewer than LM_DOCUMENTS_FEW documents that would be too coarse: each then gives its end instead,
 * from the first line that begins in the last val_fraction of its bytes on (where none begins in
 * the first half of that, from the next character on). lm_documents_open finds out which it is: it
 * reads until it has met that many documents, and only where there are fewer it reads everything
 * once more to learn their sizes. What it reads of standard input it keeps in a file without a name
 * in `spool`.
 *
 * With max_bytes, files come in an order drawn by the hashes of their paths, until so many bytes of
 * text are read; the last document is cut off at a character. With `sample`, documents are drawn as
 * for val_fraction, but independently of it. */
#ifndef LM_TEXT_DOCUMENTS_H
#define LM_TEXT_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

enum { LM_DOCUMENTS_FEW = 100, LM_DOCUMENTS_MOST_FIELD = 256 };

/* How files are read. */
const char *lm_documents_format_name(int i); /* of lm_documents_format; NULL past the end */
typedef enum lm_documents_format {
    LM_DOCUMENTS_AUTO, /* JSON lines for names in .jsonl or .ndjson, also before .gz, .zst */
    LM_DOCUMENTS_TEXT,
    LM_DOCUMENTS_JSONL,
} lm_documents_format;

/* Zero is a fine value for all but the inputs. Everything pointed to, but the separator, is kept
 * while the documents are open. */
typedef struct lm_documents_options {
    const char *const *inputs; /* files, directories, patterns, "-" */
    int n_inputs;
    const char *const *val_inputs; /* likewise, all for validation, with val_fraction 0 */
    int n_val_inputs;
    const char *const *extensions; /* ".h"; only such files of a directory; none: all */
    int n_extensions;
    lm_documents_format format;
    const char *field;     /* of a JSON line (source.h); NULL: "text" */
    const char *separator; /* separator_size bytes, which is at most LM_SEPARATOR_MOST */
    size_t separator_size; /* 0: none */
    double val_fraction;   /* in [0, 1) */
    double sample;         /* in [0, 1]: the share of documents to take; 0: all */
    uint64_t max_bytes;    /* 0: all */
    const char *spool;     /* a directory; NULL: "." */
} lm_documents_options;

typedef struct lm_document {
    const char *source; /* the path of its file; until the next call */
    int64_t line;       /* of a JSON line: its number in the file, from 1; else 0 */
    bool validation;    /* held out */
    bool rest;          /* the end of a document whose beginning was not held out */
} lm_document;

typedef struct lm_documents_counts {
    uint64_t files;        /* read, in whole or in part */
    uint64_t documents[2]; /* [validation]: begun; the end of one is no other */
    uint64_t bytes[2];     /* [validation]: of text that was read */
    bool ends;             /* the ends of documents are held out, not whole ones */
    uint64_t taken, total; /* bytes of files, as they are stored; total 0: not known beforehand */
    uint64_t least;        /* of the total, bytes that are surely text: those of named files */
    uint64_t text;         /* a digest of the beginnings of all documents so far */
} lm_documents_counts;

typedef struct lm_documents lm_documents;

/* LM_ERR_USAGE when there is nothing to read or something named is no text, with what to do about
 * it; LM_ERR_RUNTIME for what cannot be read. */
lm_status lm_documents_open(lm_documents **d, const lm_documents_options *how, lm_error *err);
/* The next document, over what was not read of the one at hand; *more false: there is none. */
lm_status lm_documents_next(lm_documents *d, lm_document *doc, bool *more, lm_error *err);
/* Copies the next bytes of its text: 1 to `size` of them, *got; 0: it is over. */
lm_status lm_documents_read(lm_documents *d, char *data, size_t size, size_t *got, lm_error *err);
/* Of the document at hand, which was read through: does its end come as another, which is held out?
 */
bool lm_documents_goes_on(const lm_documents *d);
/* Goes over the first n of those that lm_documents_next gives, which count as read: to go on where
 * earlier work was. LM_ERR_RUNTIME when there are fewer. Before the first call of next. */
lm_status lm_documents_skip(lm_documents *d, int64_t n, lm_error *err);
/* So far. */
void lm_documents_count(const lm_documents *d, lm_documents_counts *counts);
/* Whole lines about everything that was passed over; none when nothing was. */
void lm_documents_report(const lm_documents *d, lm_text *out);
void lm_documents_close(lm_documents *d); /* NULL is fine */

#endif
