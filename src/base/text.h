/* A growable, always NUL-terminated text, and small helpers on names.
 *
 *     lm_text t = {0};
 *     lm_text_printf(&t, "%d tokens", n);
 *     puts(lm_text_cstr(&t));
 *     lm_text_free(&t);
 *
 * When memory runs out the text stops growing and t.failed is set: check once, at the end. */
#ifndef LM_BASE_TEXT_H
#define LM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lm_text {
    char *data; /* NULL while empty */
    size_t length, capacity;
    bool failed;
} lm_text;

/* Room for n more bytes, so that appending them allocates nothing. */
void lm_text_reserve(lm_text *t, size_t n);
void lm_text_append(lm_text *t, const void *bytes, size_t n);
void lm_text_printf(lm_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For people: paths, names and whatever else comes from outside are quoted (message.h). */
void lm_text_say(lm_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *lm_text_cstr(const lm_text *t); /* "" while empty; owned by t */
void lm_text_free(lm_text *t);

/* Bytes of the well-formed UTF-8 sequence at text (Unicode 15, table 3-7), of which size > 0 bytes
 * may be read; 0 when there is none. */
size_t lm_text_utf8_length(const char *text, size_t size);

/* Append s as a JSON string with quotes and escapes; bytes that are not valid UTF-8 become U+FFFD.
 */
void lm_text_json_string(lm_text *t, const char *s);
/* Append the decimal of fewest digits that reads back to the same double, whole numbers below 1e15
 * without an exponent (100, not 1e+02), -0 as 0; null when not finite. */
void lm_text_json_number(lm_text *t, double x);

bool lm_text_ends_with(const char *text, const char *end);

/* Appends "a, b, c": name(0), name(1), ... until name returns NULL. */
void lm_text_list(lm_text *t, const char *(*name)(int i));

/* The candidate nearest to word by Damerau-Levenshtein distance, or NULL when none is near enough
 * to be a likely typo (distance at most 1 + length/4). candidate(i, context) returns NULL past the
 * end. */
const char *lm_text_nearest(const char *word, const char *(*candidate)(int i, const void *context),
                            const void *context);

/* What follows an error about an unknown name: "; did you mean \"NAME\"?", or "" when name (as
 * lm_text_nearest or a relative finds it) is NULL. Overwrites out, returns it. */
#define LM_TEXT_SUGGESTION_SIZE 160
const char *lm_text_did_you_mean(char out[LM_TEXT_SUGGESTION_SIZE], const char *name);

/* "1.5 GiB", "912 B"; "12.3 M", "50.3 k": for people. Writes at most size bytes, returns out. */
const char *lm_text_bytes(char *out, size_t size, double bytes);
const char *lm_text_count(char *out, size_t size, double count);

#endif
