/* What memory and disk this process can still get. */
#ifndef LM_MACHINE_LIMITS_H
#define LM_MACHINE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes obtainable without swapping: MemAvailable, or where there is no /proc the installed memory,
 * lowered by the cgroup's limit minus its usage (v1 and v2) and by RLIMIT_AS; UINT64_MAX when the
 * system does not say. */
uint64_t lm_limits_memory(void);
/* Peak resident bytes of this process so far. */
uint64_t lm_limits_peak_resident(void);
/* The peak counts from now on, starting at what is resident now. False when the system cannot. */
bool lm_limits_reset_peak_resident(void);
/* Bytes free for this user in the filesystem that holds path (or its nearest existing parent);
 * UINT64_MAX when the system does not say or the filesystem has no sizes. */
uint64_t lm_limits_disk(const char *path);

#endif
