/* The search space: for each key of it, where its value comes from.
 *
 *     {"optimizer.lr": {"log_uniform": [1e-4, 1e-2]},          // and uniform
 *      "model.d_model": [64, 128],                             // or {"choice": [64, 128]}
 *      "model.n_layers": {"integer": [2, 8]},
 *      "train.batch": {"power_of_two": [4, 64]},
 *      "optimizer.momentum": {"uniform": [0.8, 0.99], "when": "optimizer.name == 'momentum'"},
 *      "schedule.warmup_steps": "round(train.steps / 20)",     // or {"expression": ...}
 *      "optimizer.groups.embed.lr_scale": [1, 4],              // a part of a key's value
 *      "train.steps": 200,                                     // a constant: the base has it too
 *      "model": [{"n_layers": 2, "d_model": 128},              // several keys together
 *                {"n_layers": 8, "d_model": 64}]}
 *
 * A key is anything that --set takes: a key, a part of the value of a key that has parts, a section
 * for a list of objects. {"model": {"d_model": [64, 128]}} is "model.d_model": [64, 128].
 *
 * A point of the space is a coordinate in [0, 1) for each dimension that is drawn (all but
 * expressions), in the order of the file; lm_space_settle makes values of it. Ranges are cut to
 * five digits, so that values can be read and typed. "levels" says how many values of a uniform
 * range a grid tries, both ends included. */
#ifndef LM_SWEEP_SPACE_H
#define LM_SWEEP_SPACE_H

#include "config/config.h"
#include "sweep/expression.h"
#include "sweep/reading.h"

enum { LM_SPACE_MOST = 64 }; /* keys of a space; directions of sobol.h */

typedef enum lm_dimension_kind {
    LM_DIMENSION_LIST,
    LM_DIMENSION_UNIFORM,
    LM_DIMENSION_LOG_UNIFORM,
    LM_DIMENSION_INTEGER,
    LM_DIMENSION_POWER_OF_TWO,
    LM_DIMENSION_EXPRESSION,
} lm_dimension_kind;

typedef struct lm_dimension {
    char *path;    /* of the key, the part or the section */
    int key;       /* lm_key_at; -1: of a part or a section */
    bool constant; /* one value, without an object around it and without keys in it */
    lm_dimension_kind kind;
    double low, high;
    int64_t levels;    /* values that a grid tries; 0: not said */
    lm_value *choices; /* [n_choices] of a list */
    int64_t n_choices;
    lm_expression *expression; /* of that kind */
    lm_expression *when;       /* NULL: always */
    size_t at, when_at;        /* where they stand in the file */
    int drawn;                 /* its coordinate; -1: an expression */
} lm_dimension;

typedef struct lm_constraint {
    lm_expression *expression;
    size_t at;
} lm_constraint;

/* What a name in expressions stands for: lm_expression_name.means is its number. */
typedef struct lm_space_name {
    int dimension;     /* that gives it; -1: none */
    lm_value *members; /* [n_choices of the dimension] what of each value it is, NONE: nothing;
                          NULL: the value itself */
    lm_value base;     /* of the base config, where no dimension gives it; NONE: nothing */
} lm_space_name;

typedef struct lm_space {
    char *file, *text; /* for messages */
    lm_dimension dimensions[LM_SPACE_MOST];
    int n_dimensions, n_drawn;
    int order[LM_SPACE_MOST]; /* so that what an expression needs comes first */
    lm_constraint *constraints;
    int n_constraints;
    lm_space_name *names; /* [n_names] */
    int n_names;
} lm_space;

/* Overwrites *s from the members "space" and "constraints" of the file, each NULL when it is not
 * there. `base` is the base config. What is wrong goes to r. */
void lm_space_read(lm_space *s, const lm_json_node *space, const lm_json_node *constraints,
                   const lm_config *base, lm_reading *r);
void lm_space_free(lm_space *s);

/* Reading, continued (space_names.c): what names in expressions stand for, and the order of the
 * dimensions; keys of which one says a part of what another says. */
void lm_space_resolve(lm_space *s, const lm_config *base, lm_reading *r);
/* Does the dimension's key take this JSON text? `place` begins the messages in *err. */
lm_status lm_dimension_check(const lm_dimension *d, const char *json, size_t size,
                             const char *place, lm_error *err);

/* How many values the dimension has; 0: those of a range of numbers. */
int64_t lm_dimension_count(const lm_dimension *d);
/* Value i of them; of a range, level i of d->levels. */
lm_value lm_dimension_level(const lm_dimension *d, int64_t i);
/* The value at coordinate u, 0 <= u < 1. */
lm_value lm_dimension_value(const lm_dimension *d, double u);

typedef enum lm_settled {
    LM_SETTLED,
    LM_SETTLED_BROKEN, /* a constraint does not hold: *which is its number */
    LM_SETTLED_ERROR,  /* an expression has no value, or not one for its key */
} lm_settled;
/* values [n_dimensions], in the file's order, of which the drawn ones are candidates: those whose
 * "when" does not hold become NONE, and expressions get their values. LM_ERR_USAGE in *err says
 * which expression has none. */
lm_settled lm_space_settle(const lm_space *s, lm_value *values, int *which, lm_error *err);

/* values [n_dimensions]: those of constants, the others NONE; *any: there are some. LM_ERR_USAGE:
 * an expression has no value. */
lm_status lm_space_constants(const lm_space *s, lm_value *values, bool *any, lm_error *err);

/* Appends "optimizer.lr = 0.001, model.d_model = 64": what a setting gives beside the constants of
 * the space, or these alone. */
void lm_space_describe(const lm_space *s, const lm_value *values, bool constants, lm_text *out);

/* The properties of spaces in a JSON Schema, and rows of a Markdown table. */
void lm_space_schema(lm_json_writer *w);
void lm_space_reference(lm_text *out);

#endif
