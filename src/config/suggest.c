#include "config/suggest.h"

#include <stdio.h>
#include <string.h>

#include "config/keys.h"

enum { MAX_SECTIONS = 32 };

/* Names of the sections, in the table's order. */
typedef struct sections {
    int n;
    char names[MAX_SECTIONS][32];
} sections;

static size_t section_length(const char *path) {
    return (size_t)(strchr(path, '.') - path);
}

static void list_sections(sections *s) {
    s->n = 0;
    for (int k = 0; k < lm_n_keys && s->n < MAX_SECTIONS; k++) {
        size_t n = section_length(lm_keys[k].path);
        if (k > 0 && strncmp(lm_keys[k - 1].path, lm_keys[k].path, n + 1) == 0) continue;
        snprintf(s->names[s->n++], sizeof s->names[0], "%.*s", (int)n, lm_keys[k].path);
    }
}

static const char *section_candidate(int i, const void *context) {
    const sections *s = context;
    return i < s->n ? s->names[i] : NULL;
}

static const char *path_candidate(int i, const void *context) {
    (void)context;
    return i < lm_n_keys ? lm_keys[i].path : NULL;
}

/* Names of one section's keys, for a typo in the last part alone. */
static const char *name_candidate(int i, const void *section) {
    size_t n = strlen(section);
    for (int k = 0; k < lm_n_keys; k++) {
        if (strncmp(lm_keys[k].path, section, n) != 0 || lm_keys[k].path[n] != '.') continue;
        if (i-- == 0) return lm_keys[k].path + n + 1;
    }
    return NULL;
}

bool lm_key_is_section(const char *name) {
    return name_candidate(0, name) != NULL;
}

/* The section that alone has a key of this name: people leave sections out. */
static const char *whole_path(const char *name) {
    const char *found = NULL;
    for (int k = 0; k < lm_n_keys; k++)
        if (strcmp(strchr(lm_keys[k].path, '.') + 1, name) == 0) {
            if (found) return NULL;
            found = lm_keys[k].path;
        }
    return found;
}

void lm_key_suggest(const char *section, const char *name, char near[LM_SUGGESTION_SIZE]) {
    sections all;
    const char *found = section ? lm_text_nearest(name, name_candidate, section) : NULL;
    if (found) {
        snprintf(near, LM_SUGGESTION_SIZE, "%s.%s", section, found);
        return;
    }
    found = whole_path(name);
    if (!found && !section) found = lm_text_nearest(name, path_candidate, NULL);
    if (!found && !section) {
        list_sections(&all);
        found = lm_text_nearest(name, section_candidate, &all);
    }
    snprintf(near, LM_SUGGESTION_SIZE, "%s", found ? found : "");
}
