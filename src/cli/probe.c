#include "cli/probe.h"

#include <inttypes.h>
#include <stdio.h>

lm_status lm_probe_open(lm_probe *p, const lm_probe_of *what, lm_error *err) {
    const char *overrides[LM_OPTION_MOST_TEXTS + LM_PROBE_MORE + 4] = {"-schedule"};
    char steps[48];
    int n = 1;
    *p = (lm_probe){.settings = {.quiet = true, .threads = (int)what->machine->threads}};
    p->settings.config = &p->config;
    p->trainer.settings = &p->settings;
    p->trainer.config = &p->config;
    LM_ASSERT(what->n_more <= LM_PROBE_MORE);
    for (int i = 0; i < what->set->count; i++) overrides[n++] = what->set->items[i];
    for (int i = 0; i < what->n_more; i++) overrides[n++] = what->more[i];
    snprintf(steps, sizeof steps, "=train.steps=%" PRId64, what->steps);
    overrides[n++] = steps;
    overrides[n++] = "=schedule.name=constant";
    overrides[n++] = "=schedule.warmup_steps=0";
    lm_status status = lm_machine_isas(what->machine, &p->settings.isas, err);
    if (status == LM_OK) status = lm_config_load(&p->config, what->config, overrides, n, err);
    if (status != LM_OK) return status;
    lm_trainer *t = &p->trainer;
    status = lm_setup_inherit(&p->config, false, &t->from, &t->said, err);
    if (status != LM_OK) return status;
    status = lm_setup_open(&t->setup, &p->config, p->settings.threads, p->settings.isas, true, err);
    t->setup.keep = what->keep;
    if (status == LM_OK) status = lm_setup_check_memory(&t->setup, err);
    if (status == LM_OK) status = lm_trainer_create(t, err);
    if (status == LM_OK) status = lm_trainer_init(t, err);
    return status;
}

void lm_probe_close(lm_probe *p) {
    lm_trainer_free(&p->trainer);
    lm_config_free(&p->config);
}
