/* Reading a space: its keys, ranges, lists and expressions, and what those name. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/suggest.h"
#include "sweep/space.h"

static const struct kind_row {
    const char *name, *takes;
    lm_dimension_kind kind;
} kinds[] = {
    {"choice", "a list of values", LM_DIMENSION_LIST},
    {"uniform", "[low, high]", LM_DIMENSION_UNIFORM},
    {"log_uniform", "[low, high], above 0", LM_DIMENSION_LOG_UNIFORM},
    {"integer", "[low, high], whole numbers", LM_DIMENSION_INTEGER},
    {"power_of_two", "[low, high], powers of two", LM_DIMENSION_POWER_OF_TWO},
    {"expression", "an expression, in quotes", LM_DIMENSION_EXPRESSION},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds, MOST_CHOICES = 10000, MOST_CONSTRAINTS = 100 };

/* ---- expressions ------------------------------------------------------------------------------*/

/* NULL with a problem. Without escapes in the string, the place is in the middle of it. */
static lm_expression *read_expression(const lm_json_node *node, const char *what, lm_reading *r) {
    lm_expression *e;
    lm_expression_stop stop;
    if (node->kind != LM_JSON_STRING) {
        lm_reading_wrong(r, node, what, "an expression, in quotes");
        return NULL;
    }
    if (lm_expression_parse(&e, node->string, &stop)) return e;
    size_t plain = node->end - node->at - 2;
    size_t at = node->at + (plain == strlen(node->string) ? 1 + stop.at : 0);
    if (stop.no_memory)
        r->no_memory = true;
    else
        lm_reading_problem(r, at, "%s: %s", what, stop.what);
    return NULL;
}

/* ---- values -----------------------------------------------------------------------------------*/

static bool fits_key(const lm_key *k, const lm_json_node *node) {
    switch (k->type) {
    case LM_KEY_INTEGER:
    case LM_KEY_REAL:
        return node->kind == LM_JSON_NUMBER && lm_key_accepts_number(k, node->number);
    case LM_KEY_BOOLEAN:
        return node->kind == LM_JSON_TRUE || node->kind == LM_JSON_FALSE;
    case LM_KEY_CHOICE:
        return node->kind == LM_JSON_STRING && lm_key_choice(k, node->string) >= 0;
    case LM_KEY_STRING:
        return node->kind == LM_JSON_STRING;
    default: /* several forms, which the config's own reader checks */
        return node->kind != LM_JSON_NULL;
    }
}

static bool check_value(const lm_key *k, const lm_json_node *node, lm_reading *r) {
    if (fits_key(k, node)) return true;
    lm_text expected = {0};
    lm_key_describe(k, &expected);
    lm_reading_wrong(r, node, k->path, lm_text_cstr(&expected));
    lm_text_free(&expected);
    return false;
}

/* A list of values, or, where node is none, that one value. */
static void read_choices(lm_dimension *d, const lm_json_node *node, bool list, lm_reading *r) {
    const lm_json_node *first = list ? node->child : node;
    int64_t count = list ? node->count : 1;
    if (count < 1 || count > MOST_CHOICES) {
        lm_reading_problem(r, node->at, "%s: expected a list of 1 to %d values, found %lld",
                           d->path, MOST_CHOICES, (long long)count);
        return;
    }
    d->choices = calloc((size_t)count, sizeof *d->choices);
    r->no_memory |= !d->choices;
    for (const lm_json_node *m = first; m && d->choices && d->n_choices < count; m = m->next) {
        if (!check_value(lm_key_at(d->key), m, r)) return;
        lm_value v = lm_value_of(m, r->text);
        r->no_memory |= v.kind == LM_VALUE_NONE;
        d->choices[d->n_choices++] = v;
    }
}

static bool is_power_of_two(double x) {
    int exponent;
    return x >= 1 && x <= 0x1p52 && frexp(x, &exponent) == 0.5;
}

static const char *range_problem(const lm_dimension *d) {
    if (d->low > d->high) return "the low end is above the high end";
    if (d->kind == LM_DIMENSION_LOG_UNIFORM && d->low <= 0) return "the low end must be above 0";
    if (d->kind == LM_DIMENSION_INTEGER &&
        (d->low != floor(d->low) || d->high != floor(d->high) || d->high - d->low > 1e9))
        return "the ends must be whole numbers, at most a billion apart";
    if (d->kind == LM_DIMENSION_POWER_OF_TWO &&
        !(is_power_of_two(d->low) && is_power_of_two(d->high)))
        return "the ends must be powers of two";
    return NULL;
}

