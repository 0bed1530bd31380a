#include "cli/coordinates.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "fit/slope.h"

enum {
    WINDOWS = 4,      /* whose activations are compared: the first of the training data */
    LAYERS = 3,       /* at most, of models that are compared over widths */
    DEFAULTS = 4,     /* sizes, each twice the one before */
    LEAST_WIDTH = 32, /* of those that follow from d_model */
    OVERRIDE = 64,    /* bytes */
    ENDS = 3          /* activations that models of every depth have */
};

/* ---- the sizes --------------------------------------------------------------------------------*/

/* The least size when the config does not name a base: its own, halved while heads allow it. */
static int64_t least_width(const lm_model_options *m, bool wider_heads) {
    int64_t width = m->d_model, heads = m->n_heads, kv_heads = m->n_kv_heads;
    for (int i = 1; i < DEFAULTS; i++) {
        if (width % 2 != 0 || width / 2 < LEAST_WIDTH) break;
        if (!wider_heads && (heads % 2 != 0 || kv_heads % 2 != 0)) break;
        width /= 2;
        heads /= 2;
        kv_heads /= 2;
    }
    return width;
}

static lm_status take_values(lm_coordinates *c, const char *text, lm_error *err) {
    const char *option = c->deep ? "--depths" : "--widths", *at = text;
    for (c->n = 0;; at++) {
        char *end;
        long long value = strtoll(at, &end, 10);
        if (end == at || value < 1 || value > LM_MODEL_MOST_WIDTH || (*end && *end != ','))
            return lm_error_set(err, LM_ERR_USAGE,
                                "coord-check: %s: expected numbers separated by commas, found"
                                " \"%s\"",
                                option, text);
        if (c->n == LM_COORDINATES_MOST)
            return lm_error_set(err, LM_ERR_USAGE, "coord-check: %s: expected at most %d numbers",
                                option, LM_COORDINATES_MOST);
        if (c->n > 0 && value <= c->values[c->n - 1])
            return lm_error_set(err, LM_ERR_USAGE,
                                "coord-check: %s: expected rising numbers, found %lld behind %lld",
                                option, value, (long long)c->values[c->n - 1]);
        c->values[c->n++] = value;
        at = end;
        if (!*at) break;
    }
    if (c->n >= 2) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "coord-check: %s: expected two numbers or more, found one", option);
}

lm_status lm_coordinates_plan(lm_coordinates *c, const lm_coordinates_how *how, bool deep,
                              const char *values, lm_error *err) {
    lm_config config = {0};
    const lm_model_options *m = &config.model;
    *c = (lm_coordinates){.deep = deep, .steps = how->steps};
    lm_status status = lm_config_load(&config, how->config, how->set->items, how->set->count, err);
    if (status != LM_OK) goto out;
    int64_t base = m->parametrization == LM_STANDARD ? 0 : m->base_d_model;
    int64_t width = base > 0 ? base : least_width(m, how->wider_heads);
    int64_t depth = m->base_n_layers > 0 ? m->base_n_layers : lm_min(m->n_layers, 2);
    c->other = deep ? width : lm_min(m->n_layers, LAYERS);
    if (values) {
        status = take_values(c, values, err);
    } else {
        for (c->n = 0; c->n < DEFAULTS; c->n++) c->values[c->n] = (deep ? depth : width) << c->n;
    }
out:
    lm_config_free(&config);
    return status;
}

lm_status lm_coordinates_promise_depth(const lm_coordinates_how *how, bool *promises,
                                       lm_error *err) {
    lm_config config = {0};
    lm_status status = lm_config_load(&config, how->config, how->set->items, how->set->count, err);
    *promises = config.model.parametrization == LM_COMPLETEP;
    lm_config_free(&config);
    return status;
}

/* ---- one model --------------------------------------------------------------------------------*/

typedef struct overrides {
    char text[LM_PROBE_MORE][OVERRIDE];
    const char *items[LM_PROBE_MORE];
    int n;
} overrides;

static void add(overrides *o, const char *key, int64_t value) {
    LM_ASSERT(o->n < LM_PROBE_MORE);
    snprintf(o->text[o->n], OVERRIDE, "=%s=%" PRId64, key, value);
    o->items[o->n] = o->text[o->n];
    o->n++;
}

