/* A trainer made from the text of a config, without a run around it.
 *
 *     trainer *t = trainer_make("{...}");      // fails the test when that fails
 *     ... lm_trainer_step(&t->t, &err) ...
 *     trainer_free(t);                         // NULL is fine */
#ifndef LM_TESTS_SUPPORT_TRAINER_H
#define LM_TESTS_SUPPORT_TRAINER_H

#include "train/trainer.h"

typedef struct trainer {
    lm_config config;
    lm_train_settings settings;
    lm_trainer t;
} trainer;

/* With initial weights. Does not touch the run directory of the config. */
trainer *trainer_make(const char *config);
void trainer_free(trainer *t);

/* Have both the same state, weights and optimizer's states, to the bit? */
bool trainer_same(const trainer *a, const trainer *b);

#endif
