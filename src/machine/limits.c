#include "machine/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
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

/* Without /proc the system tells what is free and what there is, but not how much of the rest is
 * cache, which it would give up: all that there is, so that no plan that fits is refused. */
static uint64_t installed(void) {
    struct sysinfo info;
    uint64_t bytes;
    if (sysinfo(&info) != 0 || info.totalram == 0) return UINT64_MAX;
    return lm_u64_mul(info.totalram, info.mem_unit, &bytes) ? bytes : UINT64_MAX;
}

uint64_t lm_limits_memory(void) {
    uint64_t left = proc_figure("/proc/meminfo", "MemAvailable");
    if (left == UINT64_MAX) left = installed();
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
    /* ramfs and some FUSE file systems have no sizes: they report 0 blocks in all. */
    if (at && info.f_blocks > 0 && !lm_u64_mul(info.f_bavail, info.f_frsize, &left))
        left = UINT64_MAX;
out:
    free(at);
    return left;
}
