/* Expressions over config keys: "0.02 / sqrt(model.d_model / 64)", "optimizer.name == 'adamw'".
 *
 *     lm_expression *e;
 *     lm_expression_stop stop;
 *     if (!lm_expression_parse(&e, text, &stop)) ... stop.what, at byte stop.at of the text ...
 *     for (int i = 0; i < e->n_names; i++) e->names[i].means = ...;   // what the key stands for
 *     if (!lm_expression_evaluate(e, lookup, context, &value, &stop)) ...
 *     lm_expression_free(e);
 *
 * By falling precedence: or; and; not; == != < <= > >= (not chained); + -; * / %; - of one operand;
 * ^ (a power, from the right). Values are numbers, true and false, and strings in ' or ". Keys are
 * names with dots. Functions: sqrt exp log log2 floor ceil round abs of one number, pow of two, min
 * and max of one or more, if(condition, a, b), which evaluates only the one that it gives.
 * % is the remainder that has the divisor's sign. && || ! are and, or, not.
 *
 * Arithmetic is that of base/elementary.h: the same bits on every machine. What is not finite is an
 * error. */
#ifndef LM_SWEEP_EXPRESSION_H
#define LM_SWEEP_EXPRESSION_H

#include <stddef.h>

#include "sweep/value.h"

typedef struct lm_expression_name {
    const char *name; /* "model.d_model" */
    size_t at;        /* where it stands first */
    int means;        /* the caller's */
} lm_expression_name;

struct lm_expression_node;

typedef struct lm_expression {
    char *text;
    struct lm_expression_node *nodes;
    int n_nodes, root;
    lm_expression_name *names; /* each once */
    int n_names;
    char **strings; /* of names and literals */
    int n_strings;
} lm_expression;

typedef struct lm_expression_stop {
    size_t at;
    char what[200]; /* may hold text from outside: print it by a %s of message.h */
    bool no_memory; /* that is all that is wrong */
} lm_expression_stop;

/* false: *e is NULL, and *stop says why. lm_expression_free frees *e. */
bool lm_expression_parse(lm_expression **e, const char *text, lm_expression_stop *stop);
void lm_expression_free(lm_expression *e); /* NULL is fine */

/* The value of the key of which the caller said what it means. */
typedef lm_value lm_expression_lookup(const void *context, int means);

/* *value points to texts of e and of the values that lookup gives. false: *stop says why. */
bool lm_expression_evaluate(const lm_expression *e, lm_expression_lookup *lookup,
                            const void *context, lm_value *value, lm_expression_stop *stop);

#endif