static void read_range(lm_dimension *d, const lm_json_node *node, const struct kind_row *kind,
                       lm_reading *r) {
    const lm_key *k = lm_key_at(d->key);
    const lm_json_node *low = node->kind == LM_JSON_ARRAY ? node->child : NULL;
    const lm_json_node *high = low ? low->next : NULL;
    char what[160];
    if (k->type != LM_KEY_INTEGER && k->type != LM_KEY_REAL) {
        lm_reading_problem(r, node->at, "%s is no number: expected {\"choice\": [...]}", d->path);
        return;
    }
    if (!high || high->next || low->kind != LM_JSON_NUMBER || high->kind != LM_JSON_NUMBER) {
        snprintf(what, sizeof what, "%s: %s", d->path, kind->name);
        lm_reading_wrong(r, node, what, kind->takes);
        return;
    }
    if (!check_value(k, low, r) || !check_value(k, high, r)) return;
    d->low = low->number;
    d->high = high->number;
    const char *problem = range_problem(d);
    if (problem)
        lm_reading_problem(r, node->at, "%s: %s: %s", d->path, kind->name, problem);
    else if (k->type == LM_KEY_INTEGER &&
             (d->kind == LM_DIMENSION_UNIFORM || d->kind == LM_DIMENSION_LOG_UNIFORM))
        lm_reading_problem(r, node->at,
                           "%s takes whole numbers: expected \"integer\" or \"power_of_two\","
                           " found \"%s\"",
                           d->path, kind->name);
}

/* ---- a key ------------------------------------------------------------------------------------*/

static const struct kind_row *find_kind(const char *name) {
    for (int i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    return NULL;
}

static void read_kind(lm_dimension *d, const struct kind_row *kind, const lm_json_node *m,
                      lm_reading *r) {
    d->kind = kind->kind;
    if (kind->kind == LM_DIMENSION_EXPRESSION)
        d->expression = read_expression(m, d->path, r);
    else if (kind->kind != LM_DIMENSION_LIST)
        read_range(d, m, kind, r);
    else if (m->kind == LM_JSON_ARRAY)
        read_choices(d, m, true, r);
    else
        lm_reading_wrong(r, m, d->path, kind->takes);
}

/* {"uniform": [0, 1], "levels": 5, "when": "..."} */
static void read_object(lm_dimension *d, const lm_json_node *object, lm_reading *r) {
    int found = 0;
    for (const lm_json_node *m = object->child; m; m = m->next) {
        const struct kind_row *kind = find_kind(m->key);
        if (lm_json_node_member(object, m->key) != m) {
            lm_reading_problem(r, m->key_at, "%s: \"%.50s\" stands here twice", d->path, m->key);
        } else if (kind) {
            if (found++ == 0) read_kind(d, kind, m, r);
        } else if (strcmp(m->key, "when") == 0) {
            d->when_at = m->at;
            d->when = read_expression(m, d->path, r);
        } else if (strcmp(m->key, "levels") == 0) {
            if (m->kind == LM_JSON_NUMBER && m->number >= 1 && m->number <= MOST_CHOICES &&
                m->number == floor(m->number))
                d->levels = (int64_t)m->number;
            else
                lm_reading_wrong(r, m, d->path, "levels, a whole number from 1 to 10000");
        } else {
            lm_reading_problem(r, m->key_at,
                               "%s: unknown \"%.50s\": expected choice, uniform, log_uniform,"
                               " integer, power_of_two or expression, and when, levels",
                               d->path, m->key);
        }
    }
    if (found != 1)
        lm_reading_problem(r, object->at,
                           "%s: expected one of choice, uniform, log_uniform, integer,"
                           " power_of_two, expression, found %d of them",
                           d->path, found);
    if (d->levels > 0 && d->kind != LM_DIMENSION_UNIFORM && d->kind != LM_DIMENSION_LOG_UNIFORM)
        lm_reading_problem(r, object->at, "%s: levels are of uniform and log_uniform only",
                           d->path);
}

static void read_dimension(lm_dimension *d, const lm_json_node *m, lm_reading *r) {
    d->at = m->at;
    if (m->kind == LM_JSON_OBJECT) {
        read_object(d, m, r);
    } else if (m->kind == LM_JSON_STRING) {
        read_kind(d, find_kind("expression"), m, r);
    } else if (m->kind == LM_JSON_ARRAY) {
        read_kind(d, find_kind("choice"), m, r);
    } else {
        read_choices(d, m, false, r);
    }
}

static void read_member(lm_space *s, const lm_json_node *m, const lm_json_node *space,
                        lm_reading *r) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    int key = lm_key_find(m->key);
    if (key < 0) {
        lm_text_did_you_mean(near, lm_key_suggest(m->key));
        lm_reading_problem(r, m->key_at, "unknown key \"%.150s\"%s", m->key, near);
    } else if (lm_json_node_member(space, m->key) != m) {
        lm_reading_problem(r, m->key_at, "duplicate key \"%s\"", m->key);
    } else if (strcmp(m->key, "run.dir") == 0) {
        lm_reading_problem(r, m->key_at, "run.dir is each trial's own, inside sweep.dir");
    } else if (strcmp(m->key, "run.seed") == 0) {
        lm_reading_problem(r, m->key_at,
                           "run.seed is of the replicates of a setting: give sweep.seeds");
    } else if (s->n_dimensions == LM_SPACE_MOST) {
        lm_reading_problem(r, m->key_at, "a space has %d keys at most", LM_SPACE_MOST);
    } else {
        lm_dimension *d = &s->dimensions[s->n_dimensions++];
        d->key = key;
        d->path = lm_key_at(key)->path;
        read_dimension(d, m, r);
        d->drawn = d->kind == LM_DIMENSION_EXPRESSION ? -1 : s->n_drawn++;
    }
}

