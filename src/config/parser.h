/* Inside the room: a config being read, and what is wrong with it so far. */
#ifndef LM_CONFIG_PARSER_H
#define LM_CONFIG_PARSER_H

#include "config/keys.h"
#include "containers/json_tree.h"

#define LM_PLACE_SIZE 320
enum { LM_FOUND_SIZE = 128 };

/* Where a key was given, and whether its value was accepted. */
typedef struct lm_origin {
    char place[LM_PLACE_SIZE]; /* "run.json:3:12", "--set optimizer.lr=3"; empty: not given */
    int source;                /* of the last value: 0 the file, i > 0 override i */
    bool wrong;   /* the value was refused: no check looks at the default in its place */
    bool dropped; /* the file's value was taken away: by --unset, or since an override made it moot
                     (the other members are those of a key that is not given) */
    bool unset;   /* by --unset, of this key alone: no override may give it */
} lm_origin;

typedef struct lm_parser {
    lm_config *config;
    const char *name; /* of the file */
    const char *text; /* comments blanked; the file's, or that of an override's object */
    int source;       /* that is being read: as in lm_origin */
    const char *set;  /* the place of everything in it, while that is an override; NULL: a file */
    const char *instead; /* of "--set KEY=VALUE" in messages; NULL: that */
    struct {
        size_t at;
        int line, column;
    } cursor;   /* where the place told last is: the next is counted from there */
    bool saved; /* the config of a checkpoint: what it lacks is at its legacy value */
    lm_text
        *newer;    /* of a checkpoint: receives what is not known, a line each, instead of an error;
                        NULL: that is an error */
    bool is_newer; /* something was not known */
    int64_t budget_steps; /* what train.budget came to; 0: not known yet */
    lm_origin *origins;   /* [lm_key_count()] */
    lm_text problems;     /* a line each, while an error has room for them */
    int untold;           /* problems beyond that */
    bool no_memory;       /* memory ran out for a value or a message: that is the only error then */
} lm_parser;

/* Is there no room for more problems? They are then only counted. */
bool lm_parser_is_full(const lm_parser *p);
/* Add a line "place: ..." to the problems. */
__attribute__((format(printf, 3, 4))) void lm_parser_problem(lm_parser *p, const char *place,
                                                             const char *format, ...);

/* ---- values (values.c) ------------------------------------------------------------------------*/

/* Where byte `at` of the text stands: "run.json:3:12", or the override that is read. */
void lm_parser_place(lm_parser *p, size_t at, char place[LM_PLACE_SIZE]);
/* The text of a value as an error shows it: one line, cut short. */
void lm_parser_found(const lm_parser *p, const lm_json_node *value, char found[LM_FOUND_SIZE]);

/* Takes one value of a key, which was given at `place`; `found` is its text, for an error. The last
 * one of a key counts. NULL: text that is no value. */
void lm_parser_set(lm_parser *p, int key, const char *place, const lm_json_node *value,
                   const char *found);
/* Is it a value of several corpora, which lm_parser_sources takes? */
bool lm_parser_is_list(int key, const lm_json_node *value);
void lm_parser_sources(lm_parser *p, int key, const char *place, const lm_json_node *value);

/* Of a key that has parts (lm_key_has_parts): takes the part of the value that `below` names
 * ("embed.lr"), "" for all of it. */
void lm_parser_part(lm_parser *p, int key, const char *below, const char *place,
                    const lm_json_node *value);
void lm_parser_groups(lm_parser *p, const lm_key *k, const char *below, const char *place,
                      const lm_json_node *value);
void lm_parser_schedule(lm_parser *p, const lm_key *k, const char *below, const char *place,
                        const lm_json_node *value);
void lm_parser_check_groups(lm_parser *p);
void lm_parser_check_schedules(lm_parser *p);

/* What the file gives as a path; "~/" is expanded outside of checkpoints. malloc'd; NULL: *why says
 * what is wrong with it, or memory ran out, which p knows then. */
char *lm_parser_path(lm_parser *p, const char *text, lm_error *why);
/* The value of a key is not what the key takes; near: what may have been meant, or NULL. */
void lm_parser_wrong(lm_parser *p, int key, const char *place, const char *found, const char *near);
void lm_parser_unknown(lm_parser *p, const char *place, const char *path);

/* ---- keys that are left out (moot.c) ----------------------------------------------------------*/

/* Takes the key's value away: it is at its default, as if not given. Was it given? */
bool lm_parser_drop(lm_parser *p, int key);
/* Adds a line to the config's notes: what was given at `place`, a key of this path, `why`, and is
 * left out. */
void lm_parser_note(lm_parser *p, const char *place, const char *path, const char *why);
/* Was the key's value decided on the command line: by an override, by --unset, by a preset that an
 * override chose, or because an override left the key without effect? path NULL: no. */
bool lm_parser_is_overridden(const lm_parser *p, const char *path);
/* Appends "has no effect when optimizer.name is "sgd"": the keys that decide, and their values. */
void lm_parser_decided_by(const lm_parser *p, const lm_key *k, lm_text *out);
/* Leaves out keys of the file that have no effect because an override gives a key that decides it.
 * A sweep over that key would otherwise need another file for each of its values. */
void lm_parser_drop_moot(lm_parser *p);

/* After everything was read: applies the preset, then finds keys that are missing, have no effect,
 * contradict each other, or give a model that the model room refuses. */
void lm_parser_check(lm_parser *p);

#endif
