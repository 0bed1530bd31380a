#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "config/parser.h"
#include "config/scan.h"

#define MAX_CONFIG_BYTES ((size_t)4 << 20)
enum { MAX_SECTIONS = 32 };

/* ---- keys -------------------------------------------------------------------------------------*/

static void read_key(lm_parser *p, const lm_json_node *m, const char *path) {
    char place[LM_PLACE_SIZE], found[LM_FOUND_SIZE];
    const char *below = "";
    int key = lm_key_find(path);
    if (key < 0) key = lm_key_find_above(path, &below);
    lm_origin *origin = key < 0 ? NULL : &p->origins[key];
    lm_parser_place(p, m->key_at, place);
    if (!origin) {
        lm_parser_unknown(p, place, path);
        return;
    }
    if (*origin->place && origin->source == p->source && !*below) {
        lm_parser_problem(p, place, "duplicate key \"%s\", already given at %s", path,
                          origin->place);
        return;
    }
    lm_parser_found(p, m, found);
    lm_parser_place(p, m->at, place);
    if (lm_key_has_parts(lm_key_at(key))) {
        lm_parser_part(p, key, below, place, m);
    } else if (lm_parser_is_list(key, m)) {
        lm_parser_sources(p, key, place, m);
    } else {
        lm_parser_set(p, key, place, m, found);
    }
}

static void read_section(lm_parser *p, const lm_section *section, const lm_json_node *object) {
    for (const lm_json_node *m = object->child; m; m = m->next) {
        char path[160];
        snprintf(path, sizeof path, "%s.%.100s", section->name, m->key);
        read_key(p, m, path);
    }
}

/* A member of the whole: a section, or a key by its whole path ("model.d_model"). seen: by section,
 * whether it was there before. */
static void read_root_member(lm_parser *p, const lm_json_node *m, bool *seen) {
    const char *name = m->key;
    char place[LM_PLACE_SIZE], found[LM_FOUND_SIZE];
    const lm_section *section;
    int i = 0;
    while ((section = lm_section_at(i)) != NULL && strcmp(section->name, name) != 0) i++;
    lm_parser_place(p, m->key_at, place);
    if (strcmp(name, "$schema") == 0) {
        if (m->kind != LM_JSON_STRING) lm_parser_problem(p, place, "$schema: expected a string");
    } else if (!section && strchr(name, '.')) {
        read_key(p, m, name);
    } else if (!section) {
        lm_parser_unknown(p, place, name);
    } else if (seen[i]) {
        lm_parser_problem(p, place, "duplicate key \"%.100s\"", name);
    } else if (m->kind != LM_JSON_OBJECT) {
        lm_parser_place(p, m->at, place);
        lm_parser_found(p, m, found);
        lm_parser_problem(p, place, "%s: expected an object, found %s", name, found);
    } else {
        read_section(p, section, m);
    }
    if (section) seen[i] = true;
}

/* false: root is no object, so there is nothing to check further. */
static bool read_root(lm_parser *p, const lm_json_node *root) {
    bool seen[MAX_SECTIONS] = {false};
    char place[LM_PLACE_SIZE], found[LM_FOUND_SIZE];
    LM_ASSERT(lm_section_count() <= MAX_SECTIONS);
    if (root->kind != LM_JSON_OBJECT) {
        lm_parser_place(p, root->at, place);
        lm_parser_found(p, root, found);
        lm_parser_problem(
            p, place, "expected an object of sections { \"run\": { ... }, ... }, found %s", found);
        return false;
    }
    for (const lm_json_node *m = root->child; m; m = m->next) read_root_member(p, m, seen);
    return true;
}

/* ---- syntax -----------------------------------------------------------------------------------*/

/* Blanks the comments of `text` and parses it; NULL with a problem when it is not JSON. */
static lm_json_node *read_syntax(lm_parser *p, char *text, size_t size) {
    char place[LM_PLACE_SIZE];
    lm_json_node *root = NULL;
    lm_json_stop stop;
    lm_error err;
    size_t at;
    p->text = text;
    if (!lm_scan_blank_comments(text, size, &at)) {
        lm_parser_place(p, at, place);
        lm_parser_problem(p, place, "syntax error: this comment is never closed");
    } else if (lm_json_tree_read(&root, p->name, text, size, &stop, &err) != LM_OK) {
        p->no_memory |= !err.damaged;
        if (!err.damaged) return NULL;
        lm_parser_place(p, stop.at, place);
        lm_parser_problem(p, place, "syntax error: %s%s", stop.what,
                          lm_scan_hint(text, size, stop.at));
    }
    return root;
}

/* ---- the command line -------------------------------------------------------------------------*/

/* What people write for a number (.5, 5., +5) as JSON has it; other text may come out as anything
 * but a number. */
