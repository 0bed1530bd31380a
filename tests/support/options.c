#include "tests/support/options.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/test.h"

static void set_norm(lm_model_options *o, int level) {
    o->norm = level;
}
static void set_position(lm_model_options *o, int level) {
    o->position = level;
}
static void set_mlp(lm_model_options *o, int level) {
    o->mlp = level;
}
static void set_bias(lm_model_options *o, int level) {
    o->bias = level;
}
static void set_tied(lm_model_options *o, int level) {
    o->tie_embeddings = level;
}
static void set_kv_heads(lm_model_options *o, int level) {
    o->n_kv_heads = o->n_heads >> level; /* plain, grouped, one for all */
}
static void set_qk_norm(lm_model_options *o, int level) {
    o->qk_norm = level;
}
static void set_embedding_norm(lm_model_options *o, int level) {
    o->embedding_norm = level;
}
static void set_window(lm_model_options *o, int level) {
    o->window = 2 * level;
}
static void set_attention_softcap(lm_model_options *o, int level) {
    o->attention_softcap = 1.5 * level;
}
static void set_logit_softcap(lm_model_options *o, int level) {
    o->logit_softcap = 3 * level;
}
static void set_label_smoothing(lm_model_options *o, int level) {
    o->label_smoothing = 0.2 * level;
}
static void set_z_loss(lm_model_options *o, int level) {
    o->z_loss = 0.02 * level;
}
static void set_dropout(lm_model_options *o, int level) {
    o->dropout = 0.3 * level;
}
static void set_documents(lm_model_options *o, int level) {
    o->document_mask = level;
    o->document_token = 3;
}
static void set_recompute(lm_model_options *o, int level) {
    o->recompute = level;
}

static const struct factor {
    const char *name;
    int levels;
    void (*set)(lm_model_options *o, int level);
} factors[] = {
    {"norm", LM_NORM_COUNT, set_norm},
    {"position", LM_POSITION_COUNT, set_position},
    {"mlp", LM_MLP_COUNT, set_mlp},
    {"bias", 2, set_bias},
    {"tied", 2, set_tied},
    {"kv", 3, set_kv_heads},
    {"qk_norm", 2, set_qk_norm},
    {"embedding_norm", 2, set_embedding_norm},
    {"window", 2, set_window},
    {"attention_softcap", 2, set_attention_softcap},
    {"logit_softcap", 2, set_logit_softcap},
    {"label_smoothing", 2, set_label_smoothing},
    {"z_loss", 2, set_z_loss},
    {"dropout", 2, set_dropout},
    {"documents", 2, set_documents},
    {"recompute", LM_RECOMPUTE_COUNT, set_recompute},
};
_Static_assert(sizeof factors / sizeof *factors == OPTION_FACTORS, "a row an option");
enum { CANDIDATES = 50 };

/* How many pairs of levels this choice is the first to meet; with `keep`, they are met from now on. */
static int new_pairs(option_pairs *p, const int *level, bool keep) {
    int n = 0;
    for (int a = 0; a < OPTION_FACTORS; a++)
        for (int b = a + 1; b < OPTION_FACTORS; b++) {
            bool *met = &p->met[a][level[a]][b][level[b]];
            n += !*met;
            *met |= keep;
        }
    return n;
}

static int missing_pairs(const option_pairs *p) {
    int n = 0;
    for (int a = 0; a < OPTION_FACTORS; a++)
        for (int b = a + 1; b < OPTION_FACTORS; b++)
            for (int i = 0; i < factors[a].levels; i++)
                for (int j = 0; j < factors[b].levels; j++) n += !p->met[a][i][b][j];
    return n;
}

/* Greedily the best of some random choices, and of more until one meets a new pair. */
static void choose(option_pairs *p, int *level) {
    int best = 0;
    for (uint64_t c = 0; best == 0 || c < CANDIDATES; c++) {
        int candidate[OPTION_FACTORS];
        lm_rng rng = {.seed = p->number, .purpose = LM_RNG_TEST};
        for (int f = 0; f < OPTION_FACTORS; f++)
            candidate[f] =
                (int)(lm_rng_uniform(&rng, c * OPTION_FACTORS + (uint64_t)f) * factors[f].levels);
        int n = new_pairs(p, candidate, false);
        if (n <= best) continue;
        best = n;
        memcpy(level, candidate, sizeof candidate);
    }
}

void option_pairs_begin(option_pairs *p, const lm_model_options *base) {
    *p = (option_pairs){.base = *base};
    LM_ASSERT(base->n_heads % 4 == 0);
    for (int f = 0; f < OPTION_FACTORS; f++) LM_ASSERT(factors[f].levels <= OPTION_LEVELS);
}

bool option_pairs_next(option_pairs *p, lm_model_options *o, char what[OPTION_PAIRS_TEXT]) {
    static lm_error err;
    int level[OPTION_FACTORS], at = 0;
    if (missing_pairs(p) == 0) return false;
    choose(p, level);
    new_pairs(p, level, true);
    p->number++;
    *o = p->base;
    for (int f = 0; f < OPTION_FACTORS; f++) {
        factors[f].set(o, level[f]);
        at += snprintf(what + at, OPTION_PAIRS_TEXT - (size_t)at, "%s%s=%d", f ? " " : "",
                       factors[f].name, level[f]);
    }
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
                              .init_std = 0.02};
}
