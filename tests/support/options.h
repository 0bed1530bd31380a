/* Every pair of choices: model options such that each choice of each option meets each choice of each
 * other one at least once. The table of options.c has a row an option of the key table that changes
 * what is computed or kept; the rest comes from `base`.
 *
 *     static option_pairs pairs;  char what[OPTION_PAIRS_TEXT];
 *     option_pairs_begin(&pairs, &base);
 *     while (option_pairs_next(&pairs, &o, what)) ...   // o resolved; what says what was chosen */
#ifndef LM_TESTS_SUPPORT_OPTIONS_H
#define LM_TESTS_SUPPORT_OPTIONS_H

#include "model/model.h"

enum { OPTION_FACTORS = 16, OPTION_LEVELS = 4, OPTION_PAIRS_TEXT = 512 };

typedef struct option_pairs {
    lm_model_options base;
    uint64_t number; /* of choices made so far */
    bool met[OPTION_FACTORS][OPTION_LEVELS][OPTION_FACTORS][OPTION_LEVELS];
} option_pairs;

/* base: its n_heads a multiple of 4; what options.c does not choose is taken from it. */
void option_pairs_begin(option_pairs *p, const lm_model_options *base);
/* False: every pair has been met. The same choices in every run. */
bool option_pairs_next(option_pairs *p, lm_model_options *o, char what[OPTION_PAIRS_TEXT]);

/* Small enough for finite differences: 8 channels, 4 heads, 2 layers, 4 tokens of 7. */
lm_model_options options_tiny(void);

#endif