static const char *json_number(const char *text, char out[64]) {
    size_t n = strlen(text), used = 0, at = 0;
    if (n == 0 || n > 40) return text;
    if (text[0] == '-') out[used++] = '-';
    if (strchr("+-", text[0])) at++;
    if (text[at] == '.' && !isdigit((unsigned char)text[at + 1])) return text;
    if (text[at] == '.') out[used++] = '0';
    for (; text[at]; at++) {
        bool last = text[at] == '.' && (!text[at + 1] || strchr("eE", text[at + 1]));
        if (!last) out[used++] = text[at];
    }
    out[used] = '\0';
    return out;
}

/* Strings and choices need no quotes; all else is JSON, with a little more for numbers. */
static void read_override_value(lm_parser *p, int key, const char *place, const char *value) {
    const lm_key *k = lm_key_at(key);
    lm_json_node bare = {.kind = LM_JSON_STRING, .string = value}, *parsed = NULL;
    const char *found = *value ? value : "nothing";
    char number[64];
    size_t length = strlen(value);
    lm_error err = {.damaged = true};
    bool quoted = length >= 2 && value[0] == '"' && value[length - 1] == '"';
    if ((lm_key_takes_string(k) || k->type == LM_KEY_CHOICE) && !quoted) {
        lm_parser_set(p, key, place, &bare, found);
        return;
    }
    if (k->type == LM_KEY_INTEGER || k->type == LM_KEY_REAL) value = json_number(value, number);
    lm_json_tree_read(&parsed, "--set", value, strlen(value), NULL, &err);
    p->no_memory |= !err.damaged;
    if (!parsed && k->type == LM_KEY_LENGTH) {
        lm_parser_set(p, key, place, &bare, found);
        return;
    }
    bool blanks = parsed && parsed->end - parsed->at < strlen(value);
    lm_parser_set(p, key, place, blanks ? NULL : parsed, found);
    lm_json_tree_free(parsed);
}

/* --set 'model={"d_model": 64, ...}': gives these keys; the others of the section stay. */
static void read_override_section(lm_parser *p, const lm_section *section, const char *value) {
    const char *text = p->text;
    size_t size = strlen(value);
    char *copy = strdup(value);
    p->no_memory |= !copy;
    lm_json_node *object = copy ? read_syntax(p, copy, size) : NULL;
    if (object && object->kind == LM_JSON_OBJECT)
        read_section(p, section, object);
    else if (object)
        lm_parser_problem(p, p->set,
                          "%s: expected an object { \"%s\": ... }, or --set %s.KEY=VALUE",
                          section->name, lm_key_name(&section->keys[0]), section->name);
    lm_json_tree_free(object);
    free(copy);
    p->text = text;
}

/* Does the text begin as several corpora do? A pattern may begin with a bracket too. */
static bool begins_list(const lm_key *k, const char *value) {
    if (k->type != LM_KEY_SOURCES) return false;
    size_t at = 1 + strspn(value, " \t\r\n");
    if (!k->weighted) return value[at - 1] == '{';
    return value[at - 1] == '[' && strchr("{]", value[at + strspn(value + at, " \t\r\n")]);
}

/* --set 'data.train=[{"path": "a", "weight": 1}, ...]'. */
static void read_override_sources(lm_parser *p, int key, const char *place, const char *value) {
    const char *text = p->text;
    char *copy = strdup(value);
    p->no_memory |= !copy;
    lm_json_node *list = copy ? read_syntax(p, copy, strlen(value)) : NULL;
    if (list) {
        lm_parser_sources(p, key, place, list);
    } else {
        snprintf(p->origins[key].place, LM_PLACE_SIZE, "%s", place);
        p->origins[key].wrong = true;
    }
    lm_json_tree_free(list);
    free(copy);
    p->text = text;
}

/* --set optimizer.groups.embed.lr=0.01; what is no JSON is a string. */
static void read_override_part(lm_parser *p, int key, const char *below, const char *place,
                               const char *value) {
    const char *text = p->text;
    char number[64];
    lm_json_node bare = {.kind = LM_JSON_STRING, .string = value, .end = strlen(value)};
    lm_json_node *parsed = NULL;
    lm_error err = {.damaged = true};
    const char *json = json_number(value, number);
    if (lm_json_tree_read(&parsed, "--set", json, strlen(json), NULL, &err) != LM_OK) {
        p->no_memory |= !err.damaged;
        json = value;
    }
    p->text = json;
    lm_parser_part(p, key, below, place, parsed ? parsed : &bare);
    p->text = text;
    lm_json_tree_free(parsed);
}

