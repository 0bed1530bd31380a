/* The table of config keys: one row a key, from which everything else about it derives. */
#ifndef LM_CONFIG_KEYS_H
#define LM_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

typedef enum lm_key_type {
    LM_KEY_INTEGER, /* int64_t */
    LM_KEY_REAL,    /* double */
    LM_KEY_BOOLEAN, /* bool */
    LM_KEY_TEXT,    /* char *, malloc'd, never NULL after lm_config_defaults */
    LM_KEY_CHOICE,  /* int: index into choice() */
} lm_key_type;

typedef struct lm_key {
    const char *path; /* "section.name"; rows of a section stand together */
    lm_key_type type;
    size_t offset;              /* in lm_config */
    double low, high;           /* of numbers, both allowed */
    bool above_low;             /* low itself is not allowed */
    const char *standard;       /* default: a number, true or false, a choice's name or a text */
    const char *(*choice)(int); /* name of choice i, NULL past the end */
    bool required;
    bool may_change; /* when a run is resumed */
    /* NULL: always. Else: has the key any effect in this config? Given where it has none it is an
     * error that names `depends` and its value, and it is not printed. */
    bool (*applies)(const lm_config *c);
    const char *depends; /* path */
    const char *help;
} lm_key;

extern const lm_key lm_keys[];
extern const int lm_n_keys;

/* What a preset of the model sets (presets.c). */
const char *lm_preset_name(int preset); /* "none", "gpt2", "llama"; NULL past the end */
typedef struct lm_preset_row {
    int preset;
    const char *path, *value; /* as lm_key.standard has it */
} lm_preset_row;
extern const lm_preset_row lm_presets[];
extern const int lm_n_presets;

/* Row of a path, -1 when there is none. */
int lm_key_find(const char *path);
bool lm_key_applies(const lm_key *k, const lm_config *c);

/* The value as JSON. */
void lm_key_print(const lm_key *k, const lm_config *c, lm_text *out);
/* "a number from 0 to 1", "one of: sgd, adam": what the key takes, for errors and help. */
void lm_key_describe(const lm_key *k, lm_text *out);

/* Store a value. Numbers and choices are checked by the caller's lm_key_accepts. */
void lm_key_set_number(const lm_key *k, lm_config *c, double x);
void lm_key_set_boolean(const lm_key *k, lm_config *c, bool x);
bool lm_key_set_text(const lm_key *k, lm_config *c, const char *x); /* false: out of memory */
/* The value from a text like `standard`, which fits the key. */
void lm_key_set_standard(const lm_key *k, lm_config *c, const char *standard);
/* Is x in the key's range, and whole when the key is an integer? */
bool lm_key_accepts_number(const lm_key *k, double x);
/* Index of a choice's name, -1 when there is none. */
int lm_key_choice(const lm_key *k, const char *name);

#endif
