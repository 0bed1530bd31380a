/* The text in a JSON line. */
#ifndef LM_TEXT_JSON_LINE_H
#define LM_TEXT_JSON_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

typedef enum lm_json_line_kind {
    LM_JSON_LINE_BLANK, /* nothing but white space */
    LM_JSON_LINE_NULL,  /* the field is null */
    LM_JSON_LINE_TEXT,
} lm_json_line_kind;

/* line: size bytes, an object, without its line end; number: of the line in its file, for errors.
 * *text is overwritten with the string at `field`: "a.b" is the member "a.b", else the member "b"
 * of the member "a"; of members that occur twice the last counts. A line that is not JSON, lacks
 * the field or has something else there is an error with file, line and column. */
lm_status lm_json_line_text(const char *file, int64_t number, const char *line, size_t size,
                            const char *field, lm_text *text, lm_json_line_kind *kind,
                            lm_error *err);

#endif
