/* Inside the room: a config being read, and what is wrong with it so far. */
#ifndef LM_CONFIG_PARSER_H
#define LM_CONFIG_PARSER_H

#include "config/keys.h"

#define LM_PLACE_SIZE 320

/* Where a key was given, and whether its value was accepted. */
typedef struct lm_origin {
    char place[LM_PLACE_SIZE]; /* "run.json:3:12", "--set optimizer.lr=3"; empty: not given */
    bool wrong; /* the value was refused: no check looks at the default in its place */
} lm_origin;

typedef struct lm_parser {
    lm_config *config;
    const char *name;   /* of the file */
    const char *text;   /* comments blanked */
    lm_origin *origins; /* [lm_key_count()] */
    lm_text problems;   /* a line each */
    bool saved;         /* of a checkpoint: run.dir is not required, and the run's is not there */
    bool no_memory;     /* memory ran out for a value or a message: that is the only error then */
} lm_parser;

/* Add a line "place: ..." to the problems. */
__attribute__((format(printf, 3, 4))) void lm_parser_problem(lm_parser *p, const char *place,
                                                             const char *format, ...);

/* After everything was read: applies the preset, then finds keys that are missing, have no effect,
 * contradict each other, or give a model that the model room refuses. */
void lm_parser_check(lm_parser *p);

#endif
