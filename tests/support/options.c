#include "tests/support/options.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/test.h"

enum { CANDIDATES = 50 };

int options_list(option options[OPTIONS_MOST]) {
    const lm_section *model = lm_section_find("model");
    int n = 0;
    for (int i = 0; i < model->n_keys; i++) {
        const lm_key *k = &model->keys[i];
        const char *value;
        char room[LM_TRIAL_SIZE];
        option o = {.key = k};
        if (strcmp(k->path, "model.preset") == 0) continue;
        for (; (value = lm_key_trial(k, o.levels, room)) != NULL; o.levels++) {
            assert_true(o.levels < OPTION_LEVELS);
            snprintf(o.value[o.levels], sizeof *o.value, "%s", value);
        }
        if (o.levels == 0) continue;
        assert_true(n < OPTIONS_MOST);
        options[n++] = o;
    }
    return n;
}

/* How many pairs of levels this choice is the first to meet; with `keep`, they are met from now on.
 */
static int new_pairs(option_pairs *p, const int *level, bool keep) {
    int n = 0;
    for (int a = 0; a < p->n; a++)
        for (int b = a + 1; b < p->n; b++) {
            bool *met = &p->met[a][level[a]][b][level[b]];
            n += !*met;
            *met |= keep;
        }
    return n;
}

static int missing_pairs(const option_pairs *p) {
    int n = 0;
    for (int a = 0; a < p->n; a++)
        for (int b = a + 1; b < p->n; b++)
            for (int i = 0; i < p->options[a].levels; i++)
                for (int j = 0; j < p->options[b].levels; j++) n += !p->met[a][i][b][j];
    return n;
}

/* Greedily the best of some random choices, and of more until one meets a new pair. */
static void choose(option_pairs *p, int *level) {
    int best = 0;
    for (uint64_t c = 0; best == 0 || c < CANDIDATES; c++) {
        int candidate[OPTIONS_MOST];
        lm_rng rng = {.seed = p->number, .purpose = LM_RNG_TEST};
        for (int f = 0; f < p->n; f++)
            candidate[f] = (int)(lm_rng_uniform(&rng, c * (uint64_t)p->n + (uint64_t)f) *
                                 p->options[f].levels);
        int n = new_pairs(p, candidate, false);
        if (n <= best) continue;
        best = n;
        memcpy(level, candidate, sizeof candidate);
    }
}

void option_pairs_begin(option_pairs *p, const lm_model_options *base) {
    *p = (option_pairs){.base = *base};
    p->n = options_list(p->options);
}

bool option_pairs_next(option_pairs *p, lm_model_options *o, char what[OPTION_PAIRS_TEXT]) {
    static lm_error err;
    int level[OPTIONS_MOST], at = 0;
    if (missing_pairs(p) == 0) return false;
    choose(p, level);
    new_pairs(p, level, true);
    p->number++;
    lm_config c = {.model = p->base};
    c.model.document_token = 3;
    for (int f = 0; f < p->n; f++) {
        const option *chosen = &p->options[f];
        const char *value = chosen->value[level[f]];
        lm_key_set_literal(chosen->key, &c, value);
        at += snprintf(what + at, OPTION_PAIRS_TEXT - (size_t)at, "%s%s=%s", f ? " " : "",
                       lm_key_name(chosen->key), value);
    }
    *o = c.model;
    if (lm_model_resolve(o, &err) != LM_OK) fail_msg("%s: %s", what, err.message);
    return true;
}

lm_model_options options_tiny(void) {
    return (lm_model_options){.d_model = 8,
                              .n_layers = 2,
                              .n_heads = 4,
                              .d_ff = 12,
                              .context_length = 4,
                              .vocab_size = 7,
                              .norm_eps = 1e-5,
                              .rope_theta = 100,
                              .rope_factor = 3,
                              .rope_low_freq_factor = 1,
                              .rope_high_freq_factor = 4,
                              .rope_original_context = 16,
                              .init_std = 0.02};
}