/* "-key.path", or "-section". */
static void read_unset(lm_parser *p, const char *path) {
    char place[LM_PLACE_SIZE];
    const lm_section *section = lm_section_find(path);
    int only = lm_key_find(path);
    snprintf(place, sizeof place, "--unset %.280s", path);
    if (!section && only < 0) {
        lm_parser_unknown(p, place, path);
        return;
    }
    for (int key = 0; key < lm_key_count(); key++) {
        const char *name = lm_key_at(key)->path;
        size_t n = strlen(path);
        if (key != only && !(section && strncmp(name, path, n) == 0 && name[n] == '.')) continue;
        if (p->origins[key].source > 0)
            lm_parser_problem(p, p->origins[key].place, "contradicts %s", place);
        else if (*p->origins[key].place)
            lm_parser_drop(p, key);
        p->origins[key].unset = key == only;
    }
}

static void read_override(lm_parser *p, const char *text) {
    char place[LM_PLACE_SIZE], path[128];
    if (*text == '=' && strchr(text + 1, '=')) text++;
    const char *equals = strchr(text, '=');
    if (*text == '-') {
        read_unset(p, text + 1);
        return;
    }
    if (p->instead)
        snprintf(place, sizeof place, "%s", p->instead);
    else
        snprintf(place, sizeof place, "--set %.280s", text);
    p->set = place;
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof path) {
        lm_parser_problem(p, place, "expected key.path=value");
        goto out;
    }
    snprintf(path, sizeof path, "%.*s", (int)(equals - text), text);
    const char *value = equals + 1;
    const char *below = "";
    const lm_section *section = lm_section_find(path);
    int key = lm_key_find(path);
    if (key < 0) key = lm_key_find_above(path, &below);
    if (key >= 0 && p->origins[key].unset)
        lm_parser_problem(p, place, "contradicts --unset %s", path);
    if (section) {
        read_override_section(p, section, value);
    } else if (key < 0) {
        lm_parser_unknown(p, place, path);
    } else if (lm_key_has_parts(lm_key_at(key))) {
        read_override_part(p, key, below, place, value);
    } else if (begins_list(lm_key_at(key), value)) {
        read_override_sources(p, key, place, value);
    } else {
        read_override_value(p, key, place, value);
    }
out:
    p->set = NULL;
}

/* ---- overrides that contradict each other -----------------------------------------------------*/

/* The index of an earlier override of the same path, "key.path=" or "key.path.part=", that is the
 * user's as this one is; -1: none. */
static int find_same(const char *const *overrides, int index) {
    const char *text = overrides[index];
    size_t n = strcspn(text, "=") + 1;
    if (*text == '-' || *text == '=') return -1;
    for (int i = index - 1; i >= 0; i--)
        if (strncmp(overrides[i], text, n) == 0) return i;
    return -1;
}

/* What an earlier override gave. */
typedef struct given {
    char *value; /* NULL: nothing that this one may contradict */
    char *place;
} given;

static void remember(lm_parser *p, int key, const char *place, given *g) {
    lm_text value = {0};
    lm_key_print(lm_key_at(key), p->config, &value);
    g->place = strdup(place);
    g->value = value.data;
    p->no_memory |= value.failed || !g->place;
}

static void compare(lm_parser *p, int key, const given *g) {
    lm_text now = {0};
    lm_key_print(lm_key_at(key), p->config, &now);
    p->no_memory |= now.failed;
    if (!p->no_memory && !p->origins[key].wrong && strcmp(lm_text_cstr(&now), g->value) != 0)
        lm_parser_problem(p, p->origins[key].place, "contradicts %s", g->place);
    lm_text_free(&now);
}

/* Reads override p->source and says whether it gives what an earlier one gave another value. A key
 * after its section, or a part after its whole, is no contradiction: it changes what they gave. */
static void read_override_of(lm_parser *p, const char *const *overrides) {
    const char *text = overrides[p->source - 1], *below;
    char path[128], place[LM_PLACE_SIZE];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(text, "="), text);
    const lm_section *section = lm_section_find(path);
    int same = find_same(overrides, p->source - 1), only = same < 0 ? -1 : lm_key_find(path);
    if (same >= 0 && only < 0) only = lm_key_find_above(path, &below);
    given *before = calloc((size_t)lm_key_count(), sizeof *before);
    p->no_memory |= !before;
    if (!before) return;
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_origin *o = &p->origins[key];
        bool inside = section && strncmp(lm_key_at(key)->path, path, strlen(path)) == 0 &&
                      lm_key_at(key)->path[strlen(path)] == '.';
        if (o->source == 0 || o->wrong || !(inside || key == only)) continue;
        snprintf(place, sizeof place, "--set %.280s", key == only ? overrides[same] : "");
        remember(p, key, key == only ? place : o->place, &before[key]);
    }
    read_override(p, text);
    for (int key = 0; key < lm_key_count(); key++) {
        if (before[key].value) compare(p, key, &before[key]);
        free(before[key].value);
        free(before[key].place);
    }
    free(before);
}

/* ---- the whole --------------------------------------------------------------------------------*/

