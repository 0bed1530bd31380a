/* Reading a space: its keys, ranges, lists and expressions. */
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
    else if (strpbrk(node->string, "'\"().") || !*node->string)
        lm_reading_problem(r, at, "%s: %s", what, stop.what);
    else /* "2h", "no space": meant as a text? */
        lm_reading_problem(r, at, "%s: %s; a text is quoted: \"'%.100s'\"", what, stop.what,
                           node->string);
    return NULL;
}

/* run.dir, run.seed and run.threads are not for the space to give. */
static bool check_own(const lm_json_node *m, const char *section, const char *name, lm_reading *r) {
    if (strcmp(section, "run") == 0 && strcmp(name, "dir") == 0)
        lm_reading_problem(r, m->key_at, "run.dir is each trial's own, inside sweep.dir");
    else if (strcmp(section, "run") == 0 && strcmp(name, "seed") == 0)
        lm_reading_problem(r, m->key_at,
                           "run.seed is of the replicates of a setting: give sweep.seeds");
    else if (strcmp(section, "run") == 0 && strcmp(name, "threads") == 0)
        lm_reading_problem(r, m->key_at,
                           "run.threads changes no result, and is for the workers to choose: give"
                           " sweep.threads");
    else
        return true;
    return false;
}

/* ---- values -----------------------------------------------------------------------------------*/

/* Of a key of which that is all to know; those of several forms the config's own reader checks. */
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
    default:
        return false;
    }
}

static bool check_value(const lm_dimension *d, const lm_json_node *node, lm_reading *r) {
    char place[LM_READING_PLACE];
    lm_error err = {0};
    if (d->key >= 0 && fits_key(lm_key_at(d->key), node)) return true;
    lm_reading_place(r, node->at, place);
    if (node->kind == LM_JSON_NULL) {
        lm_reading_problem(r, node->at, "%s: expected a value, found null", d->path);
        return false;
    }
    lm_status status = lm_dimension_check(d, r->text + node->at, node->end - node->at, place, &err);
    if (status == LM_ERR_USAGE) lm_reading_lines(r, err.message);
    r->no_memory |= status != LM_OK && status != LM_ERR_USAGE;
    return status == LM_OK;
}

/* A member of a section that is each trial's own. */
static bool is_setting(const lm_dimension *d, const lm_json_node *value, lm_reading *r) {
    for (const lm_json_node *m = strcmp(d->path, "run") == 0 ? value->child : NULL; m; m = m->next)
        if (!check_own(m, "run", m->key, r)) return false;
    return true;
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
        if (!check_value(d, m, r) || !is_setting(d, m, r)) return;
        lm_value v = lm_value_of(m, r->text);
        r->no_memory |= v.kind == LM_VALUE_NONE;
        d->choices[d->n_choices++] = v;
    }
}

static bool is_power_of_two(double x) {
    int exponent;
    return x >= 1 && x <= 0x1p52 && frexp(x, &exponent) == 0.5;
}

/* What is expected of the ends instead; NULL: they are right. */
static const char *range_problem(const lm_dimension *d) {
    if (d->low > d->high) return "the low end first";
    if (d->kind == LM_DIMENSION_LOG_UNIFORM && d->low <= 0) return "a low end above 0";
    if (d->kind == LM_DIMENSION_INTEGER &&
        (d->low != floor(d->low) || d->high != floor(d->high) || d->high - d->low > 1e9))
        return "whole numbers, at most a billion apart";
    if (d->kind == LM_DIMENSION_POWER_OF_TWO &&
        !(is_power_of_two(d->low) && is_power_of_two(d->high)))
        return "powers of two";
    return NULL;
}

/* Does the key take whole numbers only? Of a part that is found by trying a number between the
 * ends, which are taken. */
static bool is_whole(const lm_dimension *d) {
    char text[32];
    lm_error err;
    if (d->key >= 0) return lm_key_at(d->key)->type == LM_KEY_INTEGER;
    double x = d->low + (d->high - d->low) * 0.381966;
    if (x == floor(x)) x = d->low + (d->high - d->low) * 0.618034;
    if (x == floor(x)) return false;
    int n = snprintf(text, sizeof text, "%.17g", x);
    return lm_dimension_check(d, text, (size_t)n, "", &err) == LM_ERR_USAGE;
}

static void read_range(lm_dimension *d, const lm_json_node *node, const struct kind_row *kind,
                       lm_reading *r) {
    const lm_key *k = d->key >= 0 ? lm_key_at(d->key) : NULL;
    const lm_json_node *low = node->kind == LM_JSON_ARRAY ? node->child : NULL;
    const lm_json_node *high = low ? low->next : NULL;
    char what[160];
    if (k && k->type != LM_KEY_INTEGER && k->type != LM_KEY_REAL) {
        lm_reading_problem(r, node->at, "%s is no number: expected {\"choice\": [...]}", d->path);
        return;
    }
    if (!high || high->next || low->kind != LM_JSON_NUMBER || high->kind != LM_JSON_NUMBER) {
        snprintf(what, sizeof what, "%s: %s", d->path, kind->name);
        lm_reading_wrong(r, node, what, kind->takes);
        return;
    }
    if (!check_value(d, low, r) || !check_value(d, high, r)) return;
    d->low = low->number;
    d->high = high->number;
    const char *problem = range_problem(d);
    snprintf(what, sizeof what, "%s: %s", d->path, kind->name);
    if (problem)
        lm_reading_wrong(r, node, what, problem);
    else if ((d->kind == LM_DIMENSION_UNIFORM || d->kind == LM_DIMENSION_LOG_UNIFORM) &&
             is_whole(d))
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
        d->constant = d->expression && d->expression->n_names == 0;
    } else if (m->kind == LM_JSON_ARRAY) {
        read_kind(d, find_kind("choice"), m, r);
    } else {
        read_choices(d, m, false, r);
        d->constant = true;
    }
}

