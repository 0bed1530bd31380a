#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "config/parser.h"
#include "config/scan.h"

#define MAX_CONFIG_BYTES ((size_t)4 << 20)
enum { MAX_SECTIONS = 32 };

/* What cJSON returned: NULL is bad JSON or, as errno alone tells, no memory. */
static cJSON *parsed(lm_parser *p, cJSON *item) {
    p->no_memory |= !item && errno == ENOMEM;
    return item;
}

/* ---- keys -------------------------------------------------------------------------------------*/

static void read_key(lm_parser *p, const lm_member *m, const char *path) {
    char place[LM_PLACE_SIZE], found[LM_FOUND_SIZE];
    int key = lm_key_find(path);
    lm_origin *origin = key < 0 ? NULL : &p->origins[key];
    lm_parser_place(p, m->key_at, place);
    if (!origin) {
        lm_parser_unknown(p, place, path);
        return;
    }
    if (*origin->place && origin->source == p->source) {
        lm_parser_problem(p, place, "duplicate key \"%s\", already given at %s", path,
                          origin->place);
        return;
    }
    lm_parser_found(p, m->value_at, found);
    lm_parser_place(p, m->value_at, place);
    if (lm_parser_is_list(key, m->item)) {
        lm_parser_sources(p, key, place, m->item, m->value_at);
    } else if (cJSON_IsNumber(m->item) && !lm_scan_is_number(p->text, m->value_at, m->end)) {
        *origin = (lm_origin){.wrong = true, .source = p->source};
        snprintf(origin->place, LM_PLACE_SIZE, "%s", place);
        lm_parser_problem(p, place, "%s: not a JSON number: %s", path, found);
    } else {
        lm_parser_set(p, key, place, m->item, found);
    }
}

static void read_section(lm_parser *p, const lm_section *section, const cJSON *object, size_t at) {
    const cJSON *item;
    at = lm_scan_skip_blanks(p->text, at) + 1; /* after the { */
    cJSON_ArrayForEach(item, object) {
        char path[160];
        lm_member m = lm_parser_member(p, item, at);
        snprintf(path, sizeof path, "%s.%.100s", section->name, item->string);
        read_key(p, &m, path);
        at = m.end;
    }
}

/* A member of the whole: a section, or a key by its whole path ("model.d_model"). seen: by section,
 * whether it was there before. */
static void read_root_member(lm_parser *p, const lm_member *m, bool *seen) {
    const char *name = m->item->string;
    char place[LM_PLACE_SIZE], found[LM_FOUND_SIZE];
    const lm_section *section;
    int i = 0;
    while ((section = lm_section_at(i)) != NULL && strcmp(section->name, name) != 0) i++;
    lm_parser_place(p, m->key_at, place);
    if (strcmp(name, "$schema") == 0) {
        if (!cJSON_IsString(m->item)) lm_parser_problem(p, place, "$schema: expected a string");
    } else if (!section && strchr(name, '.')) {
        read_key(p, m, name);
    } else if (!section) {
        lm_parser_unknown(p, place, name);
    } else if (seen[i]) {
        lm_parser_problem(p, place, "duplicate key \"%.100s\"", name);
    } else if (!cJSON_IsObject(m->item)) {
        lm_parser_place(p, m->value_at, place);
        lm_parser_found(p, m->value_at, found);
        lm_parser_problem(p, place, "%s: expected an object, found %s", name, found);
    } else {
        read_section(p, section, m->item, m->value_at);
    }
    if (section) seen[i] = true;
}

/* false: root is no object, so there is nothing to check further. */
static bool read_root(lm_parser *p, const cJSON *root) {
    const cJSON *item;
    size_t at = lm_scan_skip_blanks(p->text, 0);
    bool seen[MAX_SECTIONS] = {false};
    char place[LM_PLACE_SIZE], found[LM_FOUND_SIZE];
    LM_ASSERT(lm_section_count() <= MAX_SECTIONS);
    if (!cJSON_IsObject(root)) {
        lm_parser_place(p, at, place);
        lm_parser_found(p, at, found);
        lm_parser_problem(
            p, place, "expected an object of sections { \"run\": { ... }, ... }, found %s", found);
        return false;
    }
    at++;
    cJSON_ArrayForEach(item, root) {
        lm_member m = lm_parser_member(p, item, at);
        read_root_member(p, &m, seen);
        at = m.end;
    }
    return true;
}

/* ---- syntax -----------------------------------------------------------------------------------*/

/* Blanks the comments of `text` and parses it; NULL with a problem when it is not JSON. */
static cJSON *read_syntax(lm_parser *p, char *text, size_t size) {
    char place[LM_PLACE_SIZE];
    size_t at = lm_scan_bad_byte(text, size);
    p->text = text;
    if (at < size) {
        lm_parser_place(p, at, place);
        if (text[at] == '\\') {
            lm_parser_problem(p, place, "syntax error: \\u0000 is not allowed in a string");
        } else if (text[at] == '\n') {
            lm_parser_problem(p, place, "syntax error: the line ends inside a string");
        } else {
            lm_parser_problem(p, place, "syntax error: byte 0x%02x is not allowed here",
                              (unsigned char)text[at]);
        }
        return NULL;
    }
    if (!lm_scan_blank_comments(text, size, &at)) {
        lm_parser_place(p, at, place);
        lm_parser_problem(p, place, "syntax error: this comment is never closed");
        return NULL;
    }
    const char *end = NULL;
    cJSON *root = parsed(p, cJSON_ParseWithLengthOpts(text, size + 1, &end, 1));
    if (root || p->no_memory) return root;
    char why[96];
    at = end && end >= text && end <= text + size ? (size_t)(end - text) : 0;
    at = lm_scan_blame(text, size, at, why, sizeof why);
    lm_parser_place(p, at, place);
    lm_parser_problem(p, place, "syntax error%s", why);
    return NULL;
}

