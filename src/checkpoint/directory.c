#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"

#define PREFIX "step-"
#define SUFFIX ".npz"
#define DIGITS 10

/* "step-", ten digits or more, ".npz": so that the order of names is the order of steps. */
static bool is_checkpoint(const char *name) {
    size_t n = strlen(name), prefix = strlen(PREFIX), suffix = strlen(SUFFIX);
    if (n != prefix + DIGITS + suffix || strncmp(name, PREFIX, prefix) != 0) return false;
    return strspn(name + prefix, "0123456789") == DIGITS &&
           strcmp(name + prefix + DIGITS, SUFFIX) == 0;
}

static bool is_temporary(const char *name) {
    size_t n = strlen(name);
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && n > 8 &&
           strcmp(name + n - 8, SUFFIX ".tmp") == 0;
}

char *lm_checkpoint_path(const char *directory, int64_t step) {
    char name[64];
    LM_ASSERT(step >= 0 && step <= 9999999999);
    snprintf(name, sizeof name, PREFIX "%0*" PRId64 SUFFIX, DIGITS, step);
    return lm_file_join(directory, name);
}

lm_status lm_checkpoint_newest(const char *directory, lm_pool *pool, char **path, lm_text *skipped,
                               lm_error *err) {
    lm_file_list list;
    *path = NULL;
    if (!lm_file_exists(directory)) return LM_OK;
    lm_status status = lm_file_list_directory(&list, directory, err);
    for (size_t i = list.count; status == LM_OK && i-- > 0 && !*path;) {
        if (!is_checkpoint(list.names[i])) continue;
        lm_error why;
        lm_checkpoint *c = NULL;
        char *candidate = lm_file_join(directory, list.names[i]);
        if (!candidate) {
            status = lm_error_set(err, LM_ERR_RUNTIME, "%s: out of memory", directory);
            break;
        }
        if (lm_checkpoint_open(&c, candidate, &why) == LM_OK &&
            lm_checkpoint_verify(c, pool, &why) == LM_OK) {
            *path = candidate;
        } else {
            lm_text_printf(skipped, "%s\n", why.message);
            free(candidate);
        }
        lm_checkpoint_close(c);
    }
    lm_file_list_free(&list);
    return status;
}

lm_status lm_checkpoint_retain(const char *directory, int64_t newest_step, int64_t keep_last,
                               lm_error *err) {
    lm_file_list list;
    LM_ASSERT(keep_last >= 1);
    lm_status status = lm_file_list_directory(&list, directory, err);
    int64_t kept = 0;
    for (size_t i = list.count; status == LM_OK && i-- > 0;) {
        bool checkpoint = is_checkpoint(list.names[i]);
        if (!checkpoint && !is_temporary(list.names[i])) continue;
        bool later = checkpoint && strtoll(list.names[i] + strlen(PREFIX), NULL, 10) > newest_step;
        if (checkpoint && !later && kept++ < keep_last) continue;
        char *path = lm_file_join(directory, list.names[i]);
        status = path ? lm_file_remove(path, err)
                      : lm_error_set(err, LM_ERR_RUNTIME, "%s: out of memory", directory);
        free(path);
    }
    lm_file_list_free(&list);
    return status;
}
