#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/keys.h"
#include "config/schedules.h"
#include "config/tables.h"

/* ---- the config itself ------------------------------------------------------------------------*/

static void print_config(const lm_config *c, bool result, lm_text *out) {
    lm_json_writer w = {.out = out};
    const lm_section *s;
    lm_json_object(&w, NULL, LM_JSON_LINES);
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) {
        bool any = false;
        for (const lm_key *k = s->keys; k < s->keys + s->n_keys; k++) {
            if (!lm_key_applies(k, c) || lm_key_is_absent(k, c) || (result && k->neutral)) continue;
            if (!any) lm_json_object(&w, s->name, LM_JSON_LINES);
            lm_key_write(k, c, &w, lm_key_name(k));
            any = true;
        }
        if (any) lm_json_end(&w);
    }
    lm_json_end(&w);
    lm_text_printf(out, "\n");
}

void lm_config_print(const lm_config *c, lm_text *out) {
    print_config(c, false, out);
}

void lm_config_print_result(const lm_config *c, lm_text *out) {
    print_config(c, true, out);
}

/* ---- the schema -------------------------------------------------------------------------------*/

static void write_default(const lm_key *k, lm_json_writer *w) {
    if (lm_key_takes_string(k) || k->type == LM_KEY_CHOICE) {
        lm_json_string(w, "default", k->default_value);
    } else {
        lm_json_text(w, "default", k->default_value, strlen(k->default_value));
    }
}

static void write_path(lm_json_writer *w, const char *name, bool required) {
    lm_json_object(w, name, LM_JSON_LINE);
    lm_json_string(w, "type", "string");
    if (required) lm_json_integer(w, "minLength", 1);
    lm_json_end(w);
}

/* An element of a mixture. */
static void write_weighted(lm_json_writer *w) {
    lm_json_object(w, "items", LM_JSON_LINES);
    lm_json_string(w, "type", "object");
    lm_json_boolean(w, "additionalProperties", false);
    lm_json_object(w, "properties", LM_JSON_LINES);
    write_path(w, "path", true);
    lm_json_object(w, "weight", LM_JSON_LINE);
    lm_json_string(w, "type", "number");
    lm_json_number(w, "minimum", LM_DATA_LEAST_WEIGHT);
    lm_json_number(w, "maximum", LM_DATA_MOST_WEIGHT);
    lm_json_end(w);
    write_path(w, "name", true);
    lm_json_end(w);
    lm_json_array(w, "required", LM_JSON_LINE);
    lm_json_string(w, NULL, "path");
    lm_json_end(w);
    lm_json_end(w);
}

/* A path, or several. */
static void write_sources(const lm_key *k, lm_json_writer *w) {
    lm_json_array(w, "anyOf", LM_JSON_LINES);
    write_path(w, NULL, k->required);
    lm_json_object(w, NULL, LM_JSON_LINES);
    lm_json_string(w, "type", k->weighted ? "array" : "object");
    lm_json_integer(w, k->weighted ? "minItems" : "minProperties", 1);
    lm_json_integer(w, k->weighted ? "maxItems" : "maxProperties", LM_DATA_MOST_SOURCES);
    if (k->weighted) {
        write_weighted(w);
    } else {
        write_path(w, "additionalProperties", true);
    }
    lm_json_end(w);
    lm_json_end(w);
    if (!k->required) write_default(k, w);
}

/* Groups of parameters: what a group gives is described where `optimizer` has it. */
static void write_groups(lm_json_writer *w) {
    const lm_section *s = lm_section_find("optimizer");
    char place[160];
    lm_json_string(w, "type", "object");
    lm_json_integer(w, "maxProperties", LM_GROUPS_MOST);
    lm_json_object(w, "additionalProperties", LM_JSON_LINES);
    lm_json_string(w, "type", "object");
    lm_json_boolean(w, "additionalProperties", false);
    lm_json_object(w, "properties", LM_JSON_LINES);
    write_path(w, "match", true);
    lm_json_object(w, "lr_scale", LM_JSON_LINE);
    lm_json_string(w, "type", "number");
    lm_json_number(w, "exclusiveMinimum", 0);
    lm_json_number(w, "maximum", 1e6);
    lm_json_end(w);
    for (const lm_key *k = s->keys; k < s->keys + s->n_keys; k++) {
        if (!k->in_groups) continue;
        snprintf(place, sizeof place, "#/properties/optimizer/properties/%s", lm_key_name(k));
        lm_json_object(w, lm_key_name(k), LM_JSON_LINE);
        lm_json_string(w, "$ref", place);
        lm_json_end(w);
    }
    lm_json_end(w);
    lm_json_array(w, "required", LM_JSON_LINE);
    lm_json_string(w, NULL, "match");
    lm_json_end(w);
    lm_json_end(w);
    lm_json_object(w, "default", LM_JSON_LINE);
    lm_json_end(w);
}

