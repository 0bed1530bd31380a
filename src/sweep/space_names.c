/* What names in expressions stand for, and which key of a space depends on which. */
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "config/suggest.h"
#include "sweep/space.h"

/* ---- paths ------------------------------------------------------------------------------------*/

/* The rest of `path` behind "ABOVE."; NULL: it does not begin so. */
static const char *below(const char *path, const char *above) {
    size_t n = strlen(above);
    return strncmp(path, above, n) == 0 && path[n] == '.' ? path + n + 1 : NULL;
}

/* The value at "embed.lr" in {"embed": {"lr": 0.1}} or in {"embed.lr": 0.1}; NULL: none. */
static const lm_json_node *find_below(const lm_json_node *object, const char *path) {
    const lm_json_node *found = NULL;
    if (object->kind != LM_JSON_OBJECT) return NULL;
    for (const lm_json_node *m = object->child; m && !found; m = m->next) {
        const char *rest = below(path, m->key);
        found = strcmp(m->key, path) == 0 ? m : rest ? find_below(m, rest) : NULL;
    }
    return found;
}

/* Of the JSON text, what stands at `path`, "" for the whole; NONE: nothing. */
static lm_value value_at(const char *text, size_t size, const char *path, bool *no_memory) {
    lm_json_node *root = NULL;
    lm_value v = {0};
    lm_error err = {0};
    if (lm_json_tree_read(&root, "value", text, size, NULL, &err) != LM_OK) {
        *no_memory |= !err.damaged;
        return v;
    }
    const lm_json_node *found = *path ? find_below(root, path) : root;
    if (found) v = lm_value_of(found, text);
    *no_memory |= found && found->kind != LM_JSON_NULL && v.kind == LM_VALUE_NONE;
    lm_json_tree_free(root);
    return v;
}

/* ---- names ------------------------------------------------------------------------------------*/

static lm_value base_value(const char *name, const lm_config *base, bool *no_memory) {
    const char *rest = "";
    lm_text text = {0};
    int key = lm_key_find(name);
    if (key < 0) key = lm_key_find_above(name, &rest);
    if (key < 0) return (lm_value){0};
    lm_key_print(lm_key_at(key), base, &text);
    *no_memory |= text.failed;
    lm_value v = value_at(lm_text_cstr(&text), text.length, rest, no_memory);
    lm_text_free(&text);
    return v;
}

/* Of each value of a list, what it says about the name. */
static lm_value *members_of(const lm_dimension *d, const char *rest, bool *no_memory) {
    lm_value *members = calloc((size_t)d->n_choices + 1, sizeof *members);
    *no_memory |= !members;
    for (int64_t j = 0; members && j < d->n_choices; j++)
        if (d->choices[j].kind == LM_VALUE_JSON)
            members[j] = value_at(d->choices[j].text, strlen(d->choices[j].text), rest, no_memory);
    return members;
}

static bool gives_any(const lm_space *s, const lm_space_name *n) {
    bool any = n->base.kind != LM_VALUE_NONE || (n->dimension >= 0 && !n->members);
    for (int64_t j = 0; n->members && j < s->dimensions[n->dimension].n_choices; j++)
        any |= n->members[j].kind != LM_VALUE_NONE;
    return any;
}

static void resolve_name(lm_space *s, lm_expression *e, int which, size_t at, const lm_config *base,
                         lm_reading *r) {
    const char *path = e->names[which].name, *none;
    char near[LM_TEXT_SUGGESTION_SIZE];
    lm_space_name *n = &s->names[s->n_names];
    *n = (lm_space_name){.dimension = -1};
    e->names[which].means = s->n_names++;
    if (strcmp(path, "run.seed") == 0 || strcmp(path, "run.dir") == 0) {
        lm_reading_problem(r, at, "%.150s in \"%.150s\" is each trial's own", path, e->text);
        return;
    }
    for (int i = 0; i < s->n_dimensions && !(n->dimension >= 0 && !n->members); i++) {
        const lm_dimension *d = &s->dimensions[i];
        const char *rest = below(path, d->path);
        if (strcmp(d->path, path) != 0 && (!rest || n->members)) continue;
        n->dimension = i;
        n->members = strcmp(d->path, path) != 0 ? members_of(d, rest, &r->no_memory) : NULL;
    }
    n->base = base_value(path, base, &r->no_memory);
    if (lm_key_find(path) >= 0 || gives_any(s, n)) return;
    if (lm_key_find_above(path, &none) >= 0) {
        lm_reading_problem(r, at,
                           "\"%.150s\" in \"%.150s\" is given neither by the space nor by the"
                           " base config",
                           path, e->text);
        return;
    }
    if (!strchr(path, '.')) {
        lm_reading_problem(r, at,
                           "\"%.150s\" in \"%.150s\" is no key of a config; a text is quoted:"
                           " \"'%.150s'\"",
                           path, e->text, path);
        return;
    }
    lm_text_did_you_mean(near, lm_key_suggest(path));
    lm_reading_problem(r, at, "unknown key \"%.150s\" in \"%.150s\"%s", path, e->text, near);
}

