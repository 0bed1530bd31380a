/* The caches of the CPUs that this process may use, as Linux tells them below /sys and, where it
 * does not, as x86 tells them itself (CPUID leaf 4, or 0x8000001d on AMD).
 *
 *     lm_caches c = lm_caches_detect("");          // what is not known is as in lm_caches_usual
 *     lm_caches_parse("32K,512K,16M", &c, err);    // or whatever somebody wants to try
 *
 * Only sizes of blocks are chosen by them: they change speed, never a result. */
#ifndef LM_MACHINE_CACHES_H
#define LM_MACHINE_CACHES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct lm_cache {
    int64_t bytes;
    int ways;
    int shared; /* how many CPUs that this process may use share one such cache; >= 1 */
} lm_cache;

typedef struct lm_caches {
    lm_cache l1d, l2, l3;
    int cpus; /* that this process may use */
} lm_caches;

/* 32 KiB and 512 KiB a core, 16 MiB for all, 8, 8 and 16 ways. */
extern const lm_caches lm_caches_usual;

/* `root` is put before every path that is read: "" for this machine, a directory for tests, where
 * CPUID is not asked. Of cores of two kinds (the first and the last CPU are looked at) the smaller
 * caches count. */
lm_caches lm_caches_detect(const char *root);

/* Sizes of L1d, L2 and L3 (bytes, or with K, M or G: powers of 1024), ways and sharing as in
 * lm_caches_usual: LM_ERR_USAGE when the text is no such list, 4 KiB to 16 GiB each. */
lm_status lm_caches_parse(const char *text, lm_caches *out, lm_error *err);
/* "32K 1M 32M" into out. */
const char *lm_caches_describe(const lm_caches *c, char *out, size_t size);

/* How many of `threads` workers, spread evenly over the CPUs, share one cache: >= 1. */
int lm_caches_sharing(const lm_caches *c, const lm_cache *cache, int threads);

#endif
