/* What a trial is: its overrides, its config, its directory, its command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/length.h"
#include "base/numbers.h"
#include "checkpoint/checkpoint.h"
#include "config/keys.h"
#include "machine/cpu.h"
#include "sweep/sweep.h"
#include "train/train.h"

const lm_value *lm_sweep_values(const lm_sweep *s, int64_t setting) {
    return setting < s->first_point
               ? s->base_values
               : s->values + (setting - s->first_point) * s->space.n_dimensions;
}

int64_t lm_sweep_seed(const lm_sweep *s, int64_t i) {
    return s->options.seeds ? s->options.seeds[i] : s->base.run.seed + i;
}

void lm_sweep_describe(const lm_sweep *s, int64_t setting, lm_text *out) {
    const lm_value *values = lm_sweep_values(s, setting);
    if (values)
        lm_space_describe(&s->space, values, false, out);
    else
        lm_text_printf(out, "the base config as it is");
}

int64_t lm_sweep_rung_steps(const lm_sweep *s, int64_t setting, int rung) {
    const lm_setting *info = &s->settings[setting];
    int64_t steps = info->first_rung;
    if (rung >= s->rungs - 1) return info->steps;
    for (int i = 0; i < rung; i++) steps *= s->options.halving;
    return lm_min(steps, info->steps);
}

/* ---- overrides --------------------------------------------------------------------------------*/

static void add(lm_overrides *o, lm_text *t) {
    o->no_memory |= t->failed;
    if (t->failed)
        lm_text_free(t);
    else
        o->items[o->count++] = t->data;
}

void lm_overrides_decide(lm_overrides *o, const char *text) {
    size_t n = strcspn(text, "=") + 1;
    lm_text t = {0};
    int kept = 0;
    for (int i = 0; i < o->count; i++) {
        if (strncmp(o->items[i], text, n) == 0)
            free(o->items[i]);
        else
            o->items[kept++] = o->items[i];
    }
    o->count = kept;
    lm_text_append(&t, text, strlen(text));
    add(o, &t);
}

void lm_overrides_make(lm_overrides *o, const lm_sweep *s, int64_t setting, int64_t seed,
                       const char *dir) {
    const lm_value *values = lm_sweep_values(s, setting);
    *o = (lm_overrides){0};
    for (int i = 0; values && i < s->space.n_dimensions; i++) {
        if (values[i].kind == LM_VALUE_NONE) continue;
        lm_text t = {0};
        lm_text_printf(&t, "%s=", s->space.dimensions[i].path);
        lm_value_print(&values[i], &t);
        add(o, &t);
    }
    if (dir) {
        lm_text t = {0};
        lm_text_printf(&t, "run.dir=");
        lm_text_json_string(&t, dir);
        add(o, &t);
    }
    if (seed >= 0) {
        lm_text t = {0};
        lm_text_printf(&t, "run.seed=%lld", (long long)seed);
        add(o, &t);
    }
    if (s->settings[setting].eval_every > 0) {
        char text[48];
        snprintf(text, sizeof text, "eval.every=%lld", (long long)s->settings[setting].eval_every);
        lm_overrides_decide(o, text);
    }
}

void lm_overrides_without_page(lm_overrides *o, const lm_sweep *s) {
    static const char key[] = "log.report";
    bool given = s->base.given[lm_key_find(key)];
    for (int i = 0; i < s->space.n_dimensions; i++)
        given |= strcmp(s->space.dimensions[i].path, key) == 0;
    if (!given) lm_overrides_decide(o, "log.report=false");
}

void lm_overrides_free(lm_overrides *o) {
    for (int i = 0; i < o->count; i++) free(o->items[i]);
    *o = (lm_overrides){0};
}

/* ---- the config -------------------------------------------------------------------------------*/

/* Where rungs end: each has `halving` times the steps of the one before, and ends with an
 * evaluation that the run makes anyway, so that a run that goes on is the run that never paused. */
static lm_status find_rungs(const lm_sweep *s, const lm_config *c, lm_setting *info,
                            lm_error *err) {
    int64_t parts = 1;
    bool validates = strcmp(s->objective, "train_loss") != 0;
    info->steps = c->train.steps;
    for (int i = 1; i < s->rungs && parts <= info->steps; i++) parts *= s->options.halving;
    int64_t first = info->steps / parts;
    if (first == 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "train.steps = %lld is too little for %d rungs of sweep.halving = %lld",
                            (long long)info->steps, s->rungs, (long long)s->options.halving);
    if (s->rungs > 1 && validates && c->eval.every > 0 && c->eval.every <= first)
        first -= first % c->eval.every;
    else if (s->rungs > 1 && validates)
        info->eval_every = first;
    info->first_rung = first;
    return LM_OK;
}

/* The steps of a train.budget, as the trial will find them. Those of a time are not known before,
 * and differ from trial to trial. */