/* `key` grows as d_model does. */
static lm_status add_scaled(overrides *o, const char *key, int64_t value, int64_t width,
                            int64_t of_width, lm_error *err) {
    if (value * width % of_width != 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "coord-check: a model of width %" PRId64 " would have %s = %" PRId64
                            " * %" PRId64 " / %" PRId64 ", which is no whole number",
                            width, key, value, width, of_width);
    add(o, key, value * width / of_width);
    return LM_OK;
}

/* What turns the config's model into one of the check. */
static lm_status make_overrides(overrides *o, const lm_coordinates *c,
                                const lm_coordinates_how *how, int64_t value, int64_t seed,
                                lm_error *err) {
    lm_config config = {0};
    const lm_model_options *m = &config.model;
    *o = (overrides){0};
    lm_status status = lm_config_load(&config, how->config, how->set->items, how->set->count, err);
    if (status != LM_OK) goto out;
    const int64_t width = c->deep ? c->other : value, depth = c->deep ? value : c->other;
    const int64_t own = m->d_model, least = c->deep ? c->other : c->values[0];
    add(o, "run.seed", config.run.seed + seed);
    add(o, "model.d_model", width);
    add(o, "model.n_layers", depth);
    if (m->parametrization != LM_STANDARD && m->base_d_model == 0)
        add(o, "model.base_d_model", least);
    if (m->parametrization == LM_COMPLETEP && m->base_n_layers == 0)
        add(o, "model.base_n_layers", c->deep ? c->values[0] : c->other);
    if (m->d_ff > 0) status = add_scaled(o, "model.d_ff", m->d_ff, width, own, err);
    if (how->wider_heads) {
        if (status == LM_OK && m->head_dim > 0)
            status = add_scaled(o, "model.head_dim", m->head_dim, width, own, err);
    } else {
        if (status == LM_OK) status = add_scaled(o, "model.n_heads", m->n_heads, width, own, err);
        if (status == LM_OK && m->n_kv_heads > 0)
            status = add_scaled(o, "model.n_kv_heads", m->n_kv_heads, width, own, err);
    }
out:
    lm_config_free(&config);
    return status;
}

/* Which of a model's activations is compared as `kind`. */
static int64_t activation_of(const lm_coordinates *c, const lm_model *m, int64_t kind) {
    const int64_t layers = lm_model_get_options(m)->n_layers;
    if (!c->deep || kind == 0) return kind;
    return kind == 1 ? layers : layers + 2;
}

/* The probed windows and what the model made of them. */
typedef struct probed {
    lm_model *m;
    int64_t time;
    int32_t *tokens;  /* [WINDOWS, time + 1] */
    int64_t *offsets; /* [kinds + 1]: of a window's activations */
    float *first;     /* [WINDOWS, offsets[kinds]]: before the first step */
    float *now;       /* of one window and kind */
} probed;

static void probed_free(probed *p) {
    free(p->tokens);
    free(p->offsets);
    free(p->first);
    free(p->now);
}

static lm_status probed_open(probed *p, const lm_coordinates *c, lm_trainer *t, lm_error *err) {
    int64_t most = 0;
    *p = (probed){.m = t->model, .time = t->config->model.context_length};
    p->tokens = calloc((size_t)(WINDOWS * (p->time + 1)), sizeof *p->tokens);
    p->offsets = calloc((size_t)c->kinds + 1, sizeof *p->offsets);
    if (!p->tokens || !p->offsets) return lm_error_no_memory(err, NULL);
    for (int64_t k = 0; k < c->kinds; k++) {
        int64_t n = lm_model_activation(p->m, activation_of(c, p->m, k), 1, p->time, NULL);
        p->offsets[k + 1] = p->offsets[k] + n;
        most = lm_max(most, n);
    }
    p->first = calloc((size_t)p->offsets[c->kinds], WINDOWS * sizeof *p->first);
    p->now = calloc((size_t)most, sizeof *p->now);
    if (!p->first || !p->now) return lm_error_no_memory(err, NULL);
    lm_status status = LM_OK;
    for (int64_t w = 0; w < WINDOWS && status == LM_OK; w++)
        status = lm_sources_window(&t->setup.train, w, p->tokens + w * (p->time + 1), err);
    return status;
}

