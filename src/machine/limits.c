#include "machine/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/numbers.h"
#include "machine/cgroup.h"

/* The "name:   12345 kB" figure of a /proc file, in bytes; UINT64_MAX when it is not there. */
static uint64_t proc_figure(const char *path, const char *name) {
    uint64_t bytes = UINT64_MAX;
    size_t n = strlen(name);
    FILE *f = fopen(path, "re");
    if (!f) return bytes;
    char line[256];
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            bytes = 1024 * strtoumax(line + n + 1, NULL, 10);
            break;
        }
    }
    fclose(f);
    return bytes;
}

uint64_t lm_limits_memory(void) {
    uint64_t left = proc_figure("/proc/meminfo", "MemAvailable");
    left = lm_u64_min(left, lm_cgroup_memory(""));
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        uint64_t used = proc_figure("/proc/self/status", "VmSize");
        if (used == UINT64_MAX) used = 0;
        left = lm_u64_min(left, limit.rlim_cur > used ? limit.rlim_cur - used : 0);
    }
    return left;
}

uint64_t lm_limits_peak_resident(void) {
    struct rusage use;
    return getrusage(RUSAGE_SELF, &use) == 0 ? 1024 * (uint64_t)use.ru_maxrss : 0;
}

bool lm_limits_reset_peak_resident(void) {
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (!f) return false;
    bool written = fputs("5", f) >= 0; /* proc(5) */
    return fclose(f) == 0 && written;
}

uint64_t lm_limits_disk(const char *path) {
    uint64_t left = UINT64_MAX;
    struct statvfs info;
    char *at = strdup(path);
    while (at && statvfs(at, &info) != 0) {
        char *slash = strrchr(at, '/');
        if (slash && slash != at) {
            *slash = '\0';
        } else if (strcmp(at, slash ? "/" : ".") != 0 && strlen(at) > 0) {
            strcpy(at, slash ? "/" : "."); /* at holds at least one character and its NUL */
        } else {
            goto out;
        }
    }
    if (at) left = (uint64_t)info.f_bavail * info.f_frsize;
out:
    free(at);
    return left;
}