/* A list of numbers, or one. */
static void write_numbers(const lm_key *k, lm_json_writer *w) {
    lm_json_array(w, "type", LM_JSON_LINE);
    lm_json_string(w, NULL, "array");
    lm_json_string(w, NULL, "number");
    lm_json_end(w);
    lm_json_integer(w, "maxItems", LM_NUMBERS_MOST);
    lm_json_object(w, "items", LM_JSON_LINE);
    lm_json_string(w, "type", "number");
    lm_json_number(w, "minimum", k->low);
    lm_json_number(w, "maximum", k->high);
    lm_json_end(w);
}

static void write_trials(const lm_key *k, lm_json_writer *w) {
    char comment[128];
    if (!k->trials) return; /* tests/support/run.sh reads it */
    snprintf(comment, sizeof comment, "tests try %s", k->trials);
    lm_json_string(w, "$comment", comment);
}

static void write_property(const lm_key *k, lm_json_writer *w) {
    static const char *const types[] = {
        [LM_KEY_INTEGER] = "integer", [LM_KEY_REAL] = "number",   [LM_KEY_BOOLEAN] = "boolean",
        [LM_KEY_STRING] = "string",   [LM_KEY_CHOICE] = "string",
    };
    lm_json_object(w, lm_key_name(k), LM_JSON_LINES);
    lm_json_string(w, "description", k->help);
    if (k->type == LM_KEY_SOURCES) {
        write_sources(k, w);
        lm_json_end(w);
        return;
    }
    if (k->type == LM_KEY_SCHEDULE) {
        lm_schedule_write_schema(k, w);
        lm_json_end(w);
        return;
    }
    if (k->type == LM_KEY_TABLES) {
        lm_tables_write_schema(w);
        write_trials(k, w);
        write_default(k, w);
        lm_json_end(w);
        return;
    }
    if (k->type == LM_KEY_GROUPS) {
        write_groups(w);
        lm_json_end(w);
        return;
    }
    if (k->type == LM_KEY_LENGTH)
        lm_schedule_write_length_types(w);
    else if (k->type == LM_KEY_NUMBERS)
        write_numbers(k, w);
    else
        lm_json_string(w, "type", types[k->type]);
    if (k->type == LM_KEY_INTEGER || k->type == LM_KEY_REAL) {
        lm_json_number(w, k->above_low ? "exclusiveMinimum" : "minimum", k->low);
        lm_json_number(w, "maximum", k->high);
    }
    if (k->type == LM_KEY_CHOICE) {
        lm_json_array(w, "enum", LM_JSON_LINE);
        for (int i = 0; k->choice(i); i++) lm_json_string(w, NULL, k->choice(i));
        lm_json_end(w);
    }
    write_trials(k, w);
    if (k->required) {
        lm_json_integer(w, "minLength", 1);
    } else {
        write_default(k, w);
    }
    lm_json_end(w);
}

static void write_section(const lm_section *s, lm_json_writer *w) {
    lm_json_object(w, s->name, LM_JSON_LINES);
    lm_json_string(w, "type", "object");
    lm_json_boolean(w, "additionalProperties", false);
    lm_json_object(w, "properties", LM_JSON_LINES);
    for (int i = 0; i < s->n_keys; i++) write_property(&s->keys[i], w);
    lm_json_end(w);
    lm_json_end(w);
}

/* A key may also be given by its whole path: { "model.d_model": 64 }. */
static void write_whole_paths(lm_json_writer *w) {
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        char place[160];
        snprintf(place, sizeof place, "#/properties/%.*s/properties/%s", (int)strcspn(k->path, "."),
                 k->path, lm_key_name(k));
        lm_json_object(w, k->path, LM_JSON_LINE);
        lm_json_string(w, "$ref", place);
        lm_json_end(w);
    }
}

static void write_name_in(lm_json_writer *w, const char *keyword, const char *name) {
    lm_json_array(w, keyword, LM_JSON_LINE);
    lm_json_string(w, NULL, name);
    lm_json_end(w);
}

