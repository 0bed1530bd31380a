/* JSON: a writer that sees to commas, nesting and escapes, and a reader whose errors name the file,
 * the key, what was expected and what was found. Neither shows cJSON to its users.
 *
 *     lm_json_writer w = {.out = &text};
 *     lm_json_object(&w, NULL, LM_JSON_LINES);
 *     lm_json_number(&w, "loss", 2.5);
 *     lm_json_array(&w, "shape", LM_JSON_LINE);
 *     lm_json_integer(&w, NULL, 3);               // elements of an array have no key: NULL
 *     lm_json_end(&w);
 *     lm_json_end(&w);                            // the text is whole now, without a newline
 *
 *     lm_json_reader r;
 *     status = lm_json_open(&r, "a.json", text, size, err);
 *     if (status != LM_OK) return status;
 *     loss = lm_json_get_number(&r, "loss");
 *     if (lm_json_enter(&r, "shape") > LIMIT) lm_json_wrong(&r, NULL, "at most LIMIT numbers");
 *     while (lm_json_next(&r)) ... lm_json_get_count(&r, NULL, 0, MOST) ...
 *     lm_json_leave(&r);
 *     return lm_json_close(&r);                   // the first error of all these, or LM_OK
 *
 * The writer allocates only when the text must grow; out->failed says that memory ran out. */
#ifndef LM_BASE_JSON_H
#define LM_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

enum { LM_JSON_DEPTH = 12 }; /* the most brackets that may be open, written or read (asserted) */

/* ---- writing ----------------------------------------------------------------------------------*/

/* How the members of an object or the elements of an array are laid out. */
typedef enum lm_json_layout {
    LM_JSON_TIGHT, /* {"a":1,"b":2} */
    LM_JSON_LINE,  /* {"a": 1, "b": 2} */
    LM_JSON_LINES, /* one line per member, indented by two spaces per open bracket */
} lm_json_layout;

typedef struct lm_json_level {
    lm_json_layout layout;
    bool is_array, any; /* any: something was written into it */
} lm_json_level;

/* Zero-initialise all but `out`, to which it appends. */
typedef struct lm_json_writer {
    lm_text *out;
    int depth; /* open brackets */
    lm_json_level levels[LM_JSON_DEPTH];
} lm_json_writer;

/* Open an object or an array; lm_json_end closes the one opened last. key is NULL in an array and
 * for the outermost value, else it is not (asserted); the same holds for all values below. */
void lm_json_object(lm_json_writer *w, const char *key, lm_json_layout layout);
void lm_json_array(lm_json_writer *w, const char *key, lm_json_layout layout);
void lm_json_end(lm_json_writer *w);
/* Begins the JSON Schema (draft 2020-12) of a file that is an object of known keys and may name its
 * schema: the schema and its "properties" are open, where the other keys go. */
void lm_json_schema(lm_json_writer *w, const char *title);
/* Go on in the object that is the whole text of w->out: its last bracket is taken off, which
 * lm_json_end puts back. */
void lm_json_reopen(lm_json_writer *w, lm_json_layout layout);

void lm_json_number(lm_json_writer *w, const char *key, double x); /* null when not finite */
void lm_json_integer(lm_json_writer *w, const char *key, int64_t x);
void lm_json_boolean(lm_json_writer *w, const char *key, bool x);
void lm_json_string(lm_json_writer *w, const char *key, const char *s); /* NULL: null */
void lm_json_digest(lm_json_writer *w, const char *key, uint64_t x);    /* 16 digits in quotes */
/* A value whose text there is already, taken as it is but for white space at its end. */
void lm_json_text(lm_json_writer *w, const char *key, const char *text, size_t length);
/* The members of an object whose text there is already (LM_JSON_LINE); none when it is empty. */
void lm_json_members(lm_json_writer *w, const lm_text *object);

/* ---- reading ----------------------------------------------------------------------------------*/

struct cJSON;

typedef struct lm_json_reader {
    const char *file;   /* what errors begin with: a path, or a path and a member */
    bool damaged;       /* set it after opening for errors that are lm_error_damaged */
    lm_status status;   /* of the first error; after it the getters return 0, NaN, "" */
    lm_error *err;      /* where it is described */
    struct cJSON *root; /* the whole text */
    int depth;          /* arrays entered */
    struct {
        const char *key;            /* of the array in its object */
        const struct cJSON *next;   /* element that lm_json_next goes to */
        const struct cJSON *object; /* present element; at level 0 the root */
        int64_t index;              /* of it; -1: before the first */
    } levels[LM_JSON_DEPTH];
} lm_json_reader;

/* text must be a JSON object. file is kept until lm_json_close; text is not. When opening failed
 * there is nothing to close. */
lm_status lm_json_open(lm_json_reader *r, const char *file, const char *text, size_t size,
                       lm_error *err);
/* Frees what reading took; returns r->status. A second call does nothing but that. */
lm_status lm_json_close(lm_json_reader *r);

bool lm_json_has(const lm_json_reader *r, const char *key); /* false after an error */
/* Getters of the present object's member `key`, or of the present element itself: key NULL. A count
 * is a whole number from low to high; 0 <= low <= high <= 2^53 (asserted). */
int64_t lm_json_get_count(lm_json_reader *r, const char *key, int64_t low, int64_t high);
double lm_json_get_number(lm_json_reader *r, const char *key);   /* a number, or null: NaN */
uint64_t lm_json_get_digest(lm_json_reader *r, const char *key); /* 16 hexadecimal digits */
/* Copies a string that fits size bytes with its NUL; out is "" after an error. */
void lm_json_get_string(lm_json_reader *r, const char *key, char *out, size_t size);
/* The text of an object, malloc'd; NULL after an error. */
char *lm_json_get_object_text(lm_json_reader *r, const char *key);
/* Members that must hold just this. */
void lm_json_expect_string(lm_json_reader *r, const char *key, const char *expected);
void lm_json_expect_count(lm_json_reader *r, const char *key, int64_t expected);
/* An error of the caller's own: "FILE: key "a[2].b": expected WHAT, found ...". */
void lm_json_wrong(lm_json_reader *r, const char *key, const char *expected);

/* Enter the array `key` of the present object: the number of its elements, 0 after an error (leave
 * it all the same). lm_json_next makes the next element the present one; false: there is none, or
 * there was an error. lm_json_leave returns to the object that holds the array. */
int64_t lm_json_enter(lm_json_reader *r, const char *key);
bool lm_json_next(lm_json_reader *r);
void lm_json_leave(lm_json_reader *r);

#endif
