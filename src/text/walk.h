/* Finds the files to read: those that are named, those below directories, and those that patterns
 * match.
 *
 *     lm_walk w = {0};
 *     lm_walk_add(&w, path, &how, err);  ...     // in the order given
 *     lm_walk_finish(&w, err);
 *     for (size_t i = 0; i < w.count; i++) ... w.files[i].path ...
 *     lm_walk_free(&w);
 *
 * What a directory or a pattern gives comes in strcmp order of whole paths, the same on every
 * machine and with or without a '/' at the directory's end. Symbolic links to files are followed;
 * links to directories are not (so there are no loops), names that begin with a dot are passed
 * over, and so is what is neither file nor directory: each is counted. A file that is found again,
 * or under another name, is taken once. */
#ifndef LM_TEXT_WALK_H
#define LM_TEXT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct lm_walk_file {
    char *path; /* "-": standard input */
    uint64_t size;
    uint64_t hash;          /* of its path below the given directory: draws samples */
    uint64_t device, inode; /* the same file is taken once, whatever it is called */
    bool named;             /* given by its path: when it is not text, that is an error */
    bool validation;        /* as lm_walk_how says */
} lm_walk_file;

typedef struct lm_walk {
    lm_walk_file *files;
    size_t count, capacity;
    size_t hidden;   /* names that begin with a dot: files, or directories with all they hold */
    size_t links;    /* symbolic links to directories, or to nothing */
    size_t special;  /* sockets, pipes, devices */
    size_t other;    /* files without one of the extensions */
    size_t repeated; /* found again, or under another name */
} lm_walk;

typedef struct lm_walk_how {
    const char *const *extensions; /* ".h"; only such files of a directory */
    int n_extensions;              /* 0: all files */
    bool validation;               /* for validation; such a file is for nothing else */
} lm_walk_how;

/* path: a file, a directory, "-", or, when there is nothing of that name, a pattern of glob(7).
 * LM_ERR_RUNTIME for what cannot be read, LM_ERR_USAGE for a pattern that matches nothing. */
lm_status lm_walk_add(lm_walk *w, const char *path, const lm_walk_how *how, lm_error *err);
/* Takes out what is repeated. When a file is there for validation and for training, the former
 * stays, else the first. */
lm_status lm_walk_finish(lm_walk *w, lm_error *err);
/* Files in an order drawn by their hashes. */
void lm_walk_shuffle(lm_walk *w);
void lm_walk_free(lm_walk *w); /* zero-initialised or twice is fine */

#endif
