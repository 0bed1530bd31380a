/* Keys of the file that overrides make moot. */
#include <stdio.h>
#include <string.h>

#include "config/parser.h"

bool lm_parser_is_overridden(const lm_parser *p, const char *path) {
    if (!path) return false;
    int key = lm_key_find(path);
    const lm_origin *o = &p->origins[key];
    bool by_preset = p->config->given[key] && !*o->place;
    if (by_preset) o = &p->origins[lm_key_find("model.preset")];
    return !o->wrong && (o->source > 0 || o->dropped);
}

bool lm_parser_drop(lm_parser *p, int key) {
    lm_origin *o = &p->origins[key];
    bool was = *o->place != '\0';
    p->no_memory |= !lm_key_set_literal(lm_key_at(key), p->config, lm_key_at(key)->default_value);
    p->config->given[key] = false;
    *o = (lm_origin){.dropped = true};
    return was;
}

void lm_parser_note(lm_parser *p, const char *place, const char *path, const char *why) {
    lm_text *notes = &p->config->notes;
    lm_text_say(notes, "note: %s: %s %-s: left out\n", place, path, why);
    p->no_memory |= notes->failed;
}

void lm_parser_decided_by(const lm_parser *p, const lm_key *k, lm_text *out) {
    const char *const paths[] = {k->depends, k->depends_too};
    for (int i = 0; i < 2 && paths[i]; i++) {
        const lm_key *decides = lm_key_at(lm_key_find(paths[i]));
        bool absent = lm_key_is_absent(decides, p->config);
        if (i > 0 && (absent || !lm_key_applies(decides, p->config))) continue;
        lm_text_printf(out, i ? " and %s is " : "has no effect when %s is ", paths[i]);
        lm_key_print(decides, p->config, out);
    }
}

static bool is_moot(const lm_parser *p, int key) {
    const lm_key *k = lm_key_at(key);
    const lm_origin *o = &p->origins[key];
    return *o->place && o->source == 0 && !lm_key_applies(k, p->config) &&
           (lm_parser_is_overridden(p, k->depends) || lm_parser_is_overridden(p, k->depends_too));
}

/* A key that was left out may decide another: again, until there is none. */
void lm_parser_drop_moot(lm_parser *p) {
    for (int key = 0; key < lm_key_count(); key++) {
        if (!is_moot(p, key)) continue;
        lm_text why = {0};
        lm_parser_decided_by(p, lm_key_at(key), &why);
        lm_parser_note(p, p->origins[key].place, lm_key_at(key)->path, lm_text_cstr(&why));
        lm_parser_drop(p, key);
        lm_text_free(&why);
        key = -1;
    }
}
