#include "machine/cores.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/numbers.h"

enum { MOST_CPUS = 8192 }; /* more than any kernel's mask has */

/* A core that is slower than this share of the fastest is of another kind. Cores of one kind have
 * boost clocks within a few percent of each other; efficiency cores have 0.65 to 0.77 of the
 * others', little cores of Arm 0.2 to 0.6 of the capacity. */
#define SAME_KIND 0.85

/* The number that a file of CPU `cpu` begins with; -1 when there is none. */
static long long read_number(const char *root, int cpu, const char *name) {
    char path[4200], text[64], *end;
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/%s", root, cpu, name);
    FILE *f = fopen(path, "re");
    if (!f) return -1;
    long long number = -1;
    if (fgets(text, sizeof text, f) && text[0] >= '0' && text[0] <= '9')
        number = strtoll(text, &end, 10);
    fclose(f);
    return number;
}

/* The first CPU of the core, which stands for it. Lists read "0,64" or "0-1". */
static int core_of(const char *root, int cpu) {
    long long first = read_number(root, cpu, "topology/core_cpus_list");
    if (first < 0) first = read_number(root, cpu, "topology/thread_siblings_list"); /* before 5.3 */
    return first >= 0 && first < MOST_CPUS ? (int)first : cpu;
}

/* How fast it is, in a unit that all CPUs of a machine share; 0: unknown. */
static long long speed_of(const char *root, int cpu) {
    long long speed = read_number(root, cpu, "cpu_capacity");
    if (speed < 0) speed = read_number(root, cpu, "cpufreq/cpuinfo_max_freq");
    return lm_max(speed, 0);
}

lm_cores lm_cores_of(const char *root, const int *cpus, int n) {
    unsigned char seen[MOST_CPUS] = {0};
    long long slowest = INT64_MAX, fastest = 0;
    lm_cores cores = {0};
    LM_ASSERT(n >= 1);
    for (int i = 0; i < n; i++) {
        int core = core_of(root, cpus[i]);
        long long speed = speed_of(root, cpus[i]);
        LM_ASSERT(cpus[i] >= 0 && cpus[i] < MOST_CPUS);
        cores.count += !seen[core];
        seen[core] = 1;
        fastest = lm_max(fastest, speed);
        if (speed > 0) slowest = lm_min(slowest, speed);
    }
    cores.differ = fastest > 0 && (double)slowest < SAME_KIND * (double)fastest;
    return cores;
}

lm_cores lm_cores_usable(void) {
    size_t bytes = CPU_ALLOC_SIZE(MOST_CPUS);
    cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
    int *cpus = malloc(sizeof *cpus * MOST_CPUS), n = 0;
    if (set && cpus && sched_getaffinity(0, bytes, set) == 0)
        for (int i = 0; i < MOST_CPUS; i++)
            if (CPU_ISSET_S((size_t)i, bytes, set)) cpus[n++] = i;
    lm_cores cores = {0};
    if (n > 0) cores = lm_cores_of("", cpus, n);
    if (set) CPU_FREE(set);
    free(cpus);
    return cores;
}
