#include "config/suggest.h"

#include <string.h>

#include "config/keys.h"

static const char *section_candidate(int i, const void *context) {
    (void)context;
    const lm_section *s = lm_section_at(i);
    return s ? s->name : NULL;
}

static const char *path_candidate(int key, const void *context) {
    (void)context;
    return key < lm_key_count() ? lm_key_at(key)->path : NULL;
}

/* Names of one section's keys, for a typo in the last part alone. */
static const char *name_candidate(int i, const void *section) {
    const lm_section *s = section;
    return i < s->n_keys ? lm_key_name(&s->keys[i]) : NULL;
}

/* The path of the only key of this name: people leave sections out. */
static const char *whole_path(const char *name) {
    const char *found = NULL;
    for (int key = 0; key < lm_key_count(); key++) {
        if (strcmp(lm_key_name(lm_key_at(key)), name) != 0) continue;
        if (found) return NULL;
        found = lm_key_at(key)->path;
    }
    return found;
}

const char *lm_key_suggest(const lm_section *section, const char *name) {
    if (section) {
        const char *near = lm_text_nearest(name, name_candidate, section);
        if (near) return near - strlen(section->name) - 1; /* the path that this name ends */
        return whole_path(name);
    }
    const char *found = whole_path(name);
    if (!found) found = lm_text_nearest(name, path_candidate, NULL);
    if (!found) found = lm_text_nearest(name, section_candidate, NULL);
    return found;
}
