/* Model options out of the table of config keys: the values of each key that it says are to be
 * tried (config/keys.h), so that a new option is tested by being in the table.
 *
 *     static option_pairs pairs;  char what[OPTION_PAIRS_TEXT];
 *     option_pairs_begin(&pairs, &base);
 *     while (option_pairs_next(&pairs, &o, what)) ...   // o resolved; what says what was chosen
 *
 * gives options in which each value of each key meets each value of each other key at least once.
 */
#ifndef LM_TESTS_SUPPORT_OPTIONS_H
#define LM_TESTS_SUPPORT_OPTIONS_H

#include "config/keys.h"

enum { OPTIONS_MOST = 32, OPTION_LEVELS = 4, OPTION_PAIRS_TEXT = 1024 };

/* A key of the model with several values to try. */
typedef struct option {
    const lm_key *key;
    int levels;
    char value[OPTION_LEVELS][LM_TRIAL_SIZE];
} option;
/* How many there are; the same in every call. Presets are none of them. */
int options_list(option options[OPTIONS_MOST]);

typedef struct option_pairs {
    lm_model_options base;
    option options[OPTIONS_MOST];
    int n;
    uint64_t number; /* choices made so far */
    bool met[OPTIONS_MOST][OPTION_LEVELS][OPTIONS_MOST][OPTION_LEVELS];
} option_pairs;

/* base: what no option says; n_heads is a multiple of 2. Documents begin with token 3. */
void option_pairs_begin(option_pairs *p, const lm_model_options *base);
/* False: every pair has been met. The same choices in every run. */
bool option_pairs_next(option_pairs *p, lm_model_options *o, char what[OPTION_PAIRS_TEXT]);

/* Small enough for finite differences: 8 channels, 4 heads, 2 layers, 4 tokens of 7. */
lm_model_options options_tiny(void);

#endif
