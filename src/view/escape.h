/* Text from outside in a page: it is shown as it is, and can neither end an element nor begin one.
 * Control characters, bytes that are not UTF-8 and characters that turn the direction of a line are
 * shown as escapes, as in messages (base/message.h). Inside the room. */
#ifndef LM_VIEW_ESCAPE_H
#define LM_VIEW_ESCAPE_H

#include "base/json.h"
#include "base/text.h"

/* Into an element or an attribute in double quotes. */
void lm_html_text(lm_text *out, const char *text);
/* The first n bytes of it. */
void lm_html_part(lm_text *out, const char *text, size_t n);
/* The same; newlines and tabs stay. */
void lm_html_lines(lm_text *out, const char *text);
/* A string of JSON, quoted, inside an element script: '<' is an escape. */
void lm_html_json(lm_text *out, const char *text);

#endif
