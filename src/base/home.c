/* "~/" at the head of a path, which a shell leaves as it is in --input=~/x and never sees in a
 * config. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static const char *home(void) {
    const char *set = getenv("HOME");
    if (set && *set) return set;
    const struct passwd *user = getpwuid(getuid());
    return user && user->pw_dir && *user->pw_dir ? user->pw_dir : NULL;
}

lm_status lm_file_expand_home(const char *path, char **out, lm_error *err) {
    *out = NULL;
    if (path[0] == '~' && path[1] && path[1] != '/')
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: other users' home directories are not looked up: write the whole"
                            " path, or ./%s for a name that begins with ~",
                            path, path);
    if (path[0] == '~') {
        const char *start = home();
        if (!start)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s: HOME is not set and this user has no home directory: write"
                                " the whole path, or ./%s for a name that begins with ~",
                                path, path);
        *out = path[1] ? lm_file_join(start, path + 1 + strspn(path + 1, "/")) : strdup(start);
    } else {
        *out = strdup(path);
    }
    return *out ? LM_OK : lm_error_no_memory(err, path);
}
