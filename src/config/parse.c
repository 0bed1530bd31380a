#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "config/parser.h"
#include "config/scan.h"
#include "config/suggest.h"

#define MAX_CONFIG_BYTES ((size_t)4 << 20)
enum { MAX_SECTIONS = 32 };

static void place_of(lm_parser *p, size_t at, char place[LM_PLACE_SIZE]) {
    if (p->set) {
        snprintf(place, LM_PLACE_SIZE, "%s", p->set);
        return;
    }
    if (at < p->cursor.at || p->cursor.at == 0) {
        p->cursor.at = 0;
        p->cursor.line = p->cursor.column = 1;
    }
    lm_scan_advance(p->text, p->cursor.at, at, &p->cursor.line, &p->cursor.column);
    p->cursor.at = at;
    snprintf(place, LM_PLACE_SIZE, "%.280s:%d:%d", p->name, p->cursor.line, p->cursor.column);
}

/* What cJSON returned: NULL is bad JSON or, as errno alone tells, no memory. */
static cJSON *parsed(lm_parser *p, cJSON *item) {
    p->no_memory |= !item && errno == ENOMEM;
    return item;
}

/* ---- values -----------------------------------------------------------------------------------*/

static const char *choice_candidate(int i, const void *key) {
    return ((const lm_key *)key)->choice(i);
}

/* What a checkpoint says that this program does not know: a newer one wrote it. */
static void say_newer(lm_parser *p, const char *place, const char *what, const char *path,
                      const char *found) {
    p->is_newer = true;
    if (p->newer)
        lm_text_say(p->newer, "%s: %s%s%s\n", what, path, *found ? " = " : "", found);
    else
        lm_parser_problem(p, place, "%s: %s%s%s", what, path, *found ? " = " : "", found);
}

/* `found` is the value as the user wrote it; near: a choice that may have been meant, or NULL. */
static void wrong_value(lm_parser *p, int key, const char *place, const char *found,
                        const char *near) {
    const lm_key *k = lm_key_at(key);
    char suggestion[LM_TEXT_SUGGESTION_SIZE];
    lm_text expected = {0};
    if (p->newer) {
        say_newer(p, place, "a value that this lmtrain does not know", k->path, found);
        return;
    }
    p->is_newer |= p->saved && k->type == LM_KEY_CHOICE;
    p->origins[key].wrong = true;
    if (lm_parser_is_full(p)) {
        p->untold++;
        return;
    }
    lm_key_describe(k, &expected);
    p->no_memory |= expected.failed;
    lm_parser_problem(p, place, "%s: expected %s, found %s%s", k->path, lm_text_cstr(&expected),
                      found, lm_text_did_you_mean(suggestion, near));
    lm_text_free(&expected);
}

static void set_choice(lm_parser *p, int key, const char *place, const char *name) {
    const lm_key *k = lm_key_at(key);
    char found[128];
    int choice = lm_key_choice(k, name);
    if (choice >= 0) {
        lm_key_set_number(k, p->config, choice);
        return;
    }
    snprintf(found, sizeof found, "\"%.100s\"", name);
    wrong_value(p, key, place, found, lm_text_nearest(name, choice_candidate, k));
}

static void set_string(lm_parser *p, int key, const char *place, const char *text) {
    const lm_key *k = lm_key_at(key);
    lm_error why = {0};
    char *path = NULL;
    if (!k->is_path || p->saved) {
        p->no_memory |= !lm_key_set_string(k, p->config, text);
    } else if (lm_file_expand_home(text, &path, &why) == LM_OK) {
        p->no_memory |= !lm_key_set_string(k, p->config, path);
    } else if (why.code == LM_ERR_USAGE) {
        p->origins[key].wrong = true;
        lm_parser_problem(p, place, "%s: %-s", k->path, why.message);
    } else {
        p->no_memory = true;
    }
    free(path);
}

/* Take one value from the file or the command line: the last one counts. */
static void set_value(lm_parser *p, int key, const char *place, const cJSON *item,
                      const char *found) {
    const lm_key *k = lm_key_at(key);
    bool number = k->type == LM_KEY_INTEGER || k->type == LM_KEY_REAL;
    snprintf(p->origins[key].place, LM_PLACE_SIZE, "%s", place);
    p->origins[key].source = p->source;
    p->origins[key].wrong = false;
    if (number && cJSON_IsNumber(item) && lm_key_accepts_number(k, item->valuedouble)) {
        lm_key_set_number(k, p->config, item->valuedouble);
    } else if (k->type == LM_KEY_BOOLEAN && cJSON_IsBool(item)) {
        lm_key_set_boolean(k, p->config, cJSON_IsTrue(item));
    } else if (k->type == LM_KEY_STRING && cJSON_IsString(item)) {
        set_string(p, key, place, item->valuestring);
    } else if (k->type == LM_KEY_CHOICE && cJSON_IsString(item)) {
        set_choice(p, key, place, item->valuestring);
    } else {
        wrong_value(p, key, place, found, NULL);
    }
}

/* ---- keys -------------------------------------------------------------------------------------*/