/* ---- names ------------------------------------------------------------------------------------*/

/* The value that the base config has, for expressions. */
static void take_base_value(lm_space *s, int key, const lm_config *base, lm_reading *r) {
    lm_text text = {0};
    lm_json_node *node = NULL;
    lm_error err;
    if (s->base[key].kind != LM_VALUE_NONE) return;
    lm_key_print(lm_key_at(key), base, &text);
    if (lm_json_tree_read(&node, "base", lm_text_cstr(&text), text.length, NULL, &err) == LM_OK)
        s->base[key] = lm_value_of(node, lm_text_cstr(&text));
    r->no_memory |= text.failed || s->base[key].kind == LM_VALUE_NONE;
    lm_json_tree_free(node);
    lm_text_free(&text);
}

/* A name means dimension i >= 0, or the base's value of key -1 - i. */
static void resolve(lm_space *s, lm_expression *e, size_t at, const lm_config *base,
                    lm_reading *r) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    for (int n = 0; e && n < e->n_names; n++) {
        const char *name = e->names[n].name;
        int key = lm_key_find(name), i = 0;
        if (key < 0 || strcmp(name, "run.seed") == 0 || strcmp(name, "run.dir") == 0) {
            lm_text_did_you_mean(near, key < 0 ? lm_key_suggest(name) : NULL);
            lm_reading_problem(r, at,
                               key < 0 ? "unknown key \"%.150s\" in \"%.150s\"%s"
                                       : "%.150s in \"%.150s\" is each trial's own%s",
                               name, e->text, near);
            continue;
        }
        while (i < s->n_dimensions && s->dimensions[i].key != key) i++;
        e->names[n].means = i < s->n_dimensions ? i : -1 - key;
        if (i == s->n_dimensions) take_base_value(s, key, base, r);
    }
}

static bool needs(const lm_expression *e, int dimension) {
    for (int n = 0; e && n < e->n_names; n++)
        if (e->names[n].means == dimension) return true;
    return false;
}

/* Can dimension i be settled, when those that are `done` are? */
static bool is_ready(const lm_space *s, int i, const bool *done) {
    const lm_dimension *d = &s->dimensions[i];
    for (int j = 0; j < s->n_dimensions; j++)
        if (!done[j] && (needs(d->expression, j) || needs(d->when, j))) return false;
    return true;
}

static void sort(lm_space *s, lm_reading *r) {
    bool done[LM_SPACE_MOST] = {false};
    int n = 0, before;
    do {
        before = n;
        for (int i = 0; i < s->n_dimensions; i++) {
            if (done[i] || !is_ready(s, i, done)) continue;
            done[i] = true;
            s->order[n++] = i;
        }
    } while (n > before);
    for (int i = 0; i < s->n_dimensions; i++)
        if (!done[i])
            lm_reading_problem(r, s->dimensions[i].at,
                               "%s depends on itself, through its expressions",
                               s->dimensions[i].path);
}

