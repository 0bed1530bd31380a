/* The table of config keys: one row per key, from which everything else about the key derives.
 *
 * The table is cut by section: keys/NAME.c holds the rows of a section, keys/rows.h lists the
 * sections and says how rows are written. Keys are numbered through all sections:
 *
 *     for (int key = 0; key < lm_key_count(); key++) ... lm_key_at(key)->path ... */
#ifndef LM_CONFIG_KEYS_H
#define LM_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "config/config.h"
#include "containers/json_tree.h"

typedef enum lm_key_type {
    LM_KEY_INTEGER,  /* int64_t */
    LM_KEY_REAL,     /* double */
    LM_KEY_BOOLEAN,  /* bool */
    LM_KEY_STRING,   /* char *, malloc'd, never NULL once the config has been parsed */
    LM_KEY_CHOICE,   /* int: index into choice() */
    LM_KEY_SOURCES,  /* lm_data_sources: a path, or several */
    LM_KEY_GROUPS,   /* lm_group_list: an object of objects */
    LM_KEY_SCHEDULE, /* lm_schedule: an object, or the name of its shape; absent by default */
    LM_KEY_LENGTH,   /* lm_length, in steps, tokens or a share of the run: a number or a string */
    LM_KEY_NUMBERS,  /* lm_number_list: a list of numbers in the range, or one */
    LM_KEY_TABLES    /* lm_ngram_tables: a list of objects */
} lm_key_type;

typedef struct lm_key {
    const char *path; /* "section.name" */
    lm_key_type type;
    size_t offset;              /* in lm_config */
    double low, high;           /* of numbers, and those of a list; both allowed */
    bool above_low;             /* low itself is not allowed */
    const char *default_value;  /* a literal: see lm_key_set_literal */
    const char *legacy;         /* what checkpoints mean that lack the key, which are older than it;
                                   NULL: default_value. Set it when a default changes. */
    bool is_path;               /* of a string: "~/" at its head is expanded */
    bool weighted;              /* of sources: a mixture by weights; else sets by name */
    lm_schedule_scale scale;    /* of a schedule, whose values are in the range */
    bool whole;                 /* of a schedule: its values are whole numbers */
    const char *(*choice)(int); /* name of choice i, NULL past the end */
    bool required;
    bool may_change; /* when a run is resumed */
    bool neutral;    /* never changes a bit of the result */
    bool may_differ; /* of the model: from that of the weights that a run begins with */
    bool meant;      /* likewise, but not from that of imported ones: how weights are meant */
    bool in_groups;  /* a group of parameters may have a value of its own */
    bool is_data;    /* the path of a corpus, whose digest tells whether the result is the same */
    /* Has the key any effect in this config? NULL: always. A key without effect is not printed; it
     * is an error to give it, and the message names the keys that decide it and their values. */
    bool (*applies)(const lm_config *c);
    const char *depends, *depends_too; /* paths of those keys; the second may be NULL */
    const char *trials; /* values of a number, or lists of numbers or tables without blanks,
                           separated by spaces: see lm_key_trial */
    const char *help;
} lm_key;

typedef struct lm_section {
    const char *name;
    const lm_key *keys;
    int n_keys;
} lm_section;

/* Section i, in the order in which they are printed; NULL past the end. */
const lm_section *lm_section_at(int i);
int lm_section_count(void);
/* NULL when there is no section of this name. */
const lm_section *lm_section_find(const char *name);

int lm_key_count(void);            /* keys of all sections */
const lm_key *lm_key_at(int key);  /* 0 <= key < lm_key_count() */
int lm_key_find(const char *path); /* -1 when there is none */
/* Is its value an object whose members have paths of their own? */
bool lm_key_has_parts(const lm_key *k);
/* The key of whose value `path` names a part ("optimizer.groups.embed.lr"), -1 when there is none;
 * *below: the rest of the path, behind the key's dot. */
int lm_key_find_above(const char *path, const char **below);
/* "name" of "section.name". */
const char *lm_key_name(const lm_key *k);
bool lm_key_applies(const lm_key *k, const lm_config *c);
/* Is there no value of it to print? A schedule that is not given. */
bool lm_key_is_absent(const lm_key *k, const lm_config *c);
/* The literal that a checkpoint means which lacks the key. */
const char *lm_key_legacy(const lm_key *k);

/* What a preset of the model sets (presets.c). */
const char *lm_preset_name(int preset); /* "none", "gpt2", "llama"; NULL past the end */
typedef struct lm_preset_row {
    int preset;
    const char *path, *value; /* a literal */
} lm_preset_row;
extern const lm_preset_row lm_presets[];
extern const int lm_n_presets;

/* Defaults that belong to an optimizer.name (presets.c). */
typedef struct lm_optimizer_default {
    const char *optimizer, *path, *value; /* a literal */
} lm_optimizer_default;
extern const lm_optimizer_default lm_optimizer_defaults[];
extern const int lm_n_optimizer_defaults;

/* The value as JSON: as a member or element `name` of what w writes, or alone. */
void lm_key_write(const lm_key *k, const lm_config *c, lm_json_writer *w, const char *name);
void lm_key_print(const lm_key *k, const lm_config *c, lm_text *out);
/* "a number from 0 to 1", "one of: sgd, adam": what the key takes, for errors and help. */
void lm_key_describe(const lm_key *k, lm_text *out);

/* Store a value of the key's type, which the caller has checked. */
void lm_key_set_number(const lm_key *k, lm_config *c, double x); /* also the index of a choice */
void lm_key_set_boolean(const lm_key *k, lm_config *c, bool x);
/* A string, or the path of the only source, none when it is empty; false: out of memory. */
bool lm_key_set_string(const lm_key *k, lm_config *c, const char *x);
void lm_key_set_sources(const lm_key *k, lm_config *c, lm_data_sources x); /* it is k's from here */
/* The same from JSON, of numbers, booleans, choices, lengths and lists of numbers; false: it is
 * none that the key takes. */
bool lm_key_take(const lm_key *k, lm_config *c, const lm_json_node *value);
/* Takes the value from another config; not for strings and sources (asserted). */
void lm_key_copy(const lm_key *k, const lm_config *from, lm_config *to);
/* The same from a literal of the table: a number, true or false, a choice's name, a string, a
 * length; a list of numbers. */
bool lm_key_set_literal(const lm_key *k, lm_config *c, const char *literal);
bool lm_key_takes_string(const lm_key *k); /* as JSON: text that is no choice */
/* Is the value an empty string, or no source? False for other types. */
bool lm_key_is_empty(const lm_key *k, const lm_config *c);

/* Literal i of those that tests and bench try: every choice; false and true; the default of a
 * number, or of a list, and then its trials, which switch something on. NULL past the end, and for
 * keys of which nothing is tried. Overwrites room, where the literal may be. */
enum { LM_TRIAL_SIZE = 64 };
const char *lm_key_trial(const lm_key *k, int i, char room[LM_TRIAL_SIZE]);

/* Is x in the key's range, and whole when the key is an integer? */
bool lm_key_accepts_number(const lm_key *k, double x);
/* Index of a choice's name, -1 when there is none. */
int lm_key_choice(const lm_key *k, const char *name);

#endif