static void resolve(lm_space *s, lm_expression *e, size_t at, const lm_config *base,
                    lm_reading *r) {
    if (!e) return;
    lm_space_name *grown =
        realloc(s->names, (size_t)(s->n_names + e->n_names + 1) * sizeof *s->names);
    r->no_memory |= !grown;
    if (!grown) return;
    s->names = grown;
    for (int i = 0; i < e->n_names && !r->no_memory; i++) resolve_name(s, e, i, at, base, r);
}

/* ---- order ------------------------------------------------------------------------------------*/

static bool needs(const lm_space *s, const lm_expression *e, int dimension) {
    for (int n = 0; e && n < e->n_names; n++)
        if (s->names[e->names[n].means].dimension == dimension) return true;
    return false;
}

/* Can dimension i be settled, when those that are `done` are? */
static bool is_ready(const lm_space *s, int i, const bool *done) {
    const lm_dimension *d = &s->dimensions[i];
    for (int j = 0; j < s->n_dimensions; j++)
        if (!done[j] && (needs(s, d->expression, j) || needs(s, d->when, j))) return false;
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

/* ---- keys that say the same -------------------------------------------------------------------*/

/* Does an object among the dimension's values give what `rest` names, or a part of it? */
static bool says(const lm_dimension *d, const char *rest, bool *no_memory) {
    bool any = false;
    for (int64_t j = 0; j < d->n_choices && !any; j++) {
        lm_json_node *root = NULL;
        lm_error err = {0};
        const char *text = d->choices[j].text;
        if (d->choices[j].kind != LM_VALUE_JSON) continue;
        if (lm_json_tree_read(&root, "value", text, strlen(text), NULL, &err) != LM_OK)
            *no_memory |= !err.damaged;
        for (const lm_json_node *m = root ? root->child : NULL; m && m->key; m = m->next)
            any |= strcmp(m->key, rest) == 0 || below(rest, m->key) || below(m->key, rest);
        lm_json_tree_free(root);
    }
    return any;
}

/* A whole key replaces all of its parts; a section or a group only what its objects give. */
static void check_overlap(const lm_dimension *whole, const lm_dimension *part, lm_reading *r) {
    const char *rest = below(part->path, whole->path);
    if (!rest || (whole->key < 0 && !says(whole, rest, &r->no_memory))) return;
    lm_reading_problem(r, part->at, "%s: \"%s\" of this space gives it too", part->path,
                       whole->path);
}

/* ---- the whole --------------------------------------------------------------------------------*/

void lm_space_resolve(lm_space *s, const lm_config *base, lm_reading *r) {
    for (int i = 0; i < s->n_dimensions; i++) {
        resolve(s, s->dimensions[i].expression, s->dimensions[i].at, base, r);
        resolve(s, s->dimensions[i].when, s->dimensions[i].when_at, base, r);
    }
    for (int i = 0; i < s->n_constraints; i++)
        resolve(s, s->constraints[i].expression, s->constraints[i].at, base, r);
    if (r->no_memory) return;
    for (int i = 0; i < s->n_dimensions; i++)
        for (int j = 0; j < s->n_dimensions; j++)
            check_overlap(&s->dimensions[i], &s->dimensions[j], r);
    sort(s, r);
}
