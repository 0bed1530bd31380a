/* Steps of a run's config for a test of it: the trainer's own, without the run's schedules and its
 * directory.
 *
 *     lm_probe p;
 *     lm_status status = lm_probe_open(&p, &what, err);
 *     ... lm_trainer_step(&p.trainer, err) ...
 *     lm_probe_close(&p);       // after a failure too */
#ifndef LM_CLI_PROBE_H
#define LM_CLI_PROBE_H

#include "cli/commands.h"
#include "train/trainer.h"

typedef struct lm_probe_of {
    const char *config;         /* the file */
    const lm_option_texts *set; /* overrides; then */
    const char *const *more;    /* [n_more] */
    int n_more;                 /* at most LM_PROBE_MORE */
    int64_t steps;              /* of the run */
    bool keep;                  /* activations are read (lm_model_use.keep) */
    const lm_machine_options *machine;
} lm_probe_of;
enum { LM_PROBE_MORE = 16 };

typedef struct lm_probe {
    lm_config config;
    lm_train_settings settings;
    lm_trainer trainer; /* its groups and the config say the learning rate of each step */
} lm_probe;

/* Initial weights, or those of run.init_from; the learning rate is constant. Overwrites *p, which
 * must stay where it is. */
lm_status lm_probe_open(lm_probe *p, const lm_probe_of *what, lm_error *err);
void lm_probe_close(lm_probe *p);

#endif
