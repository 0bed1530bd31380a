/* optimizer.groups: reading, checking, writing. */
#include "config/groups.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/parser.h"

enum { PATH_SIZE = 320 };

void lm_group_list_free(lm_group_list *l) {
    for (int64_t i = 0; i < l->count; i++) {
        free(l->items[i].name);
        free(l->items[i].match);
    }
    free(l->items);
    *l = (lm_group_list){0};
}

/* ---- patterns ---------------------------------------------------------------------------------*/

/* The pattern is the text up to `end`. */
static bool matches_one(const char *pattern, const char *end, const char *name) {
    const char *star = NULL, *from = NULL; /* the last star, and where its match ends at present */
    while (*name) {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            from = name;
        } else if (pattern < end && *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*') pattern++;
    return pattern == end;
}

bool lm_group_matches(const char *match, const char *name) {
    for (;;) {
        size_t n = strcspn(match, ",");
        if (matches_one(match, match + n, name)) return true;
        if (!match[n]) return false;
        match += n + 1;
    }
}

/* ---- values -----------------------------------------------------------------------------------*/

static int index_of(const lm_section *s, const lm_key *k) {
    return (int)(k - s->keys);
}

/* NULL: a group has no such key. */
static const lm_key *find_key(const lm_section *s, const char *name) {
    LM_ASSERT(s->n_keys <= 64);
    for (int i = 0; i < s->n_keys; i++)
        if (s->keys[i].in_groups && strcmp(lm_key_name(&s->keys[i]), name) == 0) return &s->keys[i];
    return NULL;
}

lm_optimizer_options lm_group_options(const lm_config *c, int64_t i) {
    const lm_section *s = lm_section_find("optimizer");
    const lm_group *g = &c->groups.items[i];
    lm_config from = {.optimizer = g->values}, to = {.optimizer = c->optimizer};
    for (int k = 0; k < s->n_keys; k++)
        if (g->given >> k & 1) lm_key_copy(&s->keys[k], &from, &to);
    if (g->lr_scale > 0) to.optimizer.lr = c->optimizer.lr * g->lr_scale;
    return to.optimizer;
}

bool lm_group_gives_decay(const lm_group *g) {
    const lm_section *s = lm_section_find("optimizer");
    return g->given >> index_of(s, find_key(s, "weight_decay")) & 1;
}

void lm_group_list_write(const lm_group_list *l, lm_json_writer *w, const char *name) {
    const lm_section *s = lm_section_find("optimizer");
    lm_json_object(w, name, LM_JSON_LINE); /* resolved.json has a line a key */
    for (const lm_group *g = l->items; g < l->items + l->count; g++) {
        const lm_config values = {.optimizer = g->values};
        lm_json_object(w, g->name, LM_JSON_LINE);
        lm_json_string(w, "match", g->match);
        if (g->lr_scale > 0) lm_json_number(w, "lr_scale", g->lr_scale);
        for (int k = 0; k < s->n_keys; k++)
            if (g->given >> k & 1) lm_key_write(&s->keys[k], &values, w, lm_key_name(&s->keys[k]));
        lm_json_end(w);
    }
    lm_json_end(w);
}

void lm_group_print(const lm_group *g, lm_text *out) {
    const lm_section *s = lm_section_find("optimizer");
    const lm_config values = {.optimizer = g->values};
    lm_text_say(out, "match %s", g->match);
    if (g->lr_scale > 0) lm_text_say(out, ", lr_scale %g", g->lr_scale);
    for (int k = 0; k < s->n_keys; k++) {
        if (!(g->given >> k & 1)) continue;
        lm_text_printf(out, ", %s ", lm_key_name(&s->keys[k]));
        lm_key_print(&s->keys[k], &values, out);
    }
}

/* ---- reading ----------------------------------------------------------------------------------*/

/* What is being read: a member of a group. */
typedef struct reading {
    lm_parser *p;
    const char *key;   /* "optimizer.groups" */
    const char *place; /* of the value */
    lm_group *g;
    char path[PATH_SIZE]; /* "optimizer.groups.embed.lr" */
} reading;

static void refuse(const reading *r, const char *expected, const lm_json_node *value) {
    char found[LM_FOUND_SIZE];
    lm_parser_found(r->p, value, found);
    r->p->is_newer |= r->p->saved;
    lm_parser_problem(r->p, r->place, "%s: expected %s, found %s", r->path, expected, found);
}

static void take_match(const reading *r, const lm_json_node *value) {
    size_t n = value->kind == LM_JSON_STRING ? strlen(value->string) : 0;
    if (n == 0 || n > LM_GROUP_MATCH_MOST) {
        refuse(r, "a pattern of names, such as \"wte.*\"", value);
        return;
    }
    free(r->g->match);
    r->g->match = strdup(value->string);
    r->p->no_memory |= !r->g->match;
}

static void take_scale(const reading *r, const lm_json_node *value) {
    if (value->kind == LM_JSON_NUMBER && value->number > 0 && value->number <= 1e6)
        r->g->lr_scale = value->number;
    else
        refuse(r, "a number above 0, at most 1000000", value);
}

static const char *name_candidate(int i, const void *context) {
    static const char *const others[] = {"match", "lr_scale"};
    const lm_section *s = context;
    if (i < 2) return others[i];
    for (int k = 0; k < s->n_keys; k++)
        if (s->keys[k].in_groups && i-- == 2) return lm_key_name(&s->keys[k]);
    return NULL;
}

static void take_key(const reading *r, const lm_section *s, const lm_key *k,
                     const lm_json_node *value) {
    lm_config c = {.optimizer = r->g->values};
    if (lm_key_take(k, &c, value)) {
        r->g->values = c.optimizer;
        r->g->given |= (uint64_t)1 << index_of(s, k);
        return;
    }
    lm_text expected = {0};
    lm_key_describe(k, &expected);
    r->p->no_memory |= expected.failed;
    refuse(r, lm_text_cstr(&expected), value);
    lm_text_free(&expected);
}

static void take_member(reading *r, const char *name, const lm_json_node *value) {
    const lm_section *s = lm_section_find("optimizer");
    const lm_key *k = find_key(s, name);
    char near[LM_TEXT_SUGGESTION_SIZE];
    snprintf(r->path, sizeof r->path, "%s.%s.%.60s", r->key, r->g->name, name);
    if (strcmp(name, "match") == 0) {
        take_match(r, value);
    } else if (strcmp(name, "lr_scale") == 0) {
        take_scale(r, value);
    } else if (k) {
        take_key(r, s, k, value);
    } else if (r->p->saved) {
        lm_parser_unknown(r->p, r->place, r->path);
    } else {
        lm_text_did_you_mean(near, lm_text_nearest(name, name_candidate, s));
        lm_parser_problem(r->p, r->place, "unknown key \"%s\"%s", r->path, near);
    }
}

static bool is_name(const char *name, size_t n) {
    bool plain = n > 0 && n <= LM_GROUP_NAME_MOST;
    for (size_t i = 0; i < n && plain; i++)
        plain = isalnum((unsigned char)name[i]) || name[i] == '_' || name[i] == '-';
    return plain;
}

/* The group of this name, a new one when there is none; NULL: it cannot be. */
static lm_group *find_or_add(lm_parser *p, const char *place, const char *name, size_t n) {
    lm_group_list *l = &p->config->groups;
    for (lm_group *g = l->items; g < l->items + l->count; g++)
        if (strlen(g->name) == n && memcmp(g->name, name, n) == 0) return g;
    if (!is_name(name, n) || l->count == LM_GROUPS_MOST) {
        p->is_newer |= p->saved;
        if (l->count == LM_GROUPS_MOST)
            lm_parser_problem(p, place, "optimizer.groups: expected %d groups at most",
                              LM_GROUPS_MOST);
        else
            lm_parser_problem(p, place,
                              "optimizer.groups: expected a name of up to %d letters, digits, _"
                              " and -, found \"%.*s\"",
                              LM_GROUP_NAME_MOST, (int)(n < 100 ? n : 100), name);
        return NULL;
    }
    lm_group *grown = realloc(l->items, (size_t)(l->count + 1) * sizeof *grown);
    char *copy = strndup(name, n);
    if (grown) l->items = grown;
    if (!grown || !copy) {
        free(copy);
        p->no_memory = true;
        return NULL;
    }
    grown[l->count] = (lm_group){.name = copy};
    return &grown[l->count++];
}

/* Members of one group. */
static void take_group(lm_parser *p, const char *key, lm_group *g, const char *place,
                       const lm_json_node *object) {
    char at[LM_PLACE_SIZE];
    reading r = {.p = p, .key = key, .place = place, .g = g};
    snprintf(r.path, sizeof r.path, "%s.%s", key, g->name);
    if (object->kind != LM_JSON_OBJECT) {
        refuse(&r, "an object {\"match\": PATTERN, ...}", object);
        return;
    }
    for (const lm_json_node *m = object->child; m; m = m->next) {
        bool twice = false;
        for (const lm_json_node *o = object->child; o != m; o = o->next)
            twice |= strcmp(o->key, m->key) == 0;
        lm_parser_place(p, twice ? m->key_at : m->at, at);
        r.place = at;
        if (twice)
            lm_parser_problem(p, at, "duplicate key \"%s.%s.%.60s\"", key, g->name, m->key);
        else
            take_member(&r, m->key, m);
    }
}

/* The whole: {"embed": {...}, ...}. */
static void take_all(lm_parser *p, const lm_key *k, const char *place, const lm_json_node *value) {
    char at[LM_PLACE_SIZE], found[LM_FOUND_SIZE];
    lm_group_list_free(&p->config->groups);
    if (value->kind != LM_JSON_OBJECT) {
        lm_parser_found(p, value, found);
        lm_parser_problem(p, place, "%s: expected {\"NAME\": {\"match\": PATTERN, ...}}, found %s",
                          k->path, found);
        return;
    }
    for (const lm_json_node *m = value->child; m; m = m->next) {
        int64_t before = p->config->groups.count;
        lm_parser_place(p, m->key_at, at);
        lm_group *g = find_or_add(p, at, m->key, strlen(m->key));
        if (g && p->config->groups.count == before)
            lm_parser_problem(p, at, "duplicate key \"%s.%s\"", k->path, m->key);
        else if (g)
            take_group(p, k->path, g, at, m);
    }
}

void lm_parser_groups(lm_parser *p, const lm_key *k, const char *below, const char *place,
                      const lm_json_node *value) {
    size_t n = strcspn(below, ".");
    if (!*below) {
        take_all(p, k, place, value);
        return;
    }
    lm_group *g = find_or_add(p, place, below, n);
    if (!g) return;
    if (below[n]) {
        reading r = {.p = p, .key = k->path, .place = place, .g = g};
        take_member(&r, below + n + 1, value);
    } else {
        take_group(p, k->path, g, place, value);
    }
}

/* ---- checking ---------------------------------------------------------------------------------*/

/* Key k of the section "optimizer" has no effect in group i: left out of the file's groups where an
 * override says which optimizer it is. */
static void refuse_moot(lm_parser *p, const char *place, int64_t i, int k) {
    const lm_section *s = lm_section_find("optimizer");
    lm_group *g = &p->config->groups.items[i];
    const lm_optimizer_options o = lm_group_options(p->config, i);
    const char *optimizer = lm_optimizer_name(o.kind);
    lm_text path = {0}, why = {0};
    lm_text_printf(&path, "optimizer.groups.%s.%s", g->name, lm_key_name(&s->keys[k]));
    lm_text_printf(&why, "has no effect when its name is %s%s", optimizer,
                   o.lazy ? " and lazy is true" : "");
    p->no_memory |= path.failed || why.failed;
    bool own = g->given >> index_of(s, find_key(s, "name")) & 1;
    if (!own && p->origins[lm_key_find("optimizer.groups")].source == 0 &&
        lm_parser_is_overridden(p, "optimizer.name")) {
        lm_parser_note(p, place, lm_text_cstr(&path), lm_text_cstr(&why));
        g->given &= ~(UINT64_C(1) << k);
    } else {
        lm_parser_problem(p, place, "%s %s", lm_text_cstr(&path), lm_text_cstr(&why));
    }
    lm_text_free(&path);
    lm_text_free(&why);
}

/* Evaluations take the average of all weights, with one beta1. */
static void check_average(lm_parser *p, const char *place, const lm_group *g,
                          const lm_optimizer_options *o) {
    const lm_optimizer_options *all = &p->config->optimizer;
    const bool averages = lm_optimizer_averages(all->kind);
    if (lm_optimizer_averages(o->kind) == averages && (!averages || o->beta1 == all->beta1)) return;
    lm_parser_problem(
        p, place,
        "optimizer.groups.%s: expected the name and beta1 of optimizer, which averages"
        " the weights of all rows or of none, found %s, %g beside %s, %g",
        g->name, lm_optimizer_name(o->kind), o->beta1, lm_optimizer_name(all->kind), all->beta1);
}

static void check_group(lm_parser *p, const char *place, int64_t i) {
    const lm_section *s = lm_section_find("optimizer");
    const lm_group *g = &p->config->groups.items[i];
    const lm_config c = {.optimizer = lm_group_options(p->config, i)};
    const lm_key *lr = find_key(s, "lr");
    if (!g->match)
        lm_parser_problem(p, place, "optimizer.groups.%s: expected a \"match\", found none",
                          g->name);
    if (g->lr_scale > 0 && g->given >> index_of(s, lr) & 1)
        lm_parser_problem(p, place,
                          "optimizer.groups.%s: expected lr or lr_scale, found both: lr is the"
                          " group's own, lr_scale multiplies optimizer.lr",
                          g->name);
    for (int k = 0; k < s->n_keys; k++)
        if (g->given >> k & 1 && !lm_key_applies(&s->keys[k], &c)) refuse_moot(p, place, i, k);
    check_average(p, place, g, &c.optimizer);
}

void lm_parser_check_groups(lm_parser *p) {
    const char *place = p->origins[lm_key_find("optimizer.groups")].place;
    for (int64_t i = 0; i < p->config->groups.count; i++)
        check_group(p, *place ? place : p->name, i);
}
