/* Values that name several corpora: the mixture of data.train, the named sets of data.val. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "config/parser.h"
#include "data/mixture.h"

enum { LABEL_SIZE = 160 }; /* "data.train[12].weight" */

typedef struct list {
    lm_parser *p;
    int key;
    bool refused; /* some of it */
    lm_data_sources sources;
    size_t at[LM_DATA_MOST_SOURCES]; /* where each stands, or its weight once that was read */
} list;

/* Adds a problem with the value at `at`. */
__attribute__((format(printf, 3, 4))) static void refuse(list *l, size_t at, const char *format,
                                                         ...) {
    char place[LM_PLACE_SIZE], line[512];
    va_list arguments;
    lm_parser_place(l->p, at, place);
    l->refused = true;
    if (l->p->newer) { /* of a checkpoint that is only looked at */
        lm_parser_wrong(l->p, l->key, place, "", NULL);
        return;
    }
    va_start(arguments, format);
    lm_message_print(line, sizeof line, format, arguments);
    va_end(arguments);
    l->p->is_newer |= l->p->saved;
    l->p->origins[l->key].wrong = true;
    lm_parser_problem(l->p, place, "%-s", line);
}

static const char *key_path(const list *l) {
    return lm_key_at(l->key)->path;
}

/* A further source; NULL: there are too many, or memory ran out. */
static lm_data_source *add(list *l, size_t at) {
    lm_data_sources *s = &l->sources;
    if (s->count == LM_DATA_MOST_SOURCES) return NULL;
    lm_data_source *grown = realloc(s->items, (size_t)(s->count + 1) * sizeof *grown);
    l->p->no_memory |= !grown;
    if (!grown) return NULL;
    s->items = grown;
    grown[s->count] = (lm_data_source){0};
    l->at[s->count] = at;
    return &grown[s->count++];
}

/* ---- members ----------------------------------------------------------------------------------*/

static void take_path(list *l, lm_data_source *s, const char *label, const lm_json_node *m) {
    char found[LM_FOUND_SIZE];
    lm_error why = {0};
    lm_parser_found(l->p, m, found);
    if (m->kind != LM_JSON_STRING || !*m->string) {
        refuse(l, m->at, "%s: expected a path, found %s", label, found);
        return;
    }
    s->path = lm_parser_path(l->p, m->string, &why);
    if (!s->path && why.code == LM_ERR_USAGE) refuse(l, m->at, "%s: %-s", label, why.message);
}

static void take_weight(list *l, lm_data_source *s, const char *label, const lm_json_node *m) {
    char found[LM_FOUND_SIZE];
    double x = m->kind == LM_JSON_NUMBER ? m->number : 0;
    lm_parser_found(l->p, m, found);
    if (x >= LM_DATA_LEAST_WEIGHT && x <= LM_DATA_MOST_WEIGHT) {
        s->weight = x;
        l->at[s - l->sources.items] = m->at;
    } else {
        refuse(l, m->at, "%s: expected a number from %g to %g, found %s", label,
               LM_DATA_LEAST_WEIGHT, LM_DATA_MOST_WEIGHT, found);
    }
}

/* Names stand in the keys of metrics. */
static void take_name(list *l, lm_data_source *s, const char *label, const char *name, size_t at) {
    size_t n = strlen(name);
    bool plain = n > 0 && n <= LM_DATA_MOST_NAME;
    for (size_t i = 0; i < n; i++) plain &= (unsigned char)name[i] >= ' ';
    if (!plain) {
        refuse(l, at,
               "%s: expected a name of 1 to %d bytes without control characters, found \"%s\"",
               label, LM_DATA_MOST_NAME, name);
        return;
    }
    s->name = strdup(name);
    l->p->no_memory |= !s->name;
}

/* ---- a mixture --------------------------------------------------------------------------------*/

static const char *const members[] = {"path", "weight", "name", NULL};
static const char *candidate(int i, const void *context) {
    (void)context;
    return members[i];
}

static void take_member(list *l, lm_data_source *s, const lm_json_node *m, bool seen[3]) {
    char label[LABEL_SIZE], suggestion[LM_TEXT_SUGGESTION_SIZE];
    const char *name = m->key;
    int i = 0;
    while (members[i] && strcmp(members[i], name) != 0) i++;
    snprintf(label, sizeof label, "%s[%d].%.60s", key_path(l), (int)(s - l->sources.items), name);
    if (!members[i]) {
        refuse(l, m->key_at, "unknown key \"%s\"%s", label,
               lm_text_did_you_mean(suggestion, lm_text_nearest(name, candidate, NULL)));
        return;
    }
    if (seen[i]) refuse(l, m->key_at, "duplicate key \"%s\"", label);
    if (seen[i]) return;
    seen[i] = true;
    if (i == 0) take_path(l, s, label, m);
    if (i == 1) take_weight(l, s, label, m);
    if (i == 2 && m->kind == LM_JSON_STRING) take_name(l, s, label, m->string, m->at);
    if (i == 2 && m->kind != LM_JSON_STRING) refuse(l, m->at, "%s: expected a string", label);
}

