#include "config/keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys/rows.h"
#include "config/schedules.h"
#include "config/tables.h"

static void *member(const lm_key *k, lm_config *c) {
    return (char *)c + k->offset;
}
static const void *const_member(const lm_key *k, const lm_config *c) {
    return (const char *)c + k->offset;
}

/* ---- finding ----------------------------------------------------------------------------------*/

const lm_section *lm_section_at(int i) {
#define ADDRESS(name_) &lm_section_##name_,
    static const lm_section *const sections[] = {LM_SECTIONS(ADDRESS) NULL};
    return sections[i];
}

int lm_section_count(void) {
    int n = 0;
    while (lm_section_at(n)) n++;
    return n;
}

const lm_section *lm_section_find(const char *name) {
    const lm_section *s;
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++)
        if (strcmp(s->name, name) == 0) break;
    return s;
}

int lm_key_count(void) {
    const lm_section *s;
    int count = 0;
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) count += s->n_keys;
    return count;
}

const lm_key *lm_key_at(int key) {
    const lm_section *s;
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) {
        if (key < s->n_keys) break;
        key -= s->n_keys;
    }
    LM_ASSERT(s && key >= 0);
    return &s->keys[key];
}

int lm_key_find(const char *path) {
    for (int key = 0; key < lm_key_count(); key++)
        if (strcmp(lm_key_at(key)->path, path) == 0) return key;
    return -1;
}

bool lm_key_has_parts(const lm_key *k) {
    return k->type == LM_KEY_GROUPS || k->type == LM_KEY_SCHEDULE;
}

int lm_key_find_above(const char *path, const char **below) {
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        size_t n = strlen(k->path);
        if (!lm_key_has_parts(k) || strncmp(path, k->path, n) != 0 || path[n] != '.') continue;
        *below = path + n + 1;
        return key;
    }
    return -1;
}

const char *lm_key_name(const lm_key *k) {
    return strchr(k->path, '.') + 1;
}

bool lm_key_applies(const lm_key *k, const lm_config *c) {
    return !k->applies || k->applies(c);
}

bool lm_key_is_absent(const lm_key *k, const lm_config *c) {
    return k->type == LM_KEY_SCHEDULE && !((const lm_schedule *)const_member(k, c))->given;
}

const char *lm_key_legacy(const lm_key *k) {
    return k->legacy ? k->legacy : k->default_value;
}

/* ---- one value --------------------------------------------------------------------------------*/

/* One that is no more than a path is written as one. */
static void write_sources(const lm_key *k, const lm_data_sources *s, lm_json_writer *w,
                          const char *name) {
    if (s->count == 0 || (s->count == 1 && !s->items[0].name)) {
        lm_json_string(w, name, s->count ? s->items[0].path : "");
        return;
    }
    if (k->weighted) {
        lm_json_array(w, name, LM_JSON_LINE);
    } else {
        lm_json_object(w, name, LM_JSON_LINE);
    }
    for (const lm_data_source *i = s->items; i < s->items + s->count; i++) {
        if (!k->weighted) {
            lm_json_string(w, i->name, i->path);
            continue;
        }
        lm_json_object(w, NULL, LM_JSON_LINE);
        if (i->name) lm_json_string(w, "name", i->name);
        lm_json_string(w, "path", i->path);
        lm_json_number(w, "weight", i->weight);
        lm_json_end(w);
    }
    lm_json_end(w);
}

static void write_numbers(const lm_number_list *l, lm_json_writer *w, const char *name) {
    lm_json_array(w, name, LM_JSON_LINE);
    for (int64_t i = 0; i < l->count; i++) lm_json_number(w, NULL, l->values[i]);
    lm_json_end(w);
}

void lm_key_write(const lm_key *k, const lm_config *c, lm_json_writer *w, const char *name) {
    const void *p = const_member(k, c);
    switch (k->type) {
    case LM_KEY_INTEGER:
        lm_json_integer(w, name, *(const int64_t *)p);
        break;
    case LM_KEY_REAL:
        lm_json_number(w, name, *(const double *)p);
        break;
    case LM_KEY_BOOLEAN:
        lm_json_boolean(w, name, *(const bool *)p);
        break;
    case LM_KEY_STRING:
        lm_json_string(w, name, *(char *const *)p);
        break;
    case LM_KEY_SOURCES:
        write_sources(k, p, w, name);
        break;
    case LM_KEY_CHOICE:
        lm_json_string(w, name, k->choice(*(const int *)p));
        break;
    case LM_KEY_GROUPS:
        lm_group_list_write(p, w, name);
        break;
    case LM_KEY_SCHEDULE:
        lm_schedule_write(p, w, name);
        break;
    case LM_KEY_LENGTH:
        lm_schedule_write_length(p, w, name);
        break;
    case LM_KEY_NUMBERS:
        write_numbers(p, w, name);
        break;
    case LM_KEY_TABLES:
        lm_tables_write(p, w, name);
        break;
    }
}