/* ---- the whole --------------------------------------------------------------------------------*/

static void read_constraints(lm_space *s, const lm_json_node *list, lm_reading *r) {
    if (list->kind != LM_JSON_ARRAY || list->count > MOST_CONSTRAINTS) {
        lm_reading_wrong(r, list, "constraints", "a list of at most 100 expressions");
        return;
    }
    s->constraints = calloc((size_t)list->count + 1, sizeof *s->constraints);
    r->no_memory |= !s->constraints;
    for (const lm_json_node *m = list->child; m && s->constraints; m = m->next) {
        lm_expression *e = read_expression(m, "constraints", r);
        if (e) s->constraints[s->n_constraints++] = (lm_constraint){e, m->at};
    }
}

void lm_space_read(lm_space *s, const lm_json_node *space, const lm_json_node *constraints,
                   const lm_config *base, lm_reading *r) {
    *s = (lm_space){0};
    s->file = strdup(r->name);
    s->text = strdup(r->text);
    s->base = calloc((size_t)lm_key_count(), sizeof *s->base);
    r->no_memory |= !s->file || !s->text || !s->base;
    if (r->no_memory) return;
    if (space && space->kind != LM_JSON_OBJECT)
        lm_reading_wrong(r, space, "space", "an object { \"optimizer.lr\": [...], ... }");
    else
        for (const lm_json_node *m = space ? space->child : NULL; m; m = m->next)
            read_member(s, m, space, r);
    if (constraints) read_constraints(s, constraints, r);
    for (int i = 0; i < s->n_dimensions; i++) {
        resolve(s, s->dimensions[i].expression, s->dimensions[i].at, base, r);
        resolve(s, s->dimensions[i].when, s->dimensions[i].when_at, base, r);
    }
    for (int i = 0; i < s->n_constraints; i++)
        resolve(s, s->constraints[i].expression, s->constraints[i].at, base, r);
    sort(s, r);
}

void lm_space_free(lm_space *s) {
    for (int i = 0; i < s->n_dimensions; i++) {
        lm_dimension *d = &s->dimensions[i];
        for (int64_t j = 0; j < d->n_choices; j++) lm_value_free(&d->choices[j]);
        free(d->choices);
        lm_expression_free(d->expression);
        lm_expression_free(d->when);
    }
    for (int i = 0; i < s->n_constraints; i++) lm_expression_free(s->constraints[i].expression);
    for (int i = 0; s->base && i < lm_key_count(); i++) lm_value_free(&s->base[i]);
    free(s->constraints);
    free(s->base);
    free(s->file);
    free(s->text);
    *s = (lm_space){0};
}

/* ---- what is printed --------------------------------------------------------------------------*/

void lm_space_schema(lm_json_writer *w) {
    lm_json_object(w, "additionalProperties", LM_JSON_LINES);
    lm_json_string(w, "description",
                   "Values: a list, one value, an expression in quotes, or an object with one of"
                   " choice, uniform, log_uniform, integer, power_of_two, expression.");
    lm_json_array(w, "type", LM_JSON_LINE);
    const char *const types[] = {"array", "string", "number", "boolean", "object"};
    for (int i = 0; i < 5; i++) lm_json_string(w, NULL, types[i]);
    lm_json_end(w);
    lm_json_boolean(w, "additionalProperties", false);
    lm_json_object(w, "properties", LM_JSON_LINES);
    for (int i = 0; i < N_KINDS; i++) {
        bool range = kinds[i].kind != LM_DIMENSION_LIST && kinds[i].kind != LM_DIMENSION_EXPRESSION;
        lm_json_object(w, kinds[i].name, LM_JSON_LINE);
        lm_json_string(w, "description", kinds[i].takes);
        lm_json_string(w, "type", kinds[i].kind == LM_DIMENSION_EXPRESSION ? "string" : "array");
        lm_json_integer(w, range ? "maxItems" : "minLength", range ? 2 : 1);
        lm_json_end(w);
    }
    lm_json_object(w, "when", LM_JSON_LINE);
    lm_json_string(w, "type", "string");
    lm_json_end(w);
    lm_json_object(w, "levels", LM_JSON_LINE);
    lm_json_string(w, "type", "integer");
    lm_json_integer(w, "minimum", 1);
    lm_json_end(w);
    lm_json_end(w);
    lm_json_end(w);
}
