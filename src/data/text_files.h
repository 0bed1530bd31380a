/* Finds the text files below given paths, in an order that is the same on every machine, and says
 * which are held out.
 *
 *     lm_text_files list;
 *     lm_text_files_find(&list, &options, paths, n, err);
 *     for (size_t i = 0; i < list.count; i++) ... list.files[i].path ...
 *     lm_text_files_free(&list);
 *
 * Directories are walked in strcmp order; symbolic links below them are not followed (no loops),
 * names that begin with a dot and empty files are passed over. A file that is found twice counts
 * once, so that none is in both training and validation. When there are several files, those that
 * hold a 0x00 byte are not text and are left out. Which files are taken and held out depends only
 * on their paths below the given directory, their sizes, and whether they are text. */
#ifndef LM_DATA_TEXT_FILES_H
#define LM_DATA_TEXT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct lm_text_file {
    char *path;
    uint64_t size;
    uint64_t hash;          /* of the path below the given directory */
    uint64_t device, inode; /* the same file is taken once, whatever it is called */
    bool validation;        /* held out */
} lm_text_file;

typedef struct lm_text_files {
    lm_text_file *files; /* in strcmp order of their paths */
    size_t count;
    uint64_t bytes;
    size_t left_out; /* did not fit max_bytes */
    size_t not_text; /* hold a 0x00 byte */
    size_t repeated; /* found again, or under another name */
} lm_text_files;

typedef struct lm_text_files_options {
    const char *const *extensions; /* ".h"; only such files of a directory */
    int n_extensions;              /* 0: all files */
    uint64_t max_bytes;            /* 0: all; else a sample of whole files, drawn by their hashes */
    double val_fraction;           /* in [0, 1): of the files, drawn by their hashes */
} lm_text_files_options;

/* LM_ERR_USAGE when nothing is left to take, LM_ERR_RUNTIME for what cannot be read; *list is then
 * empty. */
lm_status lm_text_files_find(lm_text_files *list, const lm_text_files_options *o,
                             const char *const *paths, int n_paths, lm_error *err);
void lm_text_files_free(lm_text_files *list); /* zero-initialised or twice is fine */

#endif
