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
/* "NAME:LINE:COLUMN" of byte `at`. */
enum { LM_READING_PLACE = 320 };
void lm_reading_place(const lm_reading *r, size_t at, char place[LM_READING_PLACE]);
/* Adds lines that name their places. */
void lm_reading_lines(lm_reading *r, const char *lines);
/* "PATH: expected WHAT, found ...": the value of a node, cut short. */
void lm_reading_wrong(lm_reading *r, const lm_json_node *node, const char *path, const char *what);
/* The problems as one error, LM_OK when there are none; frees them. */
lm_status lm_reading_end(lm_reading *r, lm_error *err);

#endif