/* The problems as one error. Lines for which it has no room are counted. */
static lm_status tell(const lm_parser *p, lm_error *err) {
    const size_t room = sizeof err->message - 64; /* for a prefix and the count */
    const char *all = lm_text_cstr(&p->problems);
    size_t fits = p->problems.length;
    int more = p->untold;
    if (fits > room) {
        for (fits = room; fits > 0 && all[fits] != '\n';) fits--;
        for (const char *c = all + fits; *c; c++) more += *c == '\n';
    }
    if (more == 0) return lm_error_set(err, LM_ERR_USAGE, "%-s", all);
    return lm_error_set(err, LM_ERR_USAGE, "%-.*s\nand %d more problem%s", (int)fits, all, more,
                        more == 1 ? "" : "s");
}

/* Every key at its default; of a checkpoint, at what those mean that lack it. */
static void set_defaults(lm_parser *p) {
    memset(p->config, 0, sizeof *p->config);
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        const char *value = p->saved ? lm_key_legacy(k) : k->default_value;
        p->no_memory |= !lm_key_set_literal(k, p->config, value);
    }
}

/* p says whose config it is. */
static lm_status parse(lm_parser *p, const char *text, size_t size, const char *const *overrides,
                       int n_overrides, lm_error *err) {
    lm_status status = LM_OK;
    lm_json_node *root = NULL;
    char *copy = malloc(size + 1);
    p->origins = calloc((size_t)lm_key_count(), sizeof *p->origins);
    set_defaults(p);
    p->config->given = calloc((size_t)lm_key_count(), sizeof *p->config->given);
    if (!copy || !p->origins || !p->config->given || p->no_memory) {
        status = lm_error_no_memory(err, p->name);
        goto out;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    root = read_syntax(p, copy, size);
    if (root && read_root(p, root)) {
        for (p->source = 1; p->source <= n_overrides; p->source++) read_override_of(p, overrides);
        if (!p->newer) lm_parser_check(p);
    }
    if (p->no_memory || (p->newer && p->newer->failed)) {
        status = lm_error_no_memory(err, p->name);
    } else if (p->problems.length > 0) {
        status = tell(p, err);
        if (p->is_newer)
            lm_error_prefix(err, "%s: written by a newer lmtrain (this one is %s)", p->name,
                            LM_VERSION);
    }
out:
    lm_json_tree_free(root);
    lm_text_free(&p->problems);
    free(p->origins);
    free(copy);
    return status;
}

lm_status lm_config_parse(lm_config *c, const char *name, const char *text, size_t size,
                          const char *const *overrides, int n_overrides, lm_error *err) {
    lm_parser p = {.config = c, .name = name};
    return parse(&p, text, size, overrides, n_overrides, err);
}

lm_status lm_config_parse_saved(lm_config *c, const char *name, const char *text, size_t size,
                                lm_text *newer, lm_error *err) {
    lm_parser p = {.config = c, .name = name, .saved = true, .newer = newer};
    return parse(&p, text, size, NULL, 0, err);
}

lm_status lm_config_check_override(const char *override, const char *place, lm_error *err) {
    lm_config c;
    lm_parser p = {.config = &c, .name = place, .source = 1, .instead = place};
    p.origins = calloc((size_t)lm_key_count(), sizeof *p.origins);
    set_defaults(&p);
    p.no_memory |= !p.origins;
    if (!p.no_memory) read_override(&p, override);
    lm_status status = LM_OK;
    if (p.no_memory)
        status = lm_error_no_memory(err, place);
    else if (p.problems.length > 0)
        status = tell(&p, err);
    lm_text_free(&p.problems);
    free(p.origins);
    lm_config_free(&c);
    return status;
}

static lm_status load(lm_config *c, const char *path, const char *const *overrides, int n_overrides,
                      int64_t budget_steps, lm_error *err) {
    lm_text text = {0};
    lm_parser p = {.config = c, .name = path, .budget_steps = budget_steps};
    memset(c, 0, sizeof *c);
    lm_status status = lm_file_read(path, MAX_CONFIG_BYTES, &text, err);
    if (status != LM_OK) {
        err->code = status = LM_ERR_USAGE;
        goto out;
    }
    status = parse(&p, lm_text_cstr(&text), text.length, overrides, n_overrides, err);
out:
    lm_text_free(&text);
    return status;
}

lm_status lm_config_load(lm_config *c, const char *path, const char *const *overrides,
                         int n_overrides, lm_error *err) {
    return load(c, path, overrides, n_overrides, 0, err);
}

lm_status lm_config_load_within_budget(lm_config *c, const char *path, const char *const *overrides,
                                       int n_overrides, int64_t steps, lm_error *err) {
    LM_ASSERT(steps > 0);
    return load(c, path, overrides, n_overrides, steps, err);
}