/* Adds the means of this model, size i, after so many steps. */
static void add_means(const probed *p, const lm_coordinates *c, const lm_coordinates_how *how,
                      int64_t i, int64_t step) {
    lm_model_begin_step(p->m);
    for (int64_t w = 0; w < WINDOWS; w++) {
        lm_model_loss(p->m, p->tokens + w * (p->time + 1), 1, p->time);
        for (int64_t k = 0; k < c->kinds; k++) {
            const int64_t n = p->offsets[k + 1] - p->offsets[k];
            float *first = p->first + w * p->offsets[c->kinds] + p->offsets[k];
            float *now = step == 0 ? first : p->now;
            double sum = 0;
            lm_model_activation(p->m, activation_of(c, p->m, k), 1, p->time, now);
            for (int64_t j = 0; j < n; j++)
                sum += fabs((double)now[j] - (step == 0 ? 0 : (double)first[j]));
            lm_coordinates_at(c, k, step)[i] += sum / (double)(n * WINDOWS * how->seeds);
        }
    }
}

static lm_status list_kinds(lm_coordinates *c, const lm_model *m, lm_error *err) {
    static const char *const ends[ENDS] = {"embedding", "last layer", "logits"};
    if (c->names) return LM_OK;
    c->kinds = c->deep ? ENDS : lm_model_activations(m);
    c->names = calloc((size_t)c->kinds, sizeof *c->names);
    c->means = calloc((size_t)(c->kinds * (c->steps + 1) * c->n), sizeof *c->means);
    if (!c->names || !c->means) return lm_error_no_memory(err, NULL);
    for (int64_t k = 0; k < c->kinds; k++) {
        if (c->deep)
            snprintf(c->names[k], sizeof c->names[k], "%s", ends[k]);
        else
            lm_model_activation_name(m, k, c->names[k]);
    }
    return LM_OK;
}

/* A step; an error says of which model. */
static lm_status step_of(const lm_coordinates *c, int64_t i, lm_trainer *t, lm_error *err) {
    lm_error own;
    if (lm_trainer_step(t, &own) == LM_OK) return LM_OK;
    return lm_error_set(err, own.code, "coord-check: %s = %" PRId64 ": %-s",
                        c->deep ? "n_layers" : "d_model", c->values[i], own.message);
}

static lm_status measure_model(lm_coordinates *c, const lm_coordinates_how *how, int64_t i,
                               int64_t seed, lm_error *err) {
    overrides o;
    lm_probe p = {0};
    probed windows = {0};
    lm_status status = make_overrides(&o, c, how, c->values[i], seed, err);
    if (status != LM_OK) return status;
    const lm_probe_of what = {.config = how->config,
                              .set = how->set,
                              .more = o.items,
                              .n_more = o.n,
                              .steps = c->steps,
                              .keep = true,
                              .machine = how->machine};
    status = lm_probe_open(&p, &what, err);
    if (status == LM_OK) status = list_kinds(c, p.trainer.model, err);
    if (status == LM_OK) status = probed_open(&windows, c, &p.trainer, err);
    for (int64_t step = 0; step <= c->steps && status == LM_OK; step++) {
        if (step > 0) status = step_of(c, i, &p.trainer, err);
        if (status == LM_OK) add_means(&windows, c, how, i, step);
    }
    probed_free(&windows);
    lm_probe_close(&p);
    return status;
}

lm_status lm_coordinates_measure(lm_coordinates *c, const lm_coordinates_how *how, lm_error *err) {
    lm_status status = LM_OK;
    for (int64_t i = 0; i < c->n && status == LM_OK; i++)
        for (int64_t seed = 0; seed < how->seeds && status == LM_OK; seed++)
            status = measure_model(c, how, i, seed, err);
    return status;
}

void lm_coordinates_free(lm_coordinates *c) {
    free(c->names);
    free(c->means);
    c->names = NULL;
    c->means = NULL;
}

double lm_coordinates_slope(const lm_coordinates *c, int64_t kind) {
    double x[LM_COORDINATES_MOST];
    for (int64_t i = 0; i < c->n; i++) x[i] = (double)c->values[i];
    return lm_slope(x, lm_coordinates_at(c, kind, c->steps), c->n);
}
