#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/parser.h"

void lm_parser_problem(lm_parser *p, const char *place, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lm_text_printf(&p->problems, "%s%s: %s", p->problems.length ? "\n" : "", place, line);
}

/* Place of the first key that the line names, as far as it was given; an override before the file. */
static const char *place_of_named(const lm_parser *p, const char *line, size_t length) {
    const char *best = NULL, *first = NULL;
    bool best_is_override = false;
    for (int key = 0; key < lm_key_count(); key++) {
        const char *place = p->origins[key].place, *path = lm_key_at(key)->path;
        const char *at = memmem(line, length, path, strlen(path));
        if (!at || !*place) continue;
        bool is_override = strncmp(place, "--set", 5) == 0;
        if (best && (is_override == best_is_override ? at > first : best_is_override)) continue;
        best = place;
        first = at;
        best_is_override = is_override;
    }
    return best ? best : p->name;
}

/* What the model room says of the model's options, with places. */
static void check_model(lm_parser *p) {
    lm_model_options model = p->config->model;
    lm_error err = {0};
    for (int key = 0; key < lm_key_count(); key++)
        if (p->origins[key].wrong && strncmp(lm_key_at(key)->path, "model.", 6) == 0) return;
    if (!*p->origins[lm_key_find("model.document_token")].place)
        model.document_token = LM_TOKEN_UNKNOWN; /* the key's default is some token or other */
    if (lm_model_resolve(&model, &err) == LM_OK) return;
    for (const char *line = err.message; *line;) {
        size_t n = strcspn(line, "\n");
        lm_parser_problem(p, place_of_named(p, line, n), "%.*s", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

/* The preset's values where a key is not given itself. */
static void apply_preset(lm_parser *p) {
    for (int i = 0; i < lm_n_presets; i++) {
        int key = lm_key_find(lm_presets[i].path);
        if (lm_presets[i].preset == p->config->preset && !*p->origins[key].place)
            p->no_memory |= !lm_key_set_literal(lm_key_at(key), p->config, lm_presets[i].value);
    }
}

static void check_key(lm_parser *p, const lm_key *k, const lm_origin *origin) {
    if (!*origin->place) {
        if (k->required) lm_parser_problem(p, p->name, "%s: required, but not given", k->path);
        return;
    }
    if (k->required && !origin->wrong && !*lm_key_text(k, p->config))
        lm_parser_problem(p, origin->place, "%s: expected a path, found an empty text", k->path);
    if (lm_key_applies(k, p->config)) return;
    int depends = lm_key_find(k->depends);
    if (p->origins[depends].wrong) return;
    lm_text value = {0};
    lm_key_print(lm_key_at(depends), p->config, &value);
    lm_parser_problem(p, origin->place, "%s has no effect when %s is %s", k->path, k->depends,
                      lm_text_cstr(&value));
    lm_text_free(&value);
}

static void check_keys(lm_parser *p) {
    for (int key = 0; key < lm_key_count(); key++) check_key(p, lm_key_at(key), &p->origins[key]);
}

/* Warm-up by default is not more than a tenth of the run; given, it fits the run. */
static void check_warmup(lm_parser *p) {
    lm_config *c = p->config;
    int warmup = lm_key_find("schedule.warmup_steps");
    if (!*p->origins[warmup].place) {
        int64_t tenth = c->train.steps / 10;
        if (tenth < c->schedule.warmup_steps) c->schedule.warmup_steps = tenth;
    } else if (c->schedule.warmup_steps > c->train.steps && !p->origins[warmup].wrong &&
               !p->origins[lm_key_find("train.steps")].wrong) {
        lm_parser_problem(p, p->origins[warmup].place,
                          "schedule.warmup_steps = %lld is more than train.steps = %lld",
                          (long long)c->schedule.warmup_steps, (long long)c->train.steps);
    }
}

void lm_parser_check(lm_parser *p) {
    apply_preset(p);
    check_keys(p);
    check_warmup(p);
    check_model(p);
}
