/* The cores behind the CPUs that this process may use, as Linux tells them below /sys.
 *
 * Two CPUs that share a core (SMT) share its multiply-add units and its caches, which one thread of
 * this program keeps busy; so a thread a core is the default. Where cores differ (big.LITTLE,
 * performance and efficiency cores), the work of a region is cut finer, so that a slow core's last
 * task does not hold up the others.
 *
 * `root` is put before every path that is read: "" for this machine, a directory for tests. What
 * cannot be read counts as a core of its own, like all others. */
#ifndef LM_MACHINE_CORES_H
#define LM_MACHINE_CORES_H

#include <stdbool.h>

typedef struct lm_cores {
    int count;   /* cores that have one of the CPUs; 0: unknown */
    bool differ; /* they are of different kinds */
} lm_cores;

/* Of n >= 1 CPUs by their numbers. */
lm_cores lm_cores_of(const char *root, const int *cpus, int n);
/* Of those in the affinity mask. */
lm_cores lm_cores_usable(void);

#endif