/* Element i of the list. */
static void take_element(list *l, const lm_json_node *object, int i, bool alone) {
    bool seen[3] = {false};
    char found[LM_FOUND_SIZE];
    lm_data_source *s = add(l, object->at);
    if (!s) return;
    lm_parser_found(l->p, object, found);
    if (object->kind != LM_JSON_OBJECT) {
        refuse(l, object->at, "%s[%d]: expected {\"path\": ..., \"weight\": ...}, found %s",
               key_path(l), i, found);
        return;
    }
    for (const lm_json_node *m = object->child; m; m = m->next) take_member(l, s, m, seen);
    if (!seen[0])
        refuse(l, object->at, "%s[%d]: expected a \"path\", found %s", key_path(l), i, found);
    if (!seen[1] && !alone)
        refuse(l, object->at, "%s[%d]: expected a \"weight\", found %s", key_path(l), i, found);
    if (alone) s->weight = s->name ? 1 : 0; /* alone it is the whole mixture */
}

static void take_list(list *l, const lm_json_node *array) {
    int i = 0;
    for (const lm_json_node *e = array->child; e; e = e->next)
        take_element(l, e, i++, array->count == 1);
}

/* ---- sets by name -----------------------------------------------------------------------------*/

static void take_sets(list *l, const lm_json_node *object) {
    char label[LABEL_SIZE];
    for (const lm_json_node *m = object->child; m; m = m->next) {
        lm_data_source *s = add(l, m->key_at);
        if (!s) return;
        snprintf(label, sizeof label, "%s.%.100s", key_path(l), m->key);
        take_name(l, s, key_path(l), m->key, m->key_at);
        take_path(l, s, label, m);
    }
}

/* ---- the whole --------------------------------------------------------------------------------*/

static void check_names(list *l) {
    const lm_data_sources *s = &l->sources;
    for (int64_t i = 0; i < s->count; i++) {
        const char *name = lm_data_source_name(&s->items[i]);
        if (!s->items[i].name && s->count > 1 && strlen(name) > LM_DATA_MOST_NAME)
            refuse(l, l->at[i],
                   "%s[%lld]: its path is longer than the %d bytes of a name: give it a \"name\"",
                   key_path(l), (long long)i, LM_DATA_MOST_NAME);
        for (int64_t k = 0; k < i; k++)
            if (strcmp(lm_data_source_name(&s->items[k]), name) == 0) {
                refuse(l, l->at[i],
                       "%s: two sources are called \"%s\": give them names of their own",
                       key_path(l), name);
                break;
            }
    }
}

static void check_weights(list *l) {
    double weights[LM_DATA_MOST_SOURCES];
    int64_t shares[LM_DATA_MOST_SOURCES];
    const lm_data_sources *s = &l->sources;
    for (int64_t i = 0; i < s->count; i++) weights[i] = s->items[i].weight;
    if (s->count < 2 || lm_mixture_shares(weights, s->count, shares)) return;
    for (int64_t i = 0; i < s->count; i++)
        if (shares[i] == 0)
            refuse(
                l, l->at[i],
                "%s[%lld].weight: %g is too little beside the others: rounded to 1/%d of their sum"
                " it is 0",
                key_path(l), (long long)i, weights[i], LM_MIXTURE_PERIOD);
}

bool lm_parser_is_list(int key, const lm_json_node *value) {
    const lm_key *k = lm_key_at(key);
    return k->type == LM_KEY_SOURCES &&
           value->kind == (k->weighted ? LM_JSON_ARRAY : LM_JSON_OBJECT);
}

void lm_parser_sources(lm_parser *p, int key, const char *place, const lm_json_node *value) {
    const lm_key *k = lm_key_at(key);
    list l = {.p = p, .key = key};
    lm_origin *origin = &p->origins[key];
    *origin = (lm_origin){.source = p->source};
    snprintf(origin->place, LM_PLACE_SIZE, "%s", place);
    if (value->count == 0) {
        refuse(&l, value->at, "%s: expected a source or more, found none", k->path);
    } else if (value->count > LM_DATA_MOST_SOURCES) {
        refuse(&l, value->at, "%s: expected %d sources at most, found %lld", k->path,
               LM_DATA_MOST_SOURCES, (long long)value->count);
    } else if (k->weighted) {
        take_list(&l, value);
    } else {
        take_sets(&l, value);
    }
    if (!l.refused && !p->no_memory) check_names(&l);
    if (!l.refused && !p->no_memory && k->weighted) check_weights(&l);
    if (l.refused || p->no_memory) {
        lm_data_sources_free(&l.sources);
    } else {
        lm_key_set_sources(k, p->config, l.sources);
    }
}
