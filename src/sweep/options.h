/* The section "sweep" of a sweep file, by a table of its keys, from which reading, the schema and
 * the reference derive. */
#ifndef LM_SWEEP_OPTIONS_H
#define LM_SWEEP_OPTIONS_H

#include <stdint.h>

#include "base/json.h"
#include "sweep/reading.h"

typedef enum lm_sweep_method {
    LM_SWEEP_GRID,
    LM_SWEEP_RANDOM,
    LM_SWEEP_SOBOL,
    LM_SWEEP_TPE,
} lm_sweep_method;
const char *lm_sweep_method_name(int method); /* NULL past the end */

enum { LM_SWEEP_MOST_SEEDS = 1000, LM_SWEEP_MOST_POINTS = 100000, LM_SWEEP_MOST_TRIALS = 1000000 };

typedef struct lm_sweep_options {
    char *dir;
    int64_t method;
    int64_t points; /* settings drawn from the space; 0: all of a grid */
    int64_t seed;   /* of the draws */
    int64_t *seeds; /* [n_seeds] values of run.seed; NULL: n_seeds from the base's on */
    int64_t n_seeds;
    int64_t generation;
    int64_t halving; /* 0: none, else the factor */
    int64_t rungs;   /* 0: as many as leave one setting */
    char *objective; /* "": val_loss, or train_loss where there is no validation data */
    bool baseline;
    int64_t keep;
    int64_t parallel, threads; /* 0: measured */
    bool pin;
    int64_t heartbeat; /* seconds */
    int64_t retries;
} lm_sweep_options;

/* Overwrites *o: defaults, then the members of `section`, which may be NULL: then only what is
 * required is missing. What is wrong goes to r. */
void lm_sweep_options_read(lm_sweep_options *o, const lm_json_node *section, lm_reading *r);
/* What is wrong with them beside the space; empty: that has no keys. */
void lm_sweep_options_check(const lm_sweep_options *o, const lm_json_node *section, bool empty,
                            lm_reading *r);
void lm_sweep_options_free(lm_sweep_options *o);

/* The properties of the section in a JSON Schema. */
void lm_sweep_options_schema(lm_json_writer *w);
/* Rows of a Markdown table. */
void lm_sweep_options_reference(lm_text *out);

#endif
