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

static void place_of(const lm_parser *p, size_t at, char place[LM_PLACE_SIZE]) {
    int line, column;
    lm_scan_position(p->text, at, &line, &column);
    snprintf(place, LM_PLACE_SIZE, "%.280s:%d:%d", p->name, line, column);
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

/* `found` is the value as the user wrote it; near: a choice that may have been meant, or NULL. */
static void wrong_value(lm_parser *p, int key, const char *place, const char *found,
                        const char *near) {
    const lm_key *k = lm_key_at(key);
    char suggestion[LM_TEXT_SUGGESTION_SIZE];
    lm_text expected = {0};
    p->origins[key].wrong = true;
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

/* Take one value from the file or the command line: the last one counts. */
static void set_value(lm_parser *p, int key, const char *place, const cJSON *item,
                      const char *found) {
    const lm_key *k = lm_key_at(key);
    bool number = k->type == LM_KEY_INTEGER || k->type == LM_KEY_REAL;
    snprintf(p->origins[key].place, LM_PLACE_SIZE, "%s", place);
    p->origins[key].wrong = false;
    if (number && cJSON_IsNumber(item) && lm_key_accepts_number(k, item->valuedouble)) {
        lm_key_set_number(k, p->config, item->valuedouble);
    } else if (k->type == LM_KEY_BOOLEAN && cJSON_IsBool(item)) {
        lm_key_set_boolean(k, p->config, cJSON_IsTrue(item));
    } else if (k->type == LM_KEY_STRING && cJSON_IsString(item)) {
        p->no_memory |= !lm_key_set_string(k, p->config, item->valuestring);
    } else if (k->type == LM_KEY_CHOICE && cJSON_IsString(item)) {
        set_choice(p, key, place, item->valuestring);
    } else {
        wrong_value(p, key, place, found, NULL);
    }
}

/* ---- keys -------------------------------------------------------------------------------------*/

static void unknown_key(lm_parser *p, const char *place, const char *path) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    lm_text_did_you_mean(near, lm_key_suggest(path));
    lm_parser_problem(p, place, "unknown key \"%.150s\"%s", path, near);
}

/* The text of the value at `at` as an error shows it: one line, cut short. */
static void found_text(const lm_parser *p, size_t at, char found[128]) {
    size_t end = lm_scan_skip_value(p->text, at), n = lm_size_min(end - at, 100);
    snprintf(found, 128, "%.*s%s", (int)n, p->text + at, n < end - at ? "..." : "");
    for (char *c = found; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t') *c = ' ';
}

static void read_section(lm_parser *p, const lm_section *section, const cJSON *object, size_t at) {
    const cJSON *item;
    at = lm_scan_skip_blanks(p->text, at) + 1; /* after the { */
    cJSON_ArrayForEach(item, object) {
        char path[160], place[LM_PLACE_SIZE], found[128];
        size_t key_at = lm_scan_skip_blanks(p->text, at);
        size_t value_at = lm_scan_skip_blanks(p->text, lm_scan_skip_value(p->text, key_at));
        snprintf(path, sizeof path, "%s.%.100s", section->name, item->string);
        int key = lm_key_find(path);
        place_of(p, key_at, place);
        at = lm_scan_skip_value(p->text, value_at);
        if (key < 0) {
            unknown_key(p, place, path);
            continue;
        }
        lm_origin *origin = &p->origins[key];
        if (*origin->place) {
            lm_parser_problem(p, place, "duplicate key \"%s\", already given at %s", path,
                              origin->place);
            continue;
        }
        found_text(p, value_at, found);
        place_of(p, value_at, place);
        if (cJSON_IsNumber(item) && !lm_scan_is_number(p->text, value_at, at)) {
            *origin = (lm_origin){.wrong = true};
            snprintf(origin->place, LM_PLACE_SIZE, "%s", place);
            lm_parser_problem(p, place, "%s: not a JSON number: %s", path, found);
        } else {
            set_value(p, key, place, item, found);
        }
    }
}

/* false: root is no object, so there is nothing to check further. */
static bool read_root(lm_parser *p, const cJSON *root) {
    const cJSON *item, *earlier;
    size_t at = lm_scan_skip_blanks(p->text, 0);
    char place[LM_PLACE_SIZE], found[128];
    if (!cJSON_IsObject(root)) {
        place_of(p, at, place);
        found_text(p, at, found);
        lm_parser_problem(
            p, place, "expected an object of sections { \"run\": { ... }, ... }, found %s", found);
        return false;
    }
    at++;
    cJSON_ArrayForEach(item, root) {
        size_t key_at = lm_scan_skip_blanks(p->text, at);
        size_t value_at = lm_scan_skip_blanks(p->text, lm_scan_skip_value(p->text, key_at));
        const lm_section *section = lm_section_find(item->string);
        bool twice = false;
        at = lm_scan_skip_value(p->text, value_at);
        place_of(p, key_at, place);
        cJSON_ArrayForEach(earlier, root) {
            if (earlier == item) break;
            twice |= strcmp(earlier->string, item->string) == 0;
        }
        if (twice) {
            lm_parser_problem(p, place, "duplicate key \"%.100s\"", item->string);
        } else if (strcmp(item->string, "$schema") == 0) {
            if (!cJSON_IsString(item)) lm_parser_problem(p, place, "$schema: expected a string");
        } else if (!section) {
            unknown_key(p, place, item->string);
        } else if (!cJSON_IsObject(item)) {
            place_of(p, value_at, place);
            found_text(p, value_at, found);
            lm_parser_problem(p, place, "%s: expected an object, found %s", item->string, found);
        } else {
            read_section(p, section, item, value_at);
        }
    }
    return true;
}

/* ---- the command line -------------------------------------------------------------------------*/

/* The value of an override. Strings and choices need no quotes; all else is JSON: NULL when it is
 * not, or with no_memory. */
static cJSON *parse_override(lm_parser *p, lm_key_type type, const char *value) {
    size_t length = strlen(value);
    if (type == LM_KEY_STRING || type == LM_KEY_CHOICE) {
        bool quoted = length >= 2 && value[0] == '"' && value[length - 1] == '"';
        if (!quoted) return parsed(p, cJSON_CreateString(value));
    } else if (!lm_scan_is_number(value, 0, length) && !strchr("tf", value[0])) {
        return NULL; /* cJSON takes more for a number than JSON does */
    }
    return parsed(p, cJSON_ParseWithOpts(value, NULL, 1));
}

static void read_override(lm_parser *p, const char *text) {
    char place[LM_PLACE_SIZE], path[128];
    const char *equals = strchr(text, '=');
    snprintf(place, sizeof place, "--set %.280s", text);
    if (!equals || equals == text || (size_t)(equals - text) >= sizeof path) {
        lm_parser_problem(p, place, "expected key.path=value");
        return;
    }
    snprintf(path, sizeof path, "%.*s", (int)(equals - text), text);
    const char *value = equals + 1;
    int key = lm_key_find(path);
    if (key < 0) {
        unknown_key(p, place, path);
        return;
    }
    cJSON *item = parse_override(p, lm_key_at(key)->type, value);
    set_value(p, key, place, item, *value ? value : "nothing");
    cJSON_Delete(item);
}

/* ---- the whole --------------------------------------------------------------------------------*/

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

/* The problems as one error. Lines for which it has no room are counted. */
static lm_status tell(const lm_text *problems, lm_error *err) {
    const size_t room = sizeof err->message - 64; /* for a prefix and the count */
    const char *all = lm_text_cstr(problems);
    size_t fits = problems->length;
    int more = 0;
    if (fits > room) {
        for (fits = room; fits > 0 && all[fits] != '\n';) fits--;
        for (const char *c = all + fits; *c; c++) more += *c == '\n';
    }
    if (more == 0) return lm_error_set(err, LM_ERR_USAGE, "%-s", all);
    return lm_error_set(err, LM_ERR_USAGE, "%-.*s\nand %d more problem%s", (int)fits, all, more,
                        more == 1 ? "" : "s");
}

/* Every key at its default. */
static void set_defaults(lm_parser *p) {
    memset(p->config, 0, sizeof *p->config);
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        p->no_memory |= !lm_key_set_literal(k, p->config, k->default_value);
    }
}

static lm_status parse(lm_config *c, const char *name, bool saved, const char *text, size_t size,
                       const char *const *overrides, int n_overrides, lm_error *err) {
    lm_parser p = {.config = c, .name = name, .saved = saved};
    lm_status status = LM_OK;
    cJSON *root = NULL;
    char *copy = malloc(size + 1);
    p.origins = calloc((size_t)lm_key_count(), sizeof *p.origins);
    errno = 0;
    set_defaults(&p);
    if (!copy || !p.origins || p.no_memory) {
        status = lm_error_no_memory(err, name);
        goto out;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    root = read_syntax(&p, copy, size);
    if (root && read_root(&p, root)) {
        for (int i = 0; i < n_overrides; i++) read_override(&p, overrides[i]);
        lm_parser_check(&p);
    }
    if (p.no_memory) {
        status = lm_error_no_memory(err, name);
    } else if (p.problems.length > 0) {
        status = tell(&p.problems, err);
    }
out:
    cJSON_Delete(root);
    lm_text_free(&p.problems);
    free(p.origins);
    free(copy);
    return status;
}

lm_status lm_config_parse(lm_config *c, const char *name, const char *text, size_t size,
                          const char *const *overrides, int n_overrides, lm_error *err) {
    return parse(c, name, false, text, size, overrides, n_overrides, err);
}

lm_status lm_config_parse_saved(lm_config *c, const char *name, const char *text, size_t size,
                                lm_error *err) {
    return parse(c, name, true, text, size, NULL, 0, err);
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