static lm_dimension *find_dimension(lm_space *s, const char *path) {
    for (int i = 0; i < s->n_dimensions; i++)
        if (strcmp(s->dimensions[i].path, path) == 0) return &s->dimensions[i];
    return NULL;
}

/* Is there anything of this path that --set takes? */
static bool is_known(const char *path) {
    const char *below;
    return lm_key_find(path) >= 0 || lm_key_find_above(path, &below) >= 0 ||
           lm_section_find(path) != NULL;
}

static void read_path(lm_space *s, const char *path, const lm_json_node *m, lm_reading *r) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    const char *dot = strchr(path, '.');
    char section[32] = "";
    if (dot) snprintf(section, sizeof section, "%.*s", (int)(dot - path), path);
    if (!is_known(path)) {
        lm_text_did_you_mean(near, lm_key_suggest(path));
        lm_reading_problem(r, m->key_at, "unknown key \"%.150s\"%s", path, near);
    } else if (find_dimension(s, path)) {
        lm_reading_problem(r, m->key_at, "duplicate key \"%s\"", path);
    } else if (dot && !check_own(m, section, dot + 1, r)) {
        return;
    } else if (s->n_dimensions == LM_SPACE_MOST) {
        lm_reading_problem(r, m->key_at, "a space has %d keys at most", LM_SPACE_MOST);
    } else {
        lm_dimension *d = &s->dimensions[s->n_dimensions];
        d->key = lm_key_find(path);
        d->path = strdup(path);
        r->no_memory |= !d->path;
        if (!d->path) return;
        s->n_dimensions++;
        read_dimension(d, m, r);
        d->drawn = d->kind == LM_DIMENSION_EXPRESSION ? -1 : s->n_drawn++;
    }
}

/* {"model": {"d_model": [64, 128]}}: keys by their section, unless it is an object of values. */
static void read_member(lm_space *s, const lm_json_node *m, lm_reading *r) {
    char path[256];
    bool nested = m->kind == LM_JSON_OBJECT && lm_section_find(m->key);
    for (int i = 0; nested && i < N_KINDS; i++) nested = !lm_json_node_member(m, kinds[i].name);
    if (!nested) {
        read_path(s, m->key, m, r);
        return;
    }
    for (const lm_json_node *k = m->child; k; k = k->next) {
        snprintf(path, sizeof path, "%s.%.200s", m->key, k->key);
        read_path(s, path, k, r);
    }
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
    r->no_memory |= !s->file || !s->text;
    if (r->no_memory) return;
    if (space && space->kind != LM_JSON_OBJECT)
        lm_reading_wrong(r, space, "space", "an object { \"optimizer.lr\": [...], ... }");
    else
        for (const lm_json_node *m = space ? space->child : NULL; m; m = m->next)
            read_member(s, m, r);
    if (constraints) read_constraints(s, constraints, r);
    lm_space_resolve(s, base, r);
}

void lm_space_free(lm_space *s) {
    for (int i = 0; i < s->n_names; i++) {
        lm_space_name *n = &s->names[i];
        for (int64_t j = 0; n->members && j < s->dimensions[n->dimension].n_choices; j++)
            lm_value_free(&n->members[j]);
        free(n->members);
        lm_value_free(&n->base);
    }
    free(s->names);
    for (int i = 0; i < s->n_dimensions; i++) {
        lm_dimension *d = &s->dimensions[i];
        for (int64_t j = 0; j < d->n_choices; j++) lm_value_free(&d->choices[j]);
        free(d->choices);
        free(d->path);
        lm_expression_free(d->expression);
        lm_expression_free(d->when);
    }
    for (int i = 0; i < s->n_constraints; i++) lm_expression_free(s->constraints[i].expression);
    free(s->constraints);
    free(s->file);
    free(s->text);
    *s = (lm_space){0};
}

/* ---- what is printed --------------------------------------------------------------------------*/

void lm_space_schema(lm_json_writer *w) {
    lm_json_object(w, "properties", LM_JSON_LINES);
    for (int i = 0; lm_section_at(i); i++) {
        lm_json_object(w, lm_section_at(i)->name, LM_JSON_LINE);
        lm_json_string(w, "description", "A list of objects, or an object of keys of this section");
        lm_json_array(w, "type", LM_JSON_LINE);
        lm_json_string(w, NULL, "array");
        lm_json_string(w, NULL, "object");
        lm_json_end(w);
        lm_json_end(w);
    }
    lm_json_end(w);
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
