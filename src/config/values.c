/* Values of keys: where they stand, what is wrong with them, where they are stored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "config/parser.h"
#include "config/scan.h"
#include "config/suggest.h"

/* ---- places -----------------------------------------------------------------------------------*/

void lm_parser_place(lm_parser *p, size_t at, char place[LM_PLACE_SIZE]) {
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

void lm_parser_found(const lm_parser *p, const lm_json_node *value, char found[LM_FOUND_SIZE]) {
    size_t size = value->end - value->at, n = lm_size_min(size, 100);
    snprintf(found, LM_FOUND_SIZE, "%.*s%s", (int)n, p->text + value->at, n < size ? "..." : "");
    for (char *c = found; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t') *c = ' ';
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

void lm_parser_wrong(lm_parser *p, int key, const char *place, const char *found,
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
    char found[LM_FOUND_SIZE];
    int choice = lm_key_choice(k, name);
    if (choice >= 0) {
        lm_key_set_number(k, p->config, choice);
        return;
    }
    snprintf(found, sizeof found, "\"%.100s\"", name);
    lm_parser_wrong(p, key, place, found, lm_text_nearest(name, choice_candidate, k));
}

char *lm_parser_path(lm_parser *p, const char *text, lm_error *why) {
    char *path = NULL;
    lm_status status = LM_OK;
    if (p->saved) {
        path = strdup(text);
    } else {
        status = lm_file_expand_home(text, &path, why);
    }
    p->no_memory |= !path && status != LM_ERR_USAGE;
    return path;
}

static void set_string(lm_parser *p, int key, const char *place, const char *text) {
    const lm_key *k = lm_key_at(key);
    lm_error why = {0};
    if (!k->is_path) {
        p->no_memory |= !lm_key_set_string(k, p->config, text);
        return;
    }
    char *path = lm_parser_path(p, text, &why);
    if (path) {
        p->no_memory |= !lm_key_set_string(k, p->config, path);
    } else if (why.code == LM_ERR_USAGE) {
        p->origins[key].wrong = true;
        lm_parser_problem(p, place, "%s: %-s", k->path, why.message);
    }
    free(path);
}

void lm_parser_set(lm_parser *p, int key, const char *place, const lm_json_node *value,
                   const char *found) {
    const lm_key *k = lm_key_at(key);
    lm_json_kind kind = value ? value->kind : LM_JSON_NOTHING;
    snprintf(p->origins[key].place, LM_PLACE_SIZE, "%s", place);
    p->origins[key].source = p->source;
    p->origins[key].wrong = false;
    if (lm_key_takes_string(k) && kind == LM_JSON_STRING) {
        set_string(p, key, place, value->string);
    } else if (k->type == LM_KEY_CHOICE && kind == LM_JSON_STRING) {
        set_choice(p, key, place, value->string);
    } else if (!value || !lm_key_take(k, p->config, value)) {
        lm_parser_wrong(p, key, place, found, NULL);
    }
}

void lm_parser_part(lm_parser *p, int key, const char *below, const char *place,
                    const lm_json_node *value) {
    snprintf(p->origins[key].place, LM_PLACE_SIZE, "%s", place);
    p->origins[key].source = p->source;
    const lm_key *k = lm_key_at(key);
    if (k->type == LM_KEY_GROUPS)
        lm_parser_groups(p, k, below, place, value);
    else
        lm_parser_schedule(p, k, below, place, value);
}

void lm_parser_unknown(lm_parser *p, const char *place, const char *path) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    if (p->saved) {
        say_newer(p, place, "a key that this lmtrain does not know", path, "");
        return;
    }
    lm_text_did_you_mean(near, lm_parser_is_full(p) ? NULL : lm_key_suggest(path));
    lm_parser_problem(p, place, "unknown key \"%.150s\"%s", path, near);
}