static void unknown_key(lm_parser *p, const char *place, const char *path) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    if (p->saved) {
        say_newer(p, place, "a key that this lmtrain does not know", path, "");
        return;
    }
    lm_text_did_you_mean(near, lm_parser_is_full(p) ? NULL : lm_key_suggest(path));
    lm_parser_problem(p, place, "unknown key \"%.150s\"%s", path, near);
}

/* The text of the value at `at` as an error shows it: one line, cut short. */
static void found_text(const lm_parser *p, size_t at, char found[128]) {
    size_t end = lm_scan_skip_value(p->text, at), n = lm_size_min(end - at, 100);
    snprintf(found, 128, "%.*s%s", (int)n, p->text + at, n < end - at ? "..." : "");
    for (char *c = found; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t') *c = ' ';
}

/* A member of the text: where its key, its value and what follows stand. */
typedef struct member {
    const cJSON *item;
    size_t key_at, value_at, end;
} member;

/* The next member of an object, `at` being behind the one before or behind the bracket. */
static member member_at(const lm_parser *p, const cJSON *item, size_t at) {
    member m = {.item = item, .key_at = lm_scan_skip_blanks(p->text, at)};
    m.value_at = lm_scan_skip_blanks(p->text, lm_scan_skip_value(p->text, m.key_at));
    m.end = lm_scan_skip_value(p->text, m.value_at);
    return m;
}

static void read_key(lm_parser *p, const member *m, const char *path) {
    char place[LM_PLACE_SIZE], found[128];
    int key = lm_key_find(path);
    lm_origin *origin = key < 0 ? NULL : &p->origins[key];
    place_of(p, m->key_at, place);
    if (!origin) {
        unknown_key(p, place, path);
        return;
    }
    if (*origin->place && origin->source == p->source) {
        lm_parser_problem(p, place, "duplicate key \"%s\", already given at %s", path,
                          origin->place);
        return;
    }
    found_text(p, m->value_at, found);
    place_of(p, m->value_at, place);
    if (cJSON_IsNumber(m->item) && !lm_scan_is_number(p->text, m->value_at, m->end)) {
        *origin = (lm_origin){.wrong = true, .source = p->source};
        snprintf(origin->place, LM_PLACE_SIZE, "%s", place);
        lm_parser_problem(p, place, "%s: not a JSON number: %s", path, found);
    } else {
        set_value(p, key, place, m->item, found);
    }
}

static void read_section(lm_parser *p, const lm_section *section, const cJSON *object, size_t at) {
    const cJSON *item;
    at = lm_scan_skip_blanks(p->text, at) + 1; /* after the { */
    cJSON_ArrayForEach(item, object) {
        char path[160];
        member m = member_at(p, item, at);
        snprintf(path, sizeof path, "%s.%.100s", section->name, item->string);
        read_key(p, &m, path);
        at = m.end;
    }
}

/* A member of the whole: a section, or a key by its whole path ("model.d_model"). seen: by section,
 * whether it was there before. */
static void read_root_member(lm_parser *p, const member *m, bool *seen) {
    const char *name = m->item->string;
    char place[LM_PLACE_SIZE], found[128];
    const lm_section *section;
    int i = 0;
    while ((section = lm_section_at(i)) != NULL && strcmp(section->name, name) != 0) i++;
    place_of(p, m->key_at, place);
    if (strcmp(name, "$schema") == 0) {
        if (!cJSON_IsString(m->item)) lm_parser_problem(p, place, "$schema: expected a string");
    } else if (!section && strchr(name, '.')) {
        read_key(p, m, name);
    } else if (!section) {
        unknown_key(p, place, name);
    } else if (seen[i]) {
        lm_parser_problem(p, place, "duplicate key \"%.100s\"", name);
    } else if (!cJSON_IsObject(m->item)) {
        place_of(p, m->value_at, place);
        found_text(p, m->value_at, found);
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
    char place[LM_PLACE_SIZE], found[128];
    LM_ASSERT(lm_section_count() <= MAX_SECTIONS);
    if (!cJSON_IsObject(root)) {
        place_of(p, at, place);
        found_text(p, at, found);
        lm_parser_problem(
            p, place, "expected an object of sections { \"run\": { ... }, ... }, found %s", found);
        return false;
    }
    at++;
    cJSON_ArrayForEach(item, root) {
        member m = member_at(p, item, at);
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
        place_of(p, at, place);
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
        place_of(p, at, place);
        lm_parser_problem(p, place, "syntax error: this comment is never closed");
        return NULL;
    }
    const char *end = NULL;
    cJSON *root = parsed(p, cJSON_ParseWithLengthOpts(text, size + 1, &end, 1));
    if (root || p->no_memory) return root;
    char why[96];
    at = end && end >= text && end <= text + size ? (size_t)(end - text) : 0;
    at = lm_scan_blame(text, size, at, why, sizeof why);
    place_of(p, at, place);
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
    if (type == LM_KEY_STRING || type == LM_KEY_CHOICE) {
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
        unknown_key(p, place, path);
    } else {
        cJSON *item = parse_override(p, lm_key_at(key)->type, value);
        set_value(p, key, place, item, *value ? value : "nothing");
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
