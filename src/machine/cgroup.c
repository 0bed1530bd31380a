#include "machine/cgroup.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

#define PATH_SIZE 4096
#define TEXT_SIZE 8192

static bool read_small(const char *path, char text[TEXT_SIZE]) {
    FILE *f = fopen(path, "re");
    if (!f) return false;
    size_t n = fread(text, 1, TEXT_SIZE - 1, f);
    text[n] = '\0';
    fclose(f);
    return n > 0;
}

static bool read_in(const char *directory, const char *name, char text[TEXT_SIZE]) {
    char path[2 * PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return read_small(path, text);
}

/* "max", "-1" and v1's page-rounded LONG_MAX all mean no limit. */
static uint64_t parse_limit(const char *text) {
    char *end;
    if (text[0] == '-' || strncmp(text, "max", 3) == 0) return UINT64_MAX;
    uint64_t x = strtoumax(text, &end, 10);
    return end == text || x >= (uint64_t)1 << 62 ? UINT64_MAX : x;
}

/* Does the comma-separated list hold word? */
static bool list_has(const char *list, size_t length, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= length; i++) {
        bool starts = i == 0 || list[i - 1] == ',';
        bool ends = i + n == length || list[i + n] == ',';
        if (starts && ends && memcmp(list + i, word, n) == 0) return true;
    }
    return false;
}

/* This process's group for a controller, as a path under the hierarchy's mount; "" when it has
 * none. Lines of /proc/self/cgroup read "id:controllers:path"; version 2 is "0::path". */
static void own_group(const char *root, const char *controller, bool v2, char out[PATH_SIZE]) {
    char path[PATH_SIZE], text[TEXT_SIZE];
    out[0] = '\0';
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!read_small(path, text)) return;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *list = strchr(line, ':');
        char *group = list ? strchr(list + 1, ':') : NULL;
        if (!group) continue;
        size_t length = (size_t)(group - list - 1);
        if (v2 ? length == 0 : list_has(list + 1, length, controller)) {
            snprintf(out, PATH_SIZE, "%s", strcmp(group + 1, "/") == 0 ? "" : group + 1);
            return;
        }
    }
}

typedef struct hierarchy {
    const char *mount, *controller; /* of /sys/fs/cgroup; which line of /proc/self/cgroup */
    bool v2;
} hierarchy;

/* Calls look on the process's group and every group above it. In a container the path may lie
 * outside what is mounted; the walk still ends at the mount itself, which is then the group. */
static void walk_up(const char *root, const hierarchy *h,
                    void (*look)(const char *directory, void *argument), void *argument) {
    char group[PATH_SIZE], directory[2 * PATH_SIZE];
    own_group(root, h->controller, h->v2, group);
    for (;;) {
        snprintf(directory, sizeof directory, "%s/sys/fs/cgroup%s%s", root, h->mount, group);
        look(directory, argument);
        char *slash = strrchr(group, '/');
        if (!slash) return;
        *slash = '\0';
    }
}

static void lower_cpus(double *cpus, double quota, double period) {
    if (quota <= 0 || period <= 0) return;
    if (*cpus == 0 || quota / period < *cpus) *cpus = quota / period;
}

static void look_cpu_v2(const char *directory, void *cpus) {
    char text[TEXT_SIZE];
    double quota, period;
    if (read_in(directory, "cpu.max", text) && sscanf(text, "%lf %lf", &quota, &period) == 2)
        lower_cpus(cpus, quota, period);
}

static void look_cpu_v1(const char *directory, void *cpus) {
    char quota[TEXT_SIZE], period[TEXT_SIZE];
    if (read_in(directory, "cpu.cfs_quota_us", quota) &&
        read_in(directory, "cpu.cfs_period_us", period))
        lower_cpus(cpus, strtod(quota, NULL), strtod(period, NULL));
}

double lm_cgroup_cpus(const char *root) {
    double cpus = 0;
    walk_up(root, &(hierarchy){"", "", true}, look_cpu_v2, &cpus);
    walk_up(root, &(hierarchy){"/cpu", "cpu", false}, look_cpu_v1, &cpus);
    return cpus;
}

/* The figure after "name " in memory.stat; 0 when it is not there. */
static uint64_t statistic(const char *text, const char *name) {
    size_t n = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, name, n) == 0 && line[n] == ' ') return strtoumax(line + n, NULL, 10);
    return 0;
}

/* Files that hold a group's limits and its use, and the lines of memory.stat that are part of that
 * use but are dropped when memory is wanted. */
typedef struct memory_names {
    const char *limits[2], *use, *droppable[3];
} memory_names;

static void look_memory(const char *directory, const memory_names *names, uint64_t *left) {
    char text[TEXT_SIZE];
    uint64_t limit = UINT64_MAX;
    for (int i = 0; i < 2 && names->limits[i]; i++) {
        if (!read_in(directory, names->limits[i], text)) continue;
        limit = lm_u64_min(limit, parse_limit(text));
    }
    if (limit == UINT64_MAX) return;
    uint64_t used = read_in(directory, names->use, text) ? strtoumax(text, NULL, 10) : 0;
    if (read_in(directory, "memory.stat", text)) {
        for (int i = 0; i < 3 && names->droppable[i]; i++) {
            uint64_t cache = statistic(text, names->droppable[i]);
            used = used > cache ? used - cache : 0;
        }
    }
    *left = lm_u64_min(*left, limit > used ? limit - used : 0);
}

/* memory.high kills nobody, but above it a process is slowed to a crawl. */
static void look_memory_v2(const char *directory, void *left) {
    static const memory_names names = {{"memory.max", "memory.high"},
                                       "memory.current",
                                       {"inactive_file", "active_file", "slab_reclaimable"}};
    look_memory(directory, &names, left);
}

static void look_memory_v1(const char *directory, void *left) {
    static const memory_names names = {{"memory.limit_in_bytes"},
                                       "memory.usage_in_bytes",
                                       {"total_inactive_file", "total_active_file"}};
    look_memory(directory, &names, left);
}

uint64_t lm_cgroup_memory(const char *root) {
    uint64_t left = UINT64_MAX;
    walk_up(root, &(hierarchy){"", "", true}, look_memory_v2, &left);
    walk_up(root, &(hierarchy){"/memory", "memory", false}, look_memory_v1, &left);
    return left;
}
