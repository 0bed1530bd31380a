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

/* The path of the only key of this name: people leave sections out. A schedule has the name of the
 * key whose value it changes, which is the likelier one. */
static const char *whole_path(const char *name) {
    const char *found = NULL;
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        if (strcmp(lm_key_name(k), name) != 0 || k->type == LM_KEY_SCHEDULE) continue;
        if (found) return NULL;
        found = k->path;
    }
    return found;
}

/* The schedule of a value, for a name like batch_schedule. */
static const char *schedule_of(const char *name) {
    static const char ending[] = "_schedule";
    const size_t n = strlen(name), end = sizeof ending - 1;
    for (int key = 0; n > end && key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        const char *own = lm_key_name(k);
        if (k->type == LM_KEY_SCHEDULE && strlen(own) == n - end &&
            strncmp(own, name, n - end) == 0 && strcmp(name + n - end, ending) == 0)
            return k->path;
    }
    return NULL;
}

/* The section in which `path` lies; NULL when there is none of that name. */
static const lm_section *section_of(const char *path) {
    const lm_section *s;
    for (int i = 0; (s = lm_section_at(i)) != NULL; i++) {
        size_t n = strlen(s->name);
        if (strncmp(path, s->name, n) == 0 && path[n] == '.') break;
    }
    return s;
}

const char *lm_key_suggest(const char *path) {
    const lm_section *section = section_of(path);
    if (section) {
        size_t n = strlen(section->name) + 1;
        const char *near = schedule_of(path + n);
        if (near) return near;
        near = lm_text_nearest(path + n, name_candidate, section);
        return near ? near - n : whole_path(path + n); /* near ends the path of its key */
    }
    const char *found = whole_path(path);
    if (!found) found = lm_text_nearest(path, path_candidate, NULL);
    if (!found) found = lm_text_nearest(path, section_candidate, NULL);
    return found;
}
