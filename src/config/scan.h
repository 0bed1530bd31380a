/* Where things stand in a JSON text: cJSON reads the values, this walks along and knows the places.
 *
 * The text has its comments blanked (same length, same lines) and has been accepted by cJSON, so
 * that walking needs no error handling of its own. */
#ifndef LM_CONFIG_SCAN_H
#define LM_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrite comments (two slashes to the end of the line, slash-star to star-slash) with spaces; a
 * byte order mark too. Strings are left alone. false and *at when a comment does not end. */
bool lm_scan_blank_comments(char *text, size_t size, size_t *at);
/* First byte that is not UTF-8, is NUL, or is a control character inside a string, or where a string
 * has an escaped NUL; size when there is none. */
size_t lm_scan_bad_byte(const char *text, size_t size);

/* 1-based line and column (in bytes) of an offset. */
void lm_scan_position(const char *text, size_t at, int *line, int *column);

/* Offsets behind what stands at `at`: blanks and separators (, and :), or one value. */
size_t lm_scan_skip_blanks(const char *text, size_t at);
size_t lm_scan_skip_value(const char *text, size_t at);
/* Is text[at..end) a number by the JSON grammar? */
bool lm_scan_is_number(const char *text, size_t at, size_t end);

/* cJSON gave up at `at`: where the mistake really is, and what it is, to be put behind "syntax
 * error". */
size_t lm_scan_blame(const char *text, size_t size, size_t at, char *why, size_t why_size);

#endif