/* Each key that must be given is there by its whole path or in its section. */
static void write_required(lm_json_writer *w) {
    lm_json_array(w, "allOf", LM_JSON_LINES);
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        char section[64];
        if (!k->required) continue;
        snprintf(section, sizeof section, "%.*s", (int)strcspn(k->path, "."), k->path);
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_array(w, "anyOf", LM_JSON_LINE);
        lm_json_object(w, NULL, LM_JSON_LINE);
        write_name_in(w, "required", k->path);
        lm_json_end(w);
        lm_json_object(w, NULL, LM_JSON_LINE);
        write_name_in(w, "required", section);
        lm_json_object(w, "properties", LM_JSON_LINE);
        lm_json_object(w, section, LM_JSON_LINE);
        write_name_in(w, "required", lm_key_name(k));
        lm_json_end(w);
        lm_json_end(w);
        lm_json_end(w);
        lm_json_end(w);
        lm_json_end(w);
    }
    lm_json_end(w);
}

void lm_config_print_schema(lm_text *out) {
    lm_json_writer w = {.out = out};
    const lm_section *s;
    lm_json_schema(&w, "lmtrain run config");
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) write_section(s, &w);
    write_whole_paths(&w);
    lm_json_end(&w);
    write_required(&w);
    lm_json_end(&w);
    lm_text_printf(out, "\n");
}

/* ---- the reference ----------------------------------------------------------------------------*/

static void print_row(const lm_key *k, lm_text *out) {
    lm_text_printf(out, "| `%s`%s | ", k->path, k->may_change ? "" : " †");
    lm_key_describe(k, out);
    if (k->required) {
        lm_text_printf(out, " | required");
    } else if (*k->default_value) {
        lm_text_printf(out, " | `%s`", k->default_value);
    } else {
        lm_text_printf(out, " | empty");
    }
    lm_text_printf(out, " | %s", k->help);
    if (k->depends) lm_text_printf(out, " Depends on `%s`", k->depends);
    if (k->depends_too) lm_text_printf(out, " and `%s`", k->depends_too);
    if (k->depends) lm_text_printf(out, ".");
    lm_text_printf(out, " |\n");
}

/* The row of a preset that sets the key; NULL: it does not. */
static const lm_preset_row *find_preset(int preset, const char *path) {
    for (int i = 0; i < lm_n_presets; i++)
        if (lm_presets[i].preset == preset && strcmp(lm_presets[i].path, path) == 0)
            return &lm_presets[i];
    return NULL;
}

/* Keys that presets set, a column each; preset 0 is none, which leaves the defaults. */
static void print_presets(lm_text *out) {
    lm_text_printf(out,
                   "\nWhat `model.preset` sets, where the key itself is not given:\n\n| key |");
    for (int p = 1; lm_preset_name(p); p++) lm_text_printf(out, " %s |", lm_preset_name(p));
    lm_text_printf(out, "\n|---|");
    for (int p = 1; lm_preset_name(p); p++) lm_text_printf(out, "---|");
    lm_text_printf(out, "\n");
    for (int key = 0; key < lm_key_count(); key++) {
        const char *path = lm_key_at(key)->path;
        bool any = false;
        for (int p = 1; lm_preset_name(p); p++) any |= find_preset(p, path) != NULL;
        if (!any) continue;
        lm_text_printf(out, "| `%s` |", path);
        for (int p = 1; lm_preset_name(p); p++) {
            const lm_preset_row *row = find_preset(p, path);
            lm_text_printf(out, row ? " `%s` |" : " |", row ? row->value : "");
        }
        lm_text_printf(out, "\n");
    }
}

void lm_config_print_reference(lm_text *out) {
    const lm_section *s;
    lm_text_printf(out, "† cannot change when a run is resumed.\n");
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) {
        lm_text_printf(out, "\n### %s\n\n| key | takes | default | meaning |\n|---|---|---|---|\n",
                       s->name);
        for (int j = 0; j < s->n_keys; j++) print_row(&s->keys[j], out);
        if (strcmp(s->name, "model") == 0) print_presets(out);
    }
}

/* ---- two configs ------------------------------------------------------------------------------*/

/* Appends a line if the values of a key differ. */
static void append_difference(const lm_key *k, const lm_config *before, const lm_config *now,
                              bool refused, lm_text *out) {
    lm_text old = {0}, new = {0};
    if (!lm_key_applies(k, before) && !lm_key_applies(k, now)) return;
    lm_key_print(k, before, &old);
    lm_key_print(k, now, &new);
    if (strcmp(lm_text_cstr(&old), lm_text_cstr(&new)) != 0) {
        if (out->length) lm_text_printf(out, "\n");
        lm_text_say(out,
                    refused ? "%s cannot change when a run is resumed: it was %s, it is now %s"
                            : "  %s: %s -> %s",
                    k->path, lm_text_cstr(&old), lm_text_cstr(&new));
    }
    out->failed |= old.failed || new.failed;
    lm_text_free(&old);
    lm_text_free(&new);
}

