/* The text of a config: its comments, places in it, and what a mistake may come from. */
#ifndef LM_CONFIG_SCAN_H
#define LM_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites comments (two slashes to the end of the line, slash-star to star-slash) and a byte
 * order mark with spaces; strings stay. false: *at is where a comment begins that never ends. */
bool lm_scan_blank_comments(char *text, size_t size, size_t *at);

/* From the 1-based line and column (in bytes) of offset `from` to those of offset `to`. */
void lm_scan_advance(const char *text, size_t from, size_t to, int *line, int *column);

/* Reading stopped at `at`: what people often get wrong there, to follow a message, or "". */
const char *lm_scan_hint(const char *text, size_t size, size_t at);

#endif
