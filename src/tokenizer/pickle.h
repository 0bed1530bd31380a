/* Inside the room: a reader of the pickles that nanoGPT's meta.pkl are (Python's pickle protocols 2
 * to 5): dictionaries of numbers, strings and dictionaries, and nothing else. No code of a pickle
 * is run; an instruction that builds anything else is refused by name. */
#ifndef LM_TOKENIZER_PICKLE_H
#define LM_TOKENIZER_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum lm_pickle_kind {
    LM_PICKLE_MARK,
    LM_PICKLE_NUMBER,
    LM_PICKLE_STRING,
    LM_PICKLE_DICTIONARY,
} lm_pickle_kind;

typedef struct lm_pickle_value {
    lm_pickle_kind kind;
    int64_t number;   /* or the dictionary's */
    const char *text; /* of a string, in the pickle: size bytes of UTF-8 */
    size_t size;
} lm_pickle_value;

typedef struct lm_pickle_entry {
    int64_t dictionary; /* whose it is */
    lm_pickle_value key, value;
} lm_pickle_entry;

/* Zero-initialise. */
typedef struct lm_pickle {
    lm_pickle_value *stack, *memo;
    size_t n_stack, stack_capacity, n_memo, memo_capacity;
    lm_pickle_entry *entries; /* of all dictionaries, in the order in which they were set */
    size_t n_entries, entries_capacity;
    int64_t n_dictionaries;
    lm_pickle_value top; /* the value that the pickle is */
} lm_pickle;

/* Is it a pickle of one of these protocols, perhaps? */
bool lm_pickle_probe(const char *data, size_t size);
/* `file` names it in errors, which give the byte where it went wrong. data must outlive p. */
lm_status lm_pickle_read(lm_pickle *p, const char *file, const char *data, size_t size,
                         lm_error *err);
void lm_pickle_free(lm_pickle *p); /* zero-initialised or twice is fine */

/* The value that a dictionary has for a key; NULL: none. */
const lm_pickle_value *lm_pickle_find(const lm_pickle *p, const lm_pickle_value *dictionary,
                                      const char *key);

#endif
