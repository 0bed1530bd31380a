/* The limits a control group puts on this process (containers, schedulers), versions 1 and 2.
 *
 * `root` is put before every path that is read: "" for this machine, a directory for tests. A limit
 * of any group on the way from the process's own to the top counts. Unreadable files count as no
 * limit. */
#ifndef LM_MACHINE_CGROUP_H
#define LM_MACHINE_CGROUP_H

#include <stdint.h>

/* CPUs' worth of time allowed; 0 when there is no limit. */
double lm_cgroup_cpus(const char *root);
/* Bytes that can still be obtained: limit minus use, where file cache that can be dropped does not
 * count as use; UINT64_MAX when there is no limit. */
uint64_t lm_cgroup_memory(const char *root);

#endif
