/* Reading a sweep file: all that is wrong with it, each with its place. */
#ifndef LM_SWEEP_READING_H
#define LM_SWEEP_READING_H

#include "base/error.h"
#include "containers/json_tree.h"

typedef struct lm_reading {
    const char *name; /* of the file */
    const char *text; /* comments blanked */
    lm_text problems; /* lines */
    int untold;       /* problems for which there was no room */
    bool no_memory;
} lm_reading;

/* Adds a line "NAME:LINE:COLUMN: ..." for byte `at`. */
void lm_reading_problem(lm_reading *r, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "PATH: expected WHAT, found ...": the value of a node, cut short. */
void lm_reading_wrong(lm_reading *r, const lm_json_node *node, const char *path, const char *what);
/* The problems as one error, LM_OK when there are none; frees them. */
lm_status lm_reading_end(lm_reading *r, lm_error *err);

#endif
