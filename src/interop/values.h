/* A small JSON file of another program as a flat list of values by their paths:
 * "rope_scaling.type", "architectures.0". What is null counts as absent for all getters, as it
 * does in the programs that wrote it, but where they have a default of their own.
 *
 *     lm_interop_values v;
 *     lm_interop_values_read(&v, "m/config.json", err);
 *     layers = lm_interop_value_count(&v, "num_hidden_layers", 1, 1000);
 *     if (v.status != LM_OK) ...                   // the first error of the getters
 *     lm_interop_values_free(&v); */
#ifndef LM_INTEROP_VALUES_H
#define LM_INTEROP_VALUES_H

#include "base/text.h"
#include "containers/json_pull.h"

typedef struct lm_interop_value {
    size_t path, text; /* in texts, with a NUL behind each */
    lm_json_kind kind;
    double number;
} lm_interop_value;

typedef struct lm_interop_values {
    char *file;
    lm_interop_value *list;
    size_t count, capacity;
    lm_text texts;
    lm_status status; /* of the first getter that failed; after it they return 0, false, NULL */
    lm_error *err;
} lm_interop_values;

enum { LM_INTEROP_VALUES_MOST = 32 << 20 /* bytes of the file */ };

/* The file must hold an object, with no key twice. After an error there is nothing to free. */
lm_status lm_interop_values_read(lm_interop_values *v, const char *file, lm_error *err);
/* The same of a text. */
lm_status lm_interop_values_parse(lm_interop_values *v, const char *file, const char *text,
                                  size_t size, lm_error *err);
void lm_interop_values_free(lm_interop_values *v); /* zero-initialised or twice is fine */

bool lm_interop_has_value(const lm_interop_values *v, const char *path);
/* Does it stand there as null, as what means something else by default? */
bool lm_interop_value_is_null(const lm_interop_values *v, const char *path);
/* Getters: what is missing or of another kind is an error. */
int64_t lm_interop_value_count(lm_interop_values *v, const char *path, int64_t low, int64_t high);
double lm_interop_value_number(lm_interop_values *v, const char *path);
const char *lm_interop_value_string(lm_interop_values *v, const char *path);
/* The same, with a value for what is missing. */
int64_t lm_interop_value_count_or(lm_interop_values *v, const char *path, int64_t low, int64_t high,
                                  int64_t otherwise);
double lm_interop_value_number_or(lm_interop_values *v, const char *path, double otherwise);
bool lm_interop_value_boolean_or(lm_interop_values *v, const char *path, bool otherwise);
const char *lm_interop_value_string_or(lm_interop_values *v, const char *path,
                                       const char *otherwise);
/* An error of the caller's own, LM_ERR_USAGE: "FILE: key PATH: expected WHAT, found ...". */
void lm_interop_value_wrong(lm_interop_values *v, const char *path, const char *expected);

#endif
