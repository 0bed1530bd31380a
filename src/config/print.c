#include <string.h>

#include "config/keys.h"

/* Length of "section" in "section.name". */
static int section_length(const char *path) {
    return (int)(strchr(path, '.') - path);
}

static bool same_section(const char *a, const char *b) {
    int n = section_length(a);
    return n == section_length(b) && strncmp(a, b, (size_t)n) == 0;
}

static const char *name_of(const lm_key *k) {
    return strchr(k->path, '.') + 1;
}

/* ---- the config itself -------------------------------------------------------------------------*/

void lm_config_print(const lm_config *c, lm_text *out) {
    const lm_key *before = NULL;
    lm_text_printf(out, "{");
    for (int i = 0; i < lm_n_keys; i++) {
        const lm_key *k = &lm_keys[i];
        if (!lm_key_applies(k, c)) continue;
        bool again = before && same_section(before->path, k->path);
        if (!again)
            lm_text_printf(out, "%s\n  \"%.*s\": {", before ? "\n  }," : "",
                           section_length(k->path), k->path);
        lm_text_printf(out, "%s\n    \"%s\": ", again ? "," : "", name_of(k));
        lm_key_print(k, c, out);
        before = k;
    }
    lm_text_printf(out, "\n  }\n}\n");
}

/* ---- the schema --------------------------------------------------------------------------------*/

static void print_default(const lm_key *k, lm_text *out) {
    if (k->type == LM_KEY_TEXT || k->type == LM_KEY_CHOICE) {
        lm_text_json_string(out, k->standard);
    } else {
        lm_text_printf(out, "%s", k->standard);
    }
}

static void print_property(const lm_key *k, lm_text *out) {
    static const char *const types[] = {
        [LM_KEY_INTEGER] = "integer", [LM_KEY_REAL] = "number",   [LM_KEY_BOOLEAN] = "boolean",
        [LM_KEY_TEXT] = "string",     [LM_KEY_CHOICE] = "string",
    };
    lm_text_printf(out, "        \"%s\": {\n          \"description\": ", name_of(k));
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

/* The "required" names of rows first .. last-1, at the section's level. */
static void print_required(int first, int last, lm_text *out) {
    bool any = false;
    for (int i = first; i < last; i++) {
        if (!lm_keys[i].required) continue;
        lm_text_printf(out, "%s\"%s\"", any ? ", " : ",\n      \"required\": [",
                       name_of(&lm_keys[i]));
        any = true;
    }
    if (any) lm_text_printf(out, "]");
}

void lm_config_print_schema(lm_text *out) {
    lm_text needed = {0};
    lm_text_printf(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                        "  \"title\": \"lmtrain run config\",\n  \"type\": \"object\",\n"
                        "  \"additionalProperties\": false,\n  \"properties\": {\n"
                        "    \"$schema\": {\"type\": \"string\"}");
    for (int first = 0, last; first < lm_n_keys; first = last) {
        const char *path = lm_keys[first].path;
        bool required = false;
        lm_text_printf(out,
                       ",\n    \"%.*s\": {\n      \"type\": \"object\",\n"
                       "      \"additionalProperties\": false,\n      \"properties\": {\n",
                       section_length(path), path);
        for (last = first; last < lm_n_keys && same_section(path, lm_keys[last].path); last++) {
            if (last > first) lm_text_printf(out, ",\n");
            print_property(&lm_keys[last], out);
            required |= lm_keys[last].required;
        }
        lm_text_printf(out, "\n      }");
        print_required(first, last, out);
        lm_text_printf(out, "\n    }");
        if (required)
            lm_text_printf(&needed, "%s\"%.*s\"", needed.length ? ", " : "", section_length(path),
                           path);
    }
    lm_text_printf(out, "\n  },\n  \"required\": [%s]\n}\n", lm_text_cstr(&needed));
    lm_text_free(&needed);
}

/* ---- the reference -----------------------------------------------------------------------------*/

void lm_config_print_reference(lm_text *out) {
    lm_text_printf(out, "| key | takes | default | meaning |\n|---|---|---|---|\n");
    for (int i = 0; i < lm_n_keys; i++) {
        const lm_key *k = &lm_keys[i];
        lm_text_printf(out, "| `%s` | ", k->path);
        lm_key_describe(k, out);
        if (k->required) {
            lm_text_printf(out, " | required");
        } else if (*k->standard) {
            lm_text_printf(out, " | `%s`", k->standard);
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
    lm_text_free(&old);
    lm_text_free(&new);
}

lm_status lm_config_compare(const lm_config *saved, const lm_config *now, lm_text *changed,
                            lm_error *err) {
    lm_text problems = {0};
    for (int i = 0; i < lm_n_keys; i++) {
        const lm_key *k = &lm_keys[i];
        compare(k, saved, now, !k->may_change, k->may_change ? changed : &problems);
    }
    lm_status status = LM_OK;
    if (problems.length) status = lm_error_set(err, LM_ERR_USAGE, "%s", lm_text_cstr(&problems));
    lm_text_free(&problems);
    return status;
}

void lm_config_differences(const lm_config *before, const lm_config *now, const char *section,
                           lm_text *out) {
    for (int i = 0; i < lm_n_keys; i++)
        if (strncmp(lm_keys[i].path, section, strlen(section)) == 0)
            compare(&lm_keys[i], before, now, false, out);
}
