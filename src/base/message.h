/* Text for people and logs, formatted so that nothing from outside can write lines or escape
 * sequences of its own into it.
 *
 * The format is printf's, and what it says itself is taken as it is. Of arguments (%s, %c), these
 * are shown as escapes: control characters (C0, DEL, C1; "\n", "\t", "\x1b", "\u009b"), bytes that
 * are not UTF-8 ("\xff"), and the characters that begin a line or turn its direction (U+2028,
 * U+202E and their like). "%-s" and "%-.*s", '-' without a width, are for arguments that are such
 * texts already and may hold several lines: their newlines and tabs stay, all else is escaped as
 * above.
 *
 *     lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot open", path);    // path: "a\nb" -> a\nb
 *     lm_error_set(err, LM_ERR_USAGE, "%-s", lm_text_cstr(&lines));  // our own lines
 *
 * lm_error_set and its relatives (error.h), lm_text_say (text.h) and the notes of the progress line
 * all pass through here; so does what a command prints to a stream itself. */
#ifndef LM_BASE_MESSAGE_H
#define LM_BASE_MESSAGE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* Takes the next n bytes of the text. */
typedef void lm_message_sink(void *to, const char *bytes, size_t n);

/* Knows what -Wformat accepts, but for %n and %ls. Allocates nothing. */
void lm_message_format(lm_message_sink *sink, void *to, const char *format, va_list arguments);

/* The same to a stream, such as stderr. */
void lm_message_write(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same into out, size > 3 bytes with the NUL: truncated with "..." when longer. */
void lm_message_print(char *out, size_t size, const char *format, va_list arguments);

#endif
