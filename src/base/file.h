/* Files: read whole or at offsets, map read-only, replace atomically, list in an order that is the
 * same on every machine.
 *
 * Replacing:  lm_file_writer w;  open(&w, "runs/a/config.json") -> write... -> commit.
 * The data goes to "<path>.tmp", is fsynced, renamed over path, and the directory is fsynced; until
 * commit returns LM_OK the old file is untouched. abort (or a failed commit) removes the temporary.
 * Every error names the path and the system's reason. */
#ifndef LM_BASE_FILE_H
#define LM_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Append the whole file to *out; refuses files above limit bytes (name what was expected). */
lm_status lm_file_read(const char *path, size_t limit, lm_text *out, lm_error *err);

typedef struct lm_mapping {
    const unsigned char *data; /* NULL when the file is empty */
    size_t size;               /* bytes */
} lm_mapping;
lm_status lm_file_map(lm_mapping *map, const char *path, lm_error *err);
void lm_file_unmap(lm_mapping *map); /* zero-initialised or twice is fine */

/* A regular file that any number of threads read at offsets. A read that fails and a file that was
 * cut off meanwhile are errors (in a mapping they would be signals). These errors are `damaged`,
 * and so is anything that is not a regular file. */
typedef struct lm_file_reader {
    int fd;
    uint64_t size; /* bytes, when it was opened */
    char *path;    /* NULL when closed */
} lm_file_reader;
lm_status lm_file_reader_open(lm_file_reader *r, const char *path, lm_error *err);
/* All of [offset, offset + size) or an error. */
lm_status lm_file_reader_at(const lm_file_reader *r, uint64_t offset, void *data, size_t size,
                            lm_error *err);
/* Begins to read [offset, offset + size) from the disk and does not wait for it: lm_file_reader_at
 * soon asks for it. What is beyond the end does not matter. */
void lm_file_reader_expect(const lm_file_reader *r, uint64_t offset, uint64_t size);
void lm_file_reader_close(lm_file_reader *r); /* zero-initialised or twice is fine */

typedef struct lm_file_writer {
    int fd;          /* of the temporary file; -1 when closed */
    uint64_t offset; /* bytes written so far */
    char *path, *temporary;
} lm_file_writer;
lm_status lm_file_writer_open(lm_file_writer *w, const char *path, lm_error *err);
lm_status lm_file_writer_write(lm_file_writer *w, const void *data, size_t size, lm_error *err);
/* At an offset of the file, which may be beyond what is written so far; does not move `offset`.
 * Different threads may write disjoint ranges at once. */
lm_status lm_file_writer_write_at(const lm_file_writer *w, uint64_t offset, const void *data,
                                  size_t size, lm_error *err);
lm_status lm_file_writer_commit(lm_file_writer *w, lm_error *err);
void lm_file_writer_abort(lm_file_writer *w); /* after commit or twice: does nothing */

/* For work that goes on after the process was killed. sync: what was written so far survives.
 * leave: closes, and the temporary file stays; after commit or twice it does nothing. resume, in
 * place of open: goes on behind the first `size` bytes of a temporary file that stayed, or of
 * `path` when it was committed since; `damaged` when there is no such file or it is shorter. */
lm_status lm_file_writer_sync(const lm_file_writer *w, lm_error *err);
void lm_file_writer_leave(lm_file_writer *w);
lm_status lm_file_writer_resume(lm_file_writer *w, const char *path, uint64_t size, lm_error *err);

/* For a file that several processes write, in place of open. open_as: the temporary file has this
 * name (lm_file_temporary), which no file has yet. share: syncs it, and drops what this process's
 * host has in memory of it, so that later writes touch no other bytes, also on a network
 * filesystem. join, in another process: the temporary file that one has opened, until
 * lm_file_writer_leave; where it is not seen, which on a network filesystem may last a moment,
 * *seen is false and that is an error after two seconds. */
lm_status lm_file_writer_open_as(lm_file_writer *w, const char *path, const char *temporary,
                                 lm_error *err);
lm_status lm_file_writer_share(const lm_file_writer *w, lm_error *err);
lm_status lm_file_writer_join(lm_file_writer *w, const char *temporary, bool *seen, lm_error *err);

/* open, write, commit in one call. */
lm_status lm_file_replace(const char *path, const void *data, size_t size, lm_error *err);
/* The same without fsync: other processes see the old file or the new one, also when this process
 * is killed, but after a power failure the file may be empty. lm_file_sync makes up for it. */
lm_status lm_file_replace_unsynced(const char *path, const void *data, size_t size, lm_error *err);
/* Syncs a file that is there; for its name, its directory is to be synced too. */
lm_status lm_file_sync(const char *path, lm_error *err);

/* Make the directory and its missing parents; fine when it is there. */
lm_status lm_file_make_directory(const char *path, lm_error *err);
/* The same without syncing the directories that the new ones are in; *made: how many are new. */
lm_status lm_file_make_directory_unsynced(const char *path, int *made, lm_error *err);
bool lm_file_exists(const char *path);
bool lm_file_is_directory(const char *path);
/* Behind symbolic links. A device, a pipe or a socket is neither this nor a directory. */
bool lm_file_is_regular(const char *path);
uint64_t lm_file_size(const char *path);         /* bytes; 0 when it is not there */
bool lm_file_same(const char *a, const char *b); /* both are there and one and the same */
lm_status lm_file_remove(const char *path, lm_error *err);
lm_status lm_file_sync_directory(const char *path, lm_error *err);
lm_status lm_file_sync_parent(const char *path, lm_error *err); /* the directory that path is in */
/* The `levels` directories above path, from the inside out. */
lm_status lm_file_sync_parents(const char *path, int levels, lm_error *err);

/* Names (not paths) in a directory, without "." and "..", in strcmp order. */
typedef struct lm_file_list {
    char **names;
    size_t count;
} lm_file_list;
lm_status lm_file_list_directory(lm_file_list *list, const char *path, lm_error *err);
void lm_file_list_free(lm_file_list *list);

/* *out, malloc'd: the path, in which "~" or "~/" at its head has become $HOME, or where that is
 * unset the user's home directory. LM_ERR_USAGE for "~user"; "./~" names what begins with ~. */
lm_status lm_file_expand_home(const char *path, char **out, lm_error *err);

/* Can something be written to the descriptor now, or within so many milliseconds, without waiting
 * for a reader? A page fits into a pipe then. */
bool lm_file_can_write(int fd, int milliseconds);

/* malloc'd "directory/name"; NULL when memory runs out. */
char *lm_file_join(const char *directory, const char *name);
/* malloc'd path whose end `from`, where it has it, is replaced by `to`, which else is appended:
 * x.json beside x.bin. NULL when memory runs out. */
char *lm_file_beside(const char *path, const char *from, const char *to);
/* malloc'd "path.PID-TIME.tmp": a name that no other process has, here or on another machine, for
 * files that several may write at once and rename. NULL when memory runs out. */
char *lm_file_temporary(const char *path);

#endif