void lm_key_copy(const lm_key *k, const lm_config *from, lm_config *to) {
    size_t size = k->type == LM_KEY_BOOLEAN   ? sizeof(bool)
                  : k->type == LM_KEY_CHOICE  ? sizeof(int)
                  : k->type == LM_KEY_TABLES  ? sizeof(lm_ngram_tables)
                  : k->type == LM_KEY_NUMBERS ? sizeof(lm_number_list)
                                              : sizeof(int64_t); /* as of a double */
    LM_ASSERT(k->type != LM_KEY_STRING && k->type != LM_KEY_SOURCES && !lm_key_has_parts(k) &&
              k->type != LM_KEY_LENGTH);
    memcpy(member(k, to), const_member(k, from), size);
}

void lm_key_print(const lm_key *k, const lm_config *c, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_key_write(k, c, &w, NULL);
}

void lm_key_describe(const lm_key *k, lm_text *out) {
    switch (k->type) {
    case LM_KEY_INTEGER:
    case LM_KEY_REAL:
        lm_text_printf(out, k->type == LM_KEY_INTEGER ? "a whole number " : "a number ");
        lm_text_printf(out, k->above_low ? "above " : "from ");
        lm_text_json_number(out, k->low);
        lm_text_printf(out, k->above_low ? ", at most " : " to ");
        if (k->high == floor(k->high) && k->high < 1e17) {
            lm_text_printf(out, "%.0f", k->high);
        } else {
            lm_text_json_number(out, k->high);
        }
        break;
    case LM_KEY_BOOLEAN:
        lm_text_printf(out, "true or false");
        break;
    case LM_KEY_STRING:
        lm_text_printf(out, "a string");
        break;
    case LM_KEY_SOURCES:
        lm_text_printf(out, k->weighted ? "a path or a list [{\"path\": ..., \"weight\": ...}, ...]"
                                        : "a path or an object {\"NAME\": PATH, ...}");
        break;
    case LM_KEY_GROUPS:
        lm_text_printf(out, "an object {\"NAME\": {\"match\": PATTERN, \"lr\": ..., ...}, ...}");
        break;
    case LM_KEY_SCHEDULE:
        lm_text_printf(out, "an object {\"shape\": ..., ...} or a shape: ");
        lm_text_list(out, lm_schedule_short_name);
        break;
    case LM_KEY_TABLES:
        lm_tables_describe(out);
        break;
    case LM_KEY_CHOICE:
        lm_text_printf(out, "one of: ");
        lm_text_list(out, k->choice);
        break;
    case LM_KEY_LENGTH:
        lm_text_printf(out, "a length such as ");
        lm_length_describe(LM_SCHEDULE_LENGTHS, out);
        break;
    case LM_KEY_NUMBERS:
        lm_text_printf(out, "a number from ");
        lm_text_json_number(out, k->low);
        lm_text_printf(out, " to ");
        lm_text_json_number(out, k->high);
        lm_text_printf(out, ", or a list of at most %d of them", LM_NUMBERS_MOST);
        break;
    }
}

const char *lm_key_trial(const lm_key *k, int i, char room[LM_TRIAL_SIZE]) {
    static const char *const booleans[] = {"false", "true", NULL};
    const char *value = k->trials;
    if (k->type == LM_KEY_CHOICE) return k->choice(i);
    if (k->type == LM_KEY_BOOLEAN) return i < 2 ? booleans[i] : NULL;
    if (!value) return NULL;
    if (i == 0) return k->default_value;
    for (; value && i > 1; i--) {
        value = strchr(value, ' ');
        if (value) value++;
    }
    if (!value) return NULL;
    snprintf(room, LM_TRIAL_SIZE, "%.*s", (int)strcspn(value, " "), value);
    return room;
}

bool lm_key_accepts_number(const lm_key *k, double x) {
    if (!(x >= k->low && x <= k->high) || (k->above_low && x == k->low)) return false;
    return k->type != LM_KEY_INTEGER || x == floor(x);
}

int lm_key_choice(const lm_key *k, const char *name) {
    for (int i = 0; k->choice(i); i++)
        if (strcmp(k->choice(i), name) == 0) return i;
    return -1;
}

void lm_key_set_number(const lm_key *k, lm_config *c, double x) {
    void *p = member(k, c);
    if (k->type == LM_KEY_INTEGER) {
        *(int64_t *)p = (int64_t)x;
    } else if (k->type == LM_KEY_REAL) {
        *(double *)p = x;
    } else {
        LM_ASSERT(k->type == LM_KEY_CHOICE);
        *(int *)p = (int)x;
    }
}

void lm_key_set_boolean(const lm_key *k, lm_config *c, bool x) {
    *(bool *)member(k, c) = x;
}

bool lm_key_set_string(const lm_key *k, lm_config *c, const char *x) {
    char *copy = strdup(x);
    if (!copy) return false;
    if (k->type == LM_KEY_SOURCES) {
        lm_data_sources one = {.count = *x != '\0'};
        if (one.count) one.items = calloc(1, sizeof *one.items);
        if (one.items) one.items->path = copy;
        if (!one.items) free(copy);
        lm_key_set_sources(k, c, one);
        return one.items || !one.count;
    }
    char **p = member(k, c);
    free(*p);
    *p = copy;
    return true;
}