/* ---- the command line -------------------------------------------------------------------------*/

/* What people write for a number (.5, 5., +5) as JSON has it; text itself when it is no number. */
static const char *json_number(const char *text, char out[64]) {
    size_t n = strlen(text), used = 0, at = 0;
    if (n == 0 || n > 40) return text;
    if (text[0] == '-') out[used++] = '-';
    if (strchr("+-", text[0])) at++;
    if (text[at] == '.') out[used++] = '0';
    for (; text[at]; at++) {
        bool last = text[at] == '.' && (!text[at + 1] || strchr("eE", text[at + 1]));
        if (!last) out[used++] = text[at];
    }
    out[used] = '\0';
    return lm_scan_is_number(out, 0, used) ? out : text;
}

/* The value of an override. Strings and choices need no quotes; all else is JSON, with a little
 * more for numbers: NULL when it is not, or with no_memory. */
static cJSON *parse_override(lm_parser *p, lm_key_type type, const char *value) {
    size_t length = strlen(value);
    char number[64];
    if (type == LM_KEY_STRING || type == LM_KEY_CHOICE || type == LM_KEY_SOURCES) {
        bool quoted = length >= 2 && value[0] == '"' && value[length - 1] == '"';
        if (!quoted) return parsed(p, cJSON_CreateString(value));
    } else if (type != LM_KEY_BOOLEAN) {
        value = json_number(value, number);
        /* cJSON takes more for a number than JSON does. */
        if (!lm_scan_is_number(value, 0, strlen(value))) return NULL;
    } else if (!strchr("tf", value[0])) {
        return NULL;
    }
    return parsed(p, cJSON_ParseWithOpts(value, NULL, 1));
}

/* --set 'model={"d_model": 64, ...}'. */
static void read_override_section(lm_parser *p, const lm_section *section, const char *value) {
    const char *text = p->text;
    size_t size = strlen(value);
    char *copy = strdup(value);
    p->no_memory |= !copy;
    cJSON *object = copy ? read_syntax(p, copy, size) : NULL;
    if (cJSON_IsObject(object))
        read_section(p, section, object, 0);
    else if (object)
        lm_parser_problem(p, p->set,
                          "%s: expected an object { \"%s\": ... }, or --set %s.KEY=VALUE",
                          section->name, lm_key_name(&section->keys[0]), section->name);
    cJSON_Delete(object);
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
    cJSON *item = copy ? read_syntax(p, copy, strlen(value)) : NULL;
    if (item) {
        lm_parser_sources(p, key, place, item, 0);
    } else {
        snprintf(p->origins[key].place, LM_PLACE_SIZE, "%s", place);
        p->origins[key].wrong = true;
    }
    cJSON_Delete(item);
    free(copy);
    p->text = text;
}

static void read_override(lm_parser *p, const char *text) {
    char place[LM_PLACE_SIZE], path[128];
    const char *equals = strchr(text, '=');
    snprintf(place, sizeof place, "--set %.280s", text);
    p->set = place;
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof path) {
        lm_parser_problem(p, place, "expected key.path=value");
        goto out;
    }
    snprintf(path, sizeof path, "%.*s", (int)(equals - text), text);
    const char *value = equals + 1;
    const lm_section *section = lm_section_find(path);
    int key = lm_key_find(path);
    if (section) {
        read_override_section(p, section, value);
    } else if (key < 0) {
        lm_parser_unknown(p, place, path);
    } else if (begins_list(lm_key_at(key), value)) {
        read_override_sources(p, key, place, value);
    } else {
        cJSON *item = parse_override(p, lm_key_at(key)->type, value);
        lm_parser_set(p, key, place, item, *value ? value : "nothing");
        cJSON_Delete(item);
    }
out:
    p->set = NULL;
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
    cJSON *root = NULL;
    char *copy = malloc(size + 1);
    p->origins = calloc((size_t)lm_key_count(), sizeof *p->origins);
    errno = 0;
    set_defaults(p);
    if (!copy || !p->origins || p->no_memory) {
        status = lm_error_no_memory(err, p->name);
        goto out;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    root = read_syntax(p, copy, size);
    if (root && read_root(p, root)) {
        for (p->source = 1; p->source <= n_overrides; p->source++)
            read_override(p, overrides[p->source - 1]);
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
    cJSON_Delete(root);
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

lm_status lm_config_load(lm_config *c, const char *path, const char *const *overrides,
                         int n_overrides, lm_error *err) {
    lm_text text = {0};
    memset(c, 0, sizeof *c);
    lm_status status = lm_file_read(path, MAX_CONFIG_BYTES, &text, err);
    if (status != LM_OK) {
        err->code = status = LM_ERR_USAGE;
        goto out;
    }
    status =
        lm_config_parse(c, path, lm_text_cstr(&text), text.length, overrides, n_overrides, err);
out:
    lm_text_free(&text);
    return status;
}
