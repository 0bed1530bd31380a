/* Places in a JSON text: cJSON reads the values but does not say where they are; this finds them.
 *
 * The text has its comments blanked (same length, same lines) and has been accepted by cJSON, so
 * that walking needs no error handling of its own. */
#ifndef LM_CONFIG_SCAN_H
#define LM_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites comments (two slashes to the end of the line, slash-star to star-slash) and a byte
 * order mark with spaces; strings stay. false: *at is where a comment begins that never ends. */
bool lm_scan_blank_comments(char *text, size_t size, size_t *at);
/* Offset of the first byte that is not UTF-8, is NUL, is a control character inside a string, or
 * begins an escaped NUL inside a string; size when there is none. */
size_t lm_scan_bad_byte(const char *text, size_t size);

/* From the 1-based line and column (in bytes) of offset `from` to those of offset `to`. */
void lm_scan_advance(const char *text, size_t from, size_t to, int *line, int *column);

/* The offset after what begins at `at`: blanks and separators (, and :), or one value. */
size_t lm_scan_skip_blanks(const char *text, size_t at);
size_t lm_scan_skip_value(const char *text, size_t at);
/* Is text[at..end) a number by the JSON grammar? */
bool lm_scan_is_number(const char *text, size_t at, size_t end);

/* cJSON gave up at `at`: returns where the mistake really is. Writes what it is into `why`, to
 * follow the words "syntax error". */
size_t lm_scan_blame(const char *text, size_t size, size_t at, char *why, size_t why_size);

#endif