static lm_status find_budget(const lm_sweep *s, lm_config *c, lm_setting *info, lm_error *err) {
    const lm_train_settings run = {.config = c, .isas = lm_cpu_detect(), .quiet = true};
    const bool whole_runs = s->rungs == 1 && strcmp(s->objective, "train_loss") != 0;
    lm_train_speed speed;
    lm_length budget;
    if (!c->train.steps_open) return LM_OK;
    LM_ASSERT(lm_length_parse(c->train.budget, &budget));
    if (budget.unit != LM_LENGTH_SECONDS) {
        int64_t steps = 0;
        lm_status status = lm_train_budget(&run, &steps, &speed, err);
        c->train.steps = steps;
        return status;
    }
    if (!whole_runs)
        return lm_error_set(err, LM_ERR_USAGE,
                            "train.budget = \"%s\" is a time, which has another number of steps in"
                            " each trial; %s needs to know them: give train.steps, or a budget in"
                            " tokens or FLOP",
                            c->train.budget,
                            s->rungs > 1 ? "sweep.halving" : "the objective train_loss");
    info->seconds = budget.amount;
    c->train.steps = LM_CHECKPOINT_MAX_STEP;
    return LM_OK;
}

/* For ordering tasks: the vocabulary may be known to the data alone. */
static double find_cost(const lm_config *c) {
    lm_model_options model = c->model;
    lm_model_use use = {.batch = 1, .windows = 1};
    lm_model_plan plan;
    lm_error none;
    if (model.vocab_size == LM_VOCAB_UNKNOWN) model.vocab_size = 256;
    model.document_mask = false;
    if (lm_model_resolve(&model, &none) != LM_OK) return 0;
    lm_model_plan_make(&plan, &model, &use, LM_FP32, 1);
    return plan.flops_per_token * (double)c->train.batch * (double)model.context_length;
}

lm_status lm_sweep_config(const lm_sweep *s, int64_t setting, const char *dir, lm_config *c,
                          lm_error *err) {
    lm_overrides o;
    *c = (lm_config){0};
    lm_overrides_make(&o, s, setting, lm_sweep_seed(s, 0), dir);
    lm_status status = o.no_memory ? lm_error_no_memory(err, s->file)
                                   : lm_config_parse(c, s->base_file, lm_text_cstr(&s->base_source),
                                                     s->base_source.length,
                                                     (const char *const *)o.items, o.count, err);
    lm_overrides_free(&o);
    return status;
}

void lm_sweep_name_trial(const lm_sweep *s, int64_t setting, lm_error *err) {
    lm_text values = {0};
    lm_sweep_describe(s, setting, &values);
    lm_error_prefix(err, "%s: trial %lld (%-s)", s->file, (long long)(setting * s->options.n_seeds),
                    lm_text_cstr(&values));
    lm_text_free(&values);
}

lm_status lm_sweep_check_setting(lm_sweep *s, int64_t setting, lm_error *err) {
    lm_setting *info = &s->settings[setting];
    lm_config c;
    *info = (lm_setting){0};
    lm_status status = lm_sweep_config(s, setting, "x", &c, err);
    if (status == LM_OK) status = find_budget(s, &c, info, err);
    if (status == LM_OK) status = find_rungs(s, &c, info, err);
    if (status == LM_OK) info->step_cost = find_cost(&c);
    if (status == LM_ERR_USAGE || (status == LM_ERR_RUNTIME && c.train.steps_open))
        lm_sweep_name_trial(s, setting, err);
    lm_config_free(&c);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------*/

char *lm_trial_dir(const char *dir, int64_t trial) {
    lm_text t = {0};
    lm_text_printf(&t, "%s/trials/%05lld", dir, (long long)trial);
    if (!t.failed) return t.data;
    lm_text_free(&t);
    return NULL;
}

void lm_shell_word(lm_text *out, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=:,@%+";
    if (*word && strspn(word, plain) == strlen(word)) {
        lm_text_append(out, word, strlen(word));
        return;
    }
    lm_text_append(out, "'", 1);
    for (const char *c = word; *c; c++) {
        if (*c == '\'')
            lm_text_append(out, "'\\''", 4);
        else
            lm_text_append(out, c, 1);
    }
    lm_text_append(out, "'", 1);
}

void lm_trial_command(const lm_sweep *s, const char *program, const char *base, int64_t trial,
                      int64_t threads, lm_text *out) {
    lm_overrides o;
    int64_t setting = trial / s->options.n_seeds;
    char *dir = lm_trial_dir(s->options.dir, trial);
    lm_overrides_make(&o, s, setting, lm_sweep_seed(s, trial % s->options.n_seeds), dir);
    lm_overrides_without_page(&o, s);
    out->failed |= o.no_memory || !dir;
    lm_shell_word(out, program);
    lm_text_printf(out, " train --config ");
    lm_shell_word(out, base);
    for (int i = 0; i < o.count; i++) {
        lm_text_printf(out, " --set ");
        lm_shell_word(out, o.items[i]);
    }
    if (threads > 0) lm_text_printf(out, " --threads %lld", (long long)threads);
    lm_text_printf(out, " --resume");
    lm_overrides_free(&o);
    free(dir);
}
