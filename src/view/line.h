/* One line of metrics.jsonl, taken apart: its figures by their names, its text when it is a sample,
 * and what happened when it is an event.
 * Inside the room.
 *
 *     lm_line line = {0};
 *     if (lm_line_read(&line, text, length)) ... line.step, lm_line_name(&line, i),
 *                                                line.values[i].value ...
 *     lm_line_free(&line);                        // one for all lines */
#ifndef LM_VIEW_LINE_H
#define LM_VIEW_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

typedef struct lm_line_value {
    size_t name;  /* where it begins in names */
    double value; /* NaN: null, which stands for what is not finite */
} lm_line_value;

typedef struct lm_line {
    int64_t step;
    double tokens, seconds; /* NaN: the line does not say it */
    lm_line_value *values;  /* [n_values]; without step, tokens, seconds and counts of tokens */
    int64_t n_values, capacity;
    lm_text names;          /* "loss", "phases.gemm": members of objects with the path to them */
    lm_text sample, prompt; /* of a sample */
    lm_text event, why;     /* of a step that was not taken: "skip" or "rewind" */
    bool has_sample, has_event;
    bool failed; /* memory ran out */
} lm_line;

/* false: it is not an object of JSON with a step, or memory ran out. Overwrites *line. */
bool lm_line_read(lm_line *line, const char *text, size_t length);
const char *lm_line_name(const lm_line *line, int64_t i);
void lm_line_free(lm_line *line);

#endif