void lm_key_set_sources(const lm_key *k, lm_config *c, lm_data_sources x) {
    lm_data_sources *s = member(k, c);
    LM_ASSERT(k->type == LM_KEY_SOURCES);
    lm_data_sources_free(s);
    *s = x.items ? x : (lm_data_sources){0};
}

/* A number of steps, or a text with a unit. */
static bool take_length(const lm_json_node *value, lm_length *out) {
    lm_length l = {.unit = LM_LENGTH_STEPS, .amount = value->number};
    bool right = value->kind == LM_JSON_NUMBER ||
                 (value->kind == LM_JSON_STRING && lm_length_parse(value->string, &l));
    if (!right || !lm_length_valid(&l, LM_SCHEDULE_LENGTHS)) return false;
    *out = l;
    return true;
}

/* A list, or a number alone. */
static bool take_numbers(const lm_key *k, const lm_json_node *value, lm_number_list *out) {
    const lm_json_node *first = value->kind == LM_JSON_ARRAY ? value->child : value;
    lm_number_list l = {0};
    for (const lm_json_node *e = first; e; e = value == first ? NULL : e->next) {
        if (l.count == LM_NUMBERS_MOST || e->kind != LM_JSON_NUMBER ||
            !lm_key_accepts_number(k, e->number))
            return false;
        l.values[l.count++] = e->number;
    }
    *out = l;
    return true;
}

/* The same from a literal. */
static bool parse_numbers(const lm_key *k, const char *text, lm_number_list *out) {
    lm_error err = {0};
    lm_json_node *parsed = NULL;
    bool taken = lm_json_tree_read(&parsed, k->path, text, strlen(text), NULL, &err) == LM_OK &&
                 take_numbers(k, parsed, out);
    lm_json_tree_free(parsed);
    return taken;
}

bool lm_key_take(const lm_key *k, lm_config *c, const lm_json_node *value) {
    if (k->type == LM_KEY_LENGTH) return take_length(value, member(k, c));
    if (k->type == LM_KEY_NUMBERS) return take_numbers(k, value, member(k, c));
    const bool number = k->type == LM_KEY_INTEGER || k->type == LM_KEY_REAL;
    if (number && value->kind == LM_JSON_NUMBER && lm_key_accepts_number(k, value->number)) {
        lm_key_set_number(k, c, value->number);
    } else if (k->type == LM_KEY_BOOLEAN &&
               (value->kind == LM_JSON_TRUE || value->kind == LM_JSON_FALSE)) {
        lm_key_set_boolean(k, c, value->kind == LM_JSON_TRUE);
    } else if (k->type == LM_KEY_CHOICE && value->kind == LM_JSON_STRING &&
               lm_key_choice(k, value->string) >= 0) {
        lm_key_set_number(k, c, lm_key_choice(k, value->string));
    } else if (k->type == LM_KEY_TABLES) {
        return lm_tables_take(member(k, c), value);
    } else {
        return false;
    }
    return true;
}

bool lm_key_takes_string(const lm_key *k) {
    return k->type == LM_KEY_STRING || k->type == LM_KEY_SOURCES;
}

bool lm_key_is_empty(const lm_key *k, const lm_config *c) {
    const void *p = const_member(k, c);
    return (k->type == LM_KEY_STRING && !**(char *const *)p) ||
           (k->type == LM_KEY_SOURCES && ((const lm_data_sources *)p)->count == 0);
}

bool lm_key_set_literal(const lm_key *k, lm_config *c, const char *literal) {
    switch (k->type) {
    case LM_KEY_INTEGER:
    case LM_KEY_REAL:
        lm_key_set_number(k, c, strtod(literal, NULL));
        break;
    case LM_KEY_BOOLEAN:
        lm_key_set_boolean(k, c, strcmp(literal, "true") == 0);
        break;
    case LM_KEY_STRING:
    case LM_KEY_SOURCES:
        return lm_key_set_string(k, c, literal);
    case LM_KEY_CHOICE:
        lm_key_set_number(k, c, lm_key_choice(k, literal));
        break;
    case LM_KEY_LENGTH:
        *(lm_length *)member(k, c) = (lm_length){0};
        return lm_length_parse(literal, member(k, c));
    case LM_KEY_NUMBERS:
        return parse_numbers(k, literal, member(k, c));
    case LM_KEY_TABLES:
        return lm_tables_parse(member(k, c), literal);
    case LM_KEY_SCHEDULE: /* none */
        *(lm_schedule *)member(k, c) = (lm_schedule){0};
        break;
    case LM_KEY_GROUPS: /* none */
        lm_group_list_free(member(k, c));
        break;
    }
    return true;
}

void lm_config_free(lm_config *c) {
    free(c->given);
    c->given = NULL;
    lm_text_free(&c->notes);
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        if (k->type == LM_KEY_SOURCES) lm_data_sources_free(member(k, c));
        if (k->type == LM_KEY_GROUPS) lm_group_list_free(member(k, c));
        if (k->type != LM_KEY_STRING) continue;
        char **p = member(k, c);
        free(*p);
        *p = NULL;
    }
}
