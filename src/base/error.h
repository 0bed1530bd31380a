/* One error, owned by the caller, filled by whoever fails.
 *
 *     lm_error err = {0};
 *     if (lm_thing_open(&thing, path, &err) != LM_OK) goto out; // err is filled
 *     ...
 *     return lm_error_set(err, LM_ERR_RUNTIME, "%s: expected %d tokens, found %d", path,
 *                         want, got);
 *
 * A status is also the process's exit code; only main.c exits. `err` is never NULL.
 * Messages name the file, the place, what was expected and what was found; no trailing newline.
 * Their formats are those of message.h: control characters in a %s become escapes; another message
 * or a list of lines is printed by %-s, which keeps its newlines.
 * Outside input gets errors; our own mistakes get LM_ASSERT, which stays on in release builds. */
#ifndef LM_BASE_ERROR_H
#define LM_BASE_ERROR_H

#include <stdbool.h>

typedef enum lm_status {
    LM_OK = 0,              /* done */
    LM_ERR_RUNTIME = 1,     /* I/O, memory, damaged file */
    LM_ERR_USAGE = 2,       /* command line or config */
    LM_ERR_DIVERGED = 3,    /* loss or gradients stopped being finite */
    LM_ERR_INTERRUPTED = 4, /* stopped by a signal; training after a checkpoint was written */
} lm_status;

/* The exit code of a run that failed because the disk is full, where it was asked not to wait. */
enum { LM_EXIT_NO_ROOM = 5 };

typedef struct lm_error {
    lm_status code;
    int exit_code; /* the process's exit code where it is not `code`; 0: it is */
    bool damaged;  /* the file's contents are wrong: reading it again cannot help */
    bool no_room;  /* the disk or the user's quota is full: once files are deleted it may work */
    bool shared;   /* of several processes: all have this error (comm/comm.h) */
    char message[4096]; /* may hold several lines; truncated with "..." when longer */
} lm_error;

/* Overwrite *err with code and the formatted message; returns code, so that
 * `return lm_error_set(...)` reads as one statement. lm_error_damaged is LM_ERR_RUNTIME and sets
 * `damaged`. All other members become 0; prefix and append keep them. */
lm_status lm_error_set(lm_error *err, lm_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
lm_status lm_error_damaged(lm_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* LM_ERR_RUNTIME, "PATH: cannot VERB: REASON", after a system call that failed: errno is the reason
 * and decides whether it is `no_room`. */
lm_status lm_error_call(lm_error *err, const char *path, const char *verb);

/* LM_ERR_RUNTIME, "WHAT: out of memory" (what may be NULL: "out of memory"). */
lm_status lm_error_no_memory(lm_error *err, const char *what);

/* Put "prefix: " in front of the message already there; returns err->code. */
lm_status lm_error_prefix(lm_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Put the text behind the message already there; returns err->code. */
lm_status lm_error_append(lm_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The message of an errno value, for use as an argument of lm_error_set. Thread-safe. */
const char *lm_error_errno(int errnum);

/* Report a broken invariant of our own on stderr and abort. */
_Noreturn void lm_assert_failed(const char *expression, const char *file, int line);
#define LM_ASSERT(condition) \
    ((condition) ? (void)0 : lm_assert_failed(#condition, __FILE__, __LINE__))

#endif
