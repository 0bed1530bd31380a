/* Inside the room: a config being read, and what is wrong with it so far. */
#ifndef LM_CONFIG_PARSER_H
#define LM_CONFIG_PARSER_H

#include "config/keys.h"

#define LM_PLACE_SIZE 320

/* Where a key was given: "run.json:3:12" or "--set optimizer.lr=3"; empty: nowhere. A wrong value is
 * told once: nothing is concluded from the default that stands in its place. */
typedef struct lm_origin {
    char place[LM_PLACE_SIZE];
    bool wrong;
} lm_origin;

typedef struct lm_parser {
    lm_config *config;
    const char *name;   /* of the file */
    const char *text;   /* comments blanked */
    lm_origin *origins; /* [lm_key_count()] */
    lm_text problems;   /* a line each */
    bool no_memory;     /* a value or message is missing for it */
} lm_parser;

/* Add a line "place: ..." to the problems. */
__attribute__((format(printf, 3, 4))) void lm_parser_problem(lm_parser *p, const char *place,
                                                             const char *format, ...);

/* Everything is read: apply the preset, then find what is missing, contradicts itself, has no
 * effect, or is not to be had of the model. */
void lm_parser_check(lm_parser *p);

#endif
