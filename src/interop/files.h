/* The files of an export, which appear together: each is written under a temporary name, and all
 * are renamed at the end.
 *
 *     lm_interop_files f;
 *     lm_interop_files_open(&f, "out", force, err);           // makes the directory
 *     path = lm_interop_files_path(&f, "model.safetensors", err);   // refused if not ours
 *     ... write it under a temporary name ...
 *     lm_interop_files_add(&f, "config.json", &text, err);
 *     lm_interop_files_record(&f, about, err);               // lmtrain.json: now for the names
 *     ... rename model.safetensors ...
 *     lm_interop_files_commit(&f, about, err);
 *     lm_interop_files_close(&f);                             // after an error too
 *
 * lmtrain.json lists the files with the digests of the texts. Files of a directory that it lists,
 * and that nobody changed since, are ours: they are replaced. Others are only by force. */
#ifndef LM_INTEROP_FILES_H
#define LM_INTEROP_FILES_H

#include "base/file.h"
#include "base/text.h"

#define LM_INTEROP_RECORD "lmtrain.json"

typedef struct lm_interop_file {
    char *name;
    lm_file_writer writer; /* of a text; of other files nothing is kept here */
    bool is_text;
    uint64_t digest; /* of a text */
} lm_interop_file;

typedef struct lm_interop_files {
    const char *directory;
    bool force;
    lm_interop_file *list;
    size_t count, capacity;
    lm_interop_file *known; /* those of the record that was there */
    size_t n_known;
} lm_interop_files;

/* directory must outlive f. LM_ERR_USAGE when it is a file. */
lm_status lm_interop_files_open(lm_interop_files *f, const char *directory, bool force,
                                lm_error *err);
/* A file that the caller writes: its path, malloc'd; NULL after an error. LM_ERR_USAGE when there
 * is one of this name that is not ours. */
char *lm_interop_files_path(lm_interop_files *f, const char *name, lm_error *err);
/* A text, written under its temporary name. */
lm_status lm_interop_files_add(lm_interop_files *f, const char *name, const lm_text *text,
                               lm_error *err);
/* Writes the record: the JSON object `about`, and the files added so far beside those of the
 * earlier record, since from here on the files are partly those and partly these. */
lm_status lm_interop_files_record(const lm_interop_files *f, const lm_text *about, lm_error *err);
/* Gives the texts their names, removes files of the earlier record that are ours and not among
 * these, and writes the record of these alone. */
lm_status lm_interop_files_commit(lm_interop_files *f, const lm_text *about, lm_error *err);
void lm_interop_files_close(lm_interop_files *f); /* removes what was not committed */

#endif