lm_status lm_config_compare(const lm_config *saved, const lm_config *now, lm_text *changed,
                            lm_error *err) {
    lm_text problems = {0};
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        if (k->neutral) continue;
        append_difference(k, saved, now, !k->may_change, k->may_change ? changed : &problems);
    }
    lm_status status = LM_OK;
    if (problems.failed) {
        status = lm_error_no_memory(err, "comparing two configs");
    } else if (problems.length) {
        status = lm_error_set(err, LM_ERR_USAGE, "%-s", lm_text_cstr(&problems));
    }
    lm_text_free(&problems);
    return status;
}

void lm_config_result_differences(const lm_config *before, const lm_config *now, lm_text *out) {
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        if (!k->neutral && !k->is_data) append_difference(k, before, now, false, out);
    }
}

/* ---- the model that a run begins with ---------------------------------------------------------*/

static bool is_zero(const lm_config *c, const lm_key *k) {
    lm_text value = {0};
    lm_key_print(k, c, &value);
    bool zero = strcmp(lm_text_cstr(&value), "0") == 0;
    lm_text_free(&value);
    return zero;
}

/* Is the key taken over? Sizes of 0 stand for what follows from other keys, but for a window, of
 * which 0 is none. */
static bool is_inherited(const lm_config *c, const lm_key *k) {
    if (k->neutral || strcmp(k->path, "model.document_token") == 0) return false;
    if (!c->given[lm_key_find(k->path)]) return true;
    return k->type == LM_KEY_INTEGER && is_zero(c, k) && strcmp(k->path, "model.window") != 0;
}

/* May the key differ from that of the weights? Learned positions are as many as the context. A key
 * that says how weights are meant may not where they are imported, but they may see less text. */
static bool may_differ(const lm_key *k, const lm_config *from, const lm_config *c, bool imported) {
    bool context = strcmp(k->path, "model.context_length") == 0;
    if (context && from->model.position == LM_POSITION_LEARNED) return false;
    if (k->meant && imported)
        return context && c->model.context_length < from->model.context_length;
    return k->may_differ || k->may_change;
}

/* Tables that leave their rows out have as many as the weights' vocabulary asks for. */
static void fit_tables(lm_ngram_tables *t, int64_t vocab) {
    for (int64_t i = 0; i < t->count; i++) t->at[i].rows = lm_ngram_fit(&t->at[i], vocab);
}

lm_status lm_config_inherit(lm_config *c, const lm_config *from, lm_config_origin origin,
                            lm_text *differing, lm_error *err) {
    const lm_section *s = lm_section_find("model");
    lm_text problems = {0};
    lm_status status = LM_OK;
    if (from->model.vocab_size > 0) fit_tables(&c->model.ngram_tables, from->model.vocab_size);
    for (const lm_key *k = s->keys; k < s->keys + s->n_keys; k++) {
        bool given = c->given[lm_key_find(k->path)];
        if (k->neutral || origin == LM_CONFIG_ITSELF || is_inherited(c, k) || !given) continue;
        append_difference(k, from, c, false,
                          may_differ(k, from, c, origin == LM_CONFIG_IMPORTED) ? differing
                                                                               : &problems);
    }
    if (problems.failed || differing->failed) {
        status = lm_error_no_memory(err, NULL);
    } else if (problems.length > 0) {
        status = lm_error_set(err, LM_ERR_USAGE,
                              "keys of the model that the config gives are others than those of the"
                              " weights (there -> here); leave them out:\n%-s",
                              lm_text_cstr(&problems));
    }
    for (const lm_key *k = s->keys; k < s->keys + s->n_keys && status == LM_OK; k++)
        if (is_inherited(c, k)) lm_key_copy(k, from, c);
    for (const lm_key *k = s->keys; k < s->keys + s->n_keys && status == LM_OK; k++)
        if (c->given[lm_key_find(k->path)] && !lm_key_applies(k, c))
            status = lm_error_set(err, LM_ERR_USAGE, "%s has no effect in the model of the weights",
                                  k->path);
    lm_text_free(&problems);
    return status;
}
