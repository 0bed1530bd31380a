/* Where `lmtrain tokenize` takes documents from: its options for that, and what is said of it. */
#ifndef LM_CLI_TOKENIZE_INPUT_H
#define LM_CLI_TOKENIZE_INPUT_H

#include "cli/options.h"
#include "text/documents.h"

typedef struct lm_tokenize_input {
    lm_option_texts paths, val_paths, extensions;
    const char *field, *separator;
    double val_fraction, sample;
    int64_t max_bytes;
    int format; /* lm_documents_format */
} lm_tokenize_input;

/* How text is read: for every command that reads it. */
/* clang-format off */
#define LM_OPTIONS_READING_TEXT(owner, input)                                                  \
    {"format", "FORMAT", "how files are read; auto: by name, .jsonl and .ndjson as JSON lines",\
     LM_STORED(owner, input.format), .choice = {.name = lm_documents_format_name}},            \
    {"field", "NAME", "member of a JSON line that is its text; a.b: b in a (default: text)",   \
     LM_STORED(owner, input.field)},                                                           \
    {"separator", "TEXT", "ends a document in a text file; \\n, \\t, \\r, \\\\ as in C",       \
     LM_STORED(owner, input.separator)}
/* clang-format on */
/* Their rows; `input` is the member of `owner`. --input is checked by the command. */
/* clang-format off */
#define LM_OPTIONS_TOKENIZE_INPUT(owner, input)                                                  \
    {"input", "PATH",                                                                            \
     "text files (also .jsonl, .gz, .zst), directories, quoted patterns, or - for standard input", \
     LM_STORED(owner, input.paths), .several = true},                                            \
    LM_OPTIONS_READING_TEXT(owner, input),                                                       \
    {"extension", ".EXT", "take only such files from directories",                               \
     LM_STORED(owner, input.extensions)},                                                        \
    {"val-fraction", "F",                                                                        \
     "share to hold out for validation: whole documents, or the ends of fewer than 100",         \
     LM_STORED(owner, input.val_fraction), .real = {.most = 0.999}},                             \
    {"val-input", "PATH", "validation text itself, as --input; not trained on",                  \
     LM_STORED(owner, input.val_paths), .several = true},                                        \
    {"sample", "F", "take this share of the documents",                                          \
     LM_STORED(owner, input.sample), .real = {.by_default = 1, .least = 1e-9, .most = 1}},       \
    {"max-bytes", "N", "take N bytes of text at most, of files in an order drawn by their names", \
     LM_STORED(owner, input.max_bytes), .count = {.least = 1, .most = INT64_MAX}}
/* clang-format on */

/* Is there a corpus for validation? */
bool lm_tokenize_input_validates(const lm_tokenize_input *in);
/* Opens the documents. output: a directory for what must be kept of standard input. What `in`
 * points to must outlive them. LM_ERR_USAGE when options contradict each other. */
lm_status lm_tokenize_input_open(lm_documents **d, const lm_tokenize_input *in, const char *output,
                                 lm_error *err);
/* Appends all that determines which documents there are. */
void lm_tokenize_input_describe(const lm_tokenize_input *in, lm_text *out);
/* When all is read: the share held out, what was passed over; a warning on stderr when the share is
 * far from what was asked. */
void lm_tokenize_input_report(const lm_tokenize_input *in, const lm_documents *d, lm_text *out);

#endif
