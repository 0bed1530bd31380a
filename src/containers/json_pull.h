/* A reader of large JSON texts, value by value: nothing is kept but the value at hand, and memory
 * is bounded by its longest string. For files of others (tokenizer.json, JSON lines); what lmtrain
 * wrote itself, which is small, base/json.h reads.
 *
 *     lm_json_pull p;
 *     lm_json_pull_begin(&p, "tokenizer.json", text, size, err);
 *     lm_json_pull_object(&p);                           // the value must be an object
 *     while (lm_json_pull_member(&p)) {                  // p.string: its key
 *         if (lm_json_pull_is(&p, "vocab")) {
 *             lm_json_pull_object(&p);
 *             while (lm_json_pull_member(&p)) { copy p.string; id = lm_json_pull_count(&p, most); }
 *         } else {
 *             lm_json_pull_skip(&p);                     // just one of the calls that take a value
 *         }
 *     }
 *     return lm_json_pull_end(&p);                       // the first error of all these, or LM_OK
 *
 * The text is checked as it is read: grammar, UTF-8, escapes, depth. The first error is kept, names
 * file, line and column, and ends every loop. lm_json_pull_end frees; it must be called. */
#ifndef LM_CONTAINERS_JSON_PULL_H
#define LM_CONTAINERS_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

enum {
    LM_JSON_PULL_DEPTH = 64, /* open brackets */
    LM_JSON_PULL_WHAT = 512  /* bytes of a message */
};

typedef enum lm_json_kind {
    LM_JSON_NOTHING, /* after an error, or at the end of the text */
    LM_JSON_OBJECT,
    LM_JSON_ARRAY,
    LM_JSON_STRING,
    LM_JSON_NUMBER,
    LM_JSON_TRUE,
    LM_JSON_FALSE,
    LM_JSON_NULL
} lm_json_kind;

typedef struct lm_json_pull {
    const char *file, *text;
    size_t size, at;
    size_t lines_before; /* set it after begin where text is a part of the file */
    lm_text string;      /* the key or string taken last, without escapes; may hold 0x00 */
    size_t string_at;    /* where its opening quote stands */
    int depth;
    bool is_array[LM_JSON_PULL_DEPTH];
    bool any[LM_JSON_PULL_DEPTH]; /* a member or element was taken already */
    lm_status status;
    lm_error *err;
    char
        what[LM_JSON_PULL_WHAT]; /* what was wrong, without the file and the place, which is `at` */
} lm_json_pull;

/* file and text must outlive the reader. */
void lm_json_pull_begin(lm_json_pull *p, const char *file, const char *text, size_t size,
                        lm_error *err);
/* Only white space may follow the outermost value. Frees; returns the first error, or LM_OK. */
lm_status lm_json_pull_end(lm_json_pull *p);

/* What kind of value comes next; takes nothing. */
lm_json_kind lm_json_pull_peek(lm_json_pull *p);

/* Take the next value, which must be of the kind. */
void lm_json_pull_object(lm_json_pull *p);
void lm_json_pull_array(lm_json_pull *p);
bool lm_json_pull_boolean(lm_json_pull *p);
double lm_json_pull_number(lm_json_pull *p);
int64_t lm_json_pull_count(lm_json_pull *p, int64_t most); /* a whole number in [0, most] */
void lm_json_pull_string(lm_json_pull *p);                 /* into p->string */
void lm_json_pull_null(lm_json_pull *p);
/* Whatever it is; brackets with all they hold. */
void lm_json_pull_skip(lm_json_pull *p);
/* null is taken and true returned; anything else is left. */
bool lm_json_pull_if_null(lm_json_pull *p);

/* In an object: the next member's key goes to p->string; false: the object is over, its bracket
 * taken. */
bool lm_json_pull_member(lm_json_pull *p);
/* In an array: is there another element, to be taken next? false: it is over, its bracket taken. */
bool lm_json_pull_element(lm_json_pull *p);

/* Is p->string just this? */
bool lm_json_pull_is(const lm_json_pull *p, const char *s);

/* An error of the caller's own at the present place: "FILE:LINE:COLUMN: ...". */
void lm_json_pull_wrong(lm_json_pull *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Memory ran out. */
void lm_json_pull_no_memory(lm_json_pull *p);

#endif
