/* Lengths: how long something lasts, in one grammar wherever a config or a command takes one.
 *
 *     300   "300 steps"   "10k steps"       updates of the weights
 *     "5%"                                  of the whole
 *     "2M tokens"   "1.5e6 tokens"          tokens of training data
 *     "90s"   "30m"   "2h"   "1h30m"   "1d" time
 *     "1e15 flop"   "2P flop"               model FLOPs
 *
 * k, M, G (or B), T, P, E before a unit are powers of 1000; m is a minute. Spaces may stand between
 * the number and what follows it, and "step", "token" and "flop" may have an s. Steps and tokens
 * are whole numbers. */
#ifndef LM_BASE_LENGTH_H
#define LM_BASE_LENGTH_H

#include <stdbool.h>

#include "base/text.h"

typedef enum lm_length_unit {
    LM_LENGTH_STEPS, /* first: {0} is no length at all, 0 steps */
    LM_LENGTH_PERCENT,
    LM_LENGTH_TOKENS,
    LM_LENGTH_SECONDS,
    LM_LENGTH_FLOPS,
    LM_LENGTH_UNITS
} lm_length_unit;
#define LM_LENGTH_BIT(unit_) (1u << (unit_)) /* in sets of units */

typedef struct lm_length {
    double amount; /* from 0; steps and tokens are whole, up to 2^53 - 1; percent up to 100 */
    lm_length_unit unit;
} lm_length;

/* false: the text is no length; *out is left alone. Allocates nothing. */
bool lm_length_parse(const char *text, lm_length *out);
/* Is it one, and of a unit in the set? For numbers that did not come through lm_length_parse. */
bool lm_length_valid(const lm_length *l, unsigned units);
/* Appends what lm_length_parse reads back to the same: "300", "5%", "2000000 tokens", "1800s",
 * "1e+15 flop". */
void lm_length_print(const lm_length *l, lm_text *out);
/* Appends examples of a set of units, for errors and help: "300, "5%" or "2M tokens"". */
void lm_length_describe(unsigned units, lm_text *out);

#endif
