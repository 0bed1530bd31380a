#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "machine/cpu.h"
#include "tests/support/trainer.h"

trainer *trainer_make(const char *config) {
    lm_error err = {0};
    trainer *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->settings.config = &t->config;
    t->t = (lm_trainer){.settings = &t->settings, .config = &t->config};
    lm_status status = lm_config_parse(&t->config, "test", config, strlen(config), NULL, 0, &err);
    if (status == LM_OK)
        status = lm_setup_open(&t->t.setup, &t->config, 0, lm_cpu_detect(), true, &err);
    if (status == LM_OK) status = lm_trainer_create(&t->t, &err);
    if (status == LM_OK) status = lm_trainer_init(&t->t, &err);
    if (status != LM_OK) fail_msg("%s", err.message);
    return t;
}

void trainer_free(trainer *t) {
    if (!t) return;
    lm_trainer_free(&t->t);
    lm_config_free(&t->config);
    free(t);
}

bool trainer_same(const trainer *a, const trainer *b) {
    lm_text texts[2] = {{0}, {0}};
    lm_run_state_print(&a->t.state, &a->config, &texts[0]);
    lm_run_state_print(&b->t.state, &a->config, &texts[1]);
    bool same = strcmp(lm_text_cstr(&texts[0]), lm_text_cstr(&texts[1])) == 0 &&
                a->t.n_arrays == b->t.n_arrays;
    for (int64_t i = 0; same && i < a->t.n_arrays; i++) {
        const lm_checkpoint_array *x = &a->t.arrays[i], *y = &b->t.arrays[i];
        size_t n = sizeof *x->data;
        for (int d = 0; d < x->ndim; d++) n *= (size_t)x->shape[d];
        same = strcmp(x->name, y->name) == 0 && memcmp(x->data, y->data, n) == 0;
    }
    lm_text_free(&texts[0]);
    lm_text_free(&texts[1]);
    return same;
}
