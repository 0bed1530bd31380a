#include <string.h>

#include "config/keys.h"

/* ---- the config itself -------------------------------------------------------------------------*/

void lm_config_print(const lm_config *c, lm_text *out) {
    const lm_section *s;
    bool any_section = false;
    lm_text_printf(out, "{");
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) {
        bool any_key = false;
        for (const lm_key *k = s->keys; k < s->keys + s->n_keys; k++) {
            if (!lm_key_applies(k, c)) continue;
            if (!any_key) lm_text_printf(out, "%s\n  \"%s\": {", any_section ? "," : "", s->name);
            lm_text_printf(out, "%s\n    \"%s\": ", any_key ? "," : "", lm_key_name(k));
            lm_key_print(k, c, out);
            any_key = any_section = true;
        }
        if (any_key) lm_text_printf(out, "\n  }");
    }
    lm_text_printf(out, "\n}\n");
}

/* ---- the schema --------------------------------------------------------------------------------*/

static void print_default(const lm_key *k, lm_text *out) {
    if (k->type == LM_KEY_TEXT || k->type == LM_KEY_CHOICE) {
        lm_text_json_string(out, k->default_value);
    } else {
        lm_text_printf(out, "%s", k->default_value);
    }
}

static void print_property(const lm_key *k, lm_text *out) {
    static const char *const types[] = {
        [LM_KEY_INTEGER] = "integer", [LM_KEY_REAL] = "number",   [LM_KEY_BOOLEAN] = "boolean",
        [LM_KEY_TEXT] = "string",     [LM_KEY_CHOICE] = "string",
    };
    lm_text_printf(out, "        \"%s\": {\n          \"description\": ", lm_key_name(k));
    lm_text_json_string(out, k->help);
    lm_text_printf(out, ",\n          \"type\": \"%s\"", types[k->type]);
    if (k->type == LM_KEY_INTEGER || k->type == LM_KEY_REAL) {
        lm_text_printf(out, ",\n          \"%s\": ", k->above_low ? "exclusiveMinimum" : "minimum");
        lm_text_json_number(out, k->low);
        lm_text_printf(out, ",\n          \"maximum\": ");
        lm_text_json_number(out, k->high);
    }
    if (k->type == LM_KEY_CHOICE) {
        lm_text_printf(out, ",\n          \"enum\": [");
        for (int i = 0; k->choice(i); i++) {
            if (i) lm_text_printf(out, ", ");
            lm_text_json_string(out, k->choice(i));
        }
        lm_text_printf(out, "]");
    }
    if (k->required) {
        lm_text_printf(out, ",\n          \"minLength\": 1");
    } else {
        lm_text_printf(out, ",\n          \"default\": ");
        print_default(k, out);
    }
    lm_text_printf(out, "\n        }");
}

/* The names of the section's required keys, separated by commas. */
static void print_required(const lm_section *s, lm_text *out) {
    bool any = false;
    for (const lm_key *k = s->keys; k < s->keys + s->n_keys; k++) {
        if (!k->required) continue;
        lm_text_printf(out, "%s\"%s\"", any ? ", " : "", lm_key_name(k));
        any = true;
    }
}

static void print_section(const lm_section *s, const char *required, lm_text *out) {
    lm_text_printf(out,
                   ",\n    \"%s\": {\n      \"type\": \"object\",\n"
                   "      \"additionalProperties\": false,\n      \"properties\": {\n",
                   s->name);
    for (const lm_key *k = s->keys; k < s->keys + s->n_keys; k++) {
        if (k > s->keys) lm_text_printf(out, ",\n");
        print_property(k, out);
    }
    lm_text_printf(out, "\n      }");
    if (*required) lm_text_printf(out, ",\n      \"required\": [%s]", required);
    lm_text_printf(out, "\n    }");
}

void lm_config_print_schema(lm_text *out) {
    const lm_section *s;
    lm_text sections = {0};
    lm_text_printf(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                        "  \"title\": \"lmtrain run config\",\n  \"type\": \"object\",\n"
                        "  \"additionalProperties\": false,\n  \"properties\": {\n"
                        "    \"$schema\": {\"type\": \"string\"}");
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) {
        lm_text keys = {0};
        print_required(s, &keys);
        print_section(s, lm_text_cstr(&keys), out);
        if (keys.length)
            lm_text_printf(&sections, "%s\"%s\"", sections.length ? ", " : "", s->name);
        out->failed |= keys.failed;
        lm_text_free(&keys);
    }
    lm_text_printf(out, "\n  },\n  \"required\": [%s]\n}\n", lm_text_cstr(&sections));
    out->failed |= sections.failed;
    lm_text_free(&sections);
}

/* ---- the reference -----------------------------------------------------------------------------*/

void lm_config_print_reference(lm_text *out) {
    lm_text_printf(out, "| key | takes | default | meaning |\n|---|---|---|---|\n");
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        lm_text_printf(out, "| `%s` | ", k->path);
        lm_key_describe(k, out);
        if (k->required) {
            lm_text_printf(out, " | required");
        } else if (*k->default_value) {
            lm_text_printf(out, " | `%s`", k->default_value);
        } else {
            lm_text_printf(out, " | empty");
        }
        lm_text_printf(out, " | %s", k->help);
        if (k->depends) lm_text_printf(out, " (depends on `%s`)", k->depends);
        if (!k->may_change) lm_text_printf(out, " †");
        lm_text_printf(out, " |\n");
    }
    lm_text_printf(out, "\n† cannot change when a run is resumed.\n");
}

/* ---- two of them -------------------------------------------------------------------------------*/

/* A line for a key whose values differ; nothing when they agree. */
static void compare(const lm_key *k, const lm_config *before, const lm_config *now, bool refused,
                    lm_text *out) {
    lm_text old = {0}, new = {0};
    if (!lm_key_applies(k, before) && !lm_key_applies(k, now)) return;
    lm_key_print(k, before, &old);
    lm_key_print(k, now, &new);
    if (strcmp(lm_text_cstr(&old), lm_text_cstr(&new)) != 0) {
        if (out->length) lm_text_printf(out, "\n");
        lm_text_printf(out,
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
        compare(k, saved, now, !k->may_change, k->may_change ? changed : &problems);
    }
    lm_status status = LM_OK;
    if (problems.failed) {
        status = lm_error_no_memory(err, "comparing two configs");
    } else if (problems.length) {
        status = lm_error_set(err, LM_ERR_USAGE, "%s", lm_text_cstr(&problems));
    }
    lm_text_free(&problems);
    return status;
}

void lm_config_differences(const lm_config *before, const lm_config *now, const char *section,
                           lm_text *out) {
    const lm_section *s = lm_section_find(section);
    LM_ASSERT(s);
    for (int i = 0; i < s->n_keys; i++) compare(&s->keys[i], before, now, false, out);
}
