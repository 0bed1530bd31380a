#include "machine/cpu.h"

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/text.h"
#include "machine/cgroup.h"
#include "machine/cores.h"

/* One row a rung: its name, and the rungs that --cpu NAME keeps. */
static const struct {
    const char *name;
    lm_isa_mask keeps;
} rungs[LM_ISA_COUNT] = {
    [LM_ISA_SCALAR] = {"scalar", 1u << LM_ISA_SCALAR},
    [LM_ISA_AVX2] = {"avx2", 1u << LM_ISA_SCALAR | 1u << LM_ISA_AVX2},
    [LM_ISA_AVX512] = {"avx512", 1u << LM_ISA_SCALAR | 1u << LM_ISA_AVX2 | 1u << LM_ISA_AVX512},
    [LM_ISA_AVX512BF16] = {"avx512bf16", 1u << LM_ISA_SCALAR | 1u << LM_ISA_AVX2 |
                                             1u << LM_ISA_AVX512 | 1u << LM_ISA_AVX512BF16},
    [LM_ISA_NEON] = {"neon", 1u << LM_ISA_SCALAR | 1u << LM_ISA_NEON},
};

#if defined(__x86_64__)
#include <cpuid.h>

/* Registers the operating system saves: XCR0, read only when CPUID says XGETBV is there. */
static unsigned saved_state(void) {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

lm_isa_mask lm_cpu_detect(void) {
    lm_isa_mask mask = 1u << LM_ISA_SCALAR;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return mask;
    bool osxsave = c & bit_OSXSAVE, fma = c & bit_FMA, f16c = c & bit_F16C;
    if (!osxsave || !fma || !f16c) return mask;
    unsigned state = saved_state();
    bool ymm = (state & 0x06) == 0x06, zmm = (state & 0xe6) == 0xe6;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return mask;
    if (!ymm || !(b & bit_AVX2)) return mask;
    mask |= 1u << LM_ISA_AVX2;
    const unsigned foundation = bit_AVX512F | bit_AVX512VL | bit_AVX512BW | bit_AVX512DQ;
    if (!zmm || (b & foundation) != foundation) return mask;
    mask |= 1u << LM_ISA_AVX512;
    const unsigned bf16 = 1u << 5; /* CPUID.(7,1):EAX */
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bf16)) mask |= 1u << LM_ISA_AVX512BF16;
    return mask;
}
#elif defined(__aarch64__)
lm_isa_mask lm_cpu_detect(void) {
    return 1u << LM_ISA_SCALAR | 1u << LM_ISA_NEON;
}
#else
lm_isa_mask lm_cpu_detect(void) {
    return 1u << LM_ISA_SCALAR;
}
#endif

const char *lm_isa_name(int isa) {
    return isa >= 0 && isa < LM_ISA_COUNT ? rungs[isa].name : NULL;
}

lm_isa lm_cpu_best(lm_isa_mask mask) {
    int best = LM_ISA_SCALAR;
    for (int isa = 0; isa < LM_ISA_COUNT; isa++)
        if (mask >> isa & 1) best = isa;
    return (lm_isa)best;
}

const char *lm_cpu_describe(lm_isa_mask mask, char *out, size_t size) {
    LM_ASSERT(size > 0);
    size_t used = 0;
    out[0] = '\0';
    for (int isa = 0; isa < LM_ISA_COUNT; isa++) {
        if (!(mask >> isa & 1)) continue;
        int n = snprintf(out + used, size - used, "%s%s", used ? " " : "", rungs[isa].name);
        if (n < 0 || (size_t)n >= size - used) break;
        used += (size_t)n;
    }
    return out;
}

static const char *name_candidate(int i, const void *context) {
    (void)context;
    if (i == LM_ISA_COUNT) return "auto";
    return lm_isa_name(i);
}

lm_status lm_cpu_limit(const char *name, lm_isa_mask *mask, lm_error *err) {
    char has[128];
    lm_cpu_describe(*mask, has, sizeof has);
    if (strcmp(name, "auto") == 0) return LM_OK;
    for (int isa = 0; isa < LM_ISA_COUNT; isa++) {
        if (strcmp(name, rungs[isa].name) != 0) continue;
        if (!(*mask >> isa & 1))
            return lm_error_set(err, LM_ERR_USAGE,
                                "--cpu %s: this CPU does not have it; it has: %s", name, has);
        *mask &= rungs[isa].keeps;
        return LM_OK;
    }
    char near[LM_TEXT_SUGGESTION_SIZE];
    lm_text_did_you_mean(near, lm_text_nearest(name, name_candidate, NULL));
    return lm_error_set(err, LM_ERR_USAGE,
                        "--cpu %s: no such instruction set%s; this CPU has: %s (or auto)", name,
                        near, has);
}

const char *lm_cpu_model(char *out, size_t size) {
    snprintf(out, size, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "re");
    if (!f) return out;
    char line[512];
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "model name", 10) != 0) continue;
        char *value = strchr(line, ':');
        if (!value) continue;
        value += strspn(value, ": \t");
        value[strcspn(value, "\n")] = '\0';
        snprintf(out, size, "%s", value);
        break;
    }
    fclose(f);
    return out;
}

/* k + 1 threads under a quota of q < k + 1 CPUs run q / (k + 1) of the time; then all of them wait
 * for the next period. Measured in tokens/s, two threads against one, for 0.8M and 10.7M
 * parameters: q = 1.2: 13,900 to 17,000, 2,350 to 2,110; q = 1.5: 20,800 to 17,000, 2,850 to 2,110.
 * So the quota is rounded to the nearest. */
int lm_cpu_threads_of_quota(double cpus) {
    double whole = floor(cpus + 0.5);
    return whole < 1 ? 1 : whole > INT_MAX ? INT_MAX : (int)whole;
}

int lm_cpu_usable(void) {
    int count = 0;
    /* Larger than any kernel's mask: sched_getaffinity refuses one that is too small. */
    size_t bytes = CPU_ALLOC_SIZE(8192);
    cpu_set_t *set = CPU_ALLOC(8192);
    if (set && sched_getaffinity(0, bytes, set) == 0) count = CPU_COUNT_S(bytes, set);
    if (set) CPU_FREE(set);
    if (count < 1) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) count = 1;
    double quota = lm_cgroup_cpus("");
    return quota > 0 ? (int)lm_min(count, lm_cpu_threads_of_quota(quota)) : count;
}

int lm_cpu_threads(int *asked) {
    int usable = lm_cpu_usable(), cores = lm_cores_usable().count;
    int threads = cores > 0 ? (int)lm_min(usable, cores) : usable;
    const char *text = getenv("OMP_NUM_THREADS");
    char *end;
    long long first = text ? strtoll(text, &end, 10) : 0;
    if (first > 0) end += strspn(end, " \t");
    bool other = first > 0 && first <= usable && first != threads && (*end == '\0' || *end == ',');
    if (asked) *asked = other ? (int)first : 0;
    return other ? (int)first : threads;
}
