#include "machine/caches.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "machine/cpu.h"

const lm_caches lm_caches_usual = {
    .l1d = {32 << 10, 8, 1}, .l2 = {512 << 10, 8, 1}, .l3 = {16 << 20, 16, 1}, .cpus = 1};

/* Sizes that are none are taken for garbage: a virtual machine may report anything. */
enum { LEAST_BYTES = 4096 };
static const int64_t most_bytes = (int64_t)16 << 30;

static bool plausible(const lm_cache *c) {
    return c->bytes >= LEAST_BYTES && c->bytes <= most_bytes && c->ways >= 0;
}

/* ---- which CPUs ------------------------------------------------------------------------------ */
enum { MOST_CPUS = 8192 };

typedef struct cpus {
    unsigned char usable[MOST_CPUS];
    int first, last, count;
} cpus;

static void take_cpu(cpus *c, int i) {
    if (i < 0 || i >= MOST_CPUS || c->usable[i]) return;
    if (c->count == 0) c->first = i;
    c->usable[i] = 1;
    c->first = (int)lm_min(c->first, i);
    c->last = (int)lm_max(c->last, i);
    c->count++;
}

/* How many of a list such as "0-3,8" are usable. */
static int count_usable(const char *list, const cpus *among) {
    int found = 0;
    for (const char *at = list; *at >= '0' && *at <= '9';) {
        char *end;
        long low = strtol(at, &end, 10), high = low;
        if (*end == '-') high = strtol(end + 1, &end, 10);
        for (long i = low; i <= high && i < MOST_CPUS; i++) found += among->usable[i];
        at = *end == ',' ? end + 1 : "";
    }
    return found;
}

static void usable_cpus(cpus *c) {
    memset(c, 0, sizeof *c);
    size_t bytes = CPU_ALLOC_SIZE(MOST_CPUS);
    cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
    if (set && sched_getaffinity(0, bytes, set) == 0)
        for (int i = 0; i < MOST_CPUS; i++)
            if (CPU_ISSET_S((size_t)i, bytes, set)) take_cpu(c, i);
    if (set) CPU_FREE(set);
    for (int i = 0; c->count == 0 && i < lm_cpu_usable(); i++) take_cpu(c, i);
}

/* ---- /sys ------------------------------------------------------------------------------------ */
static bool read_line(const char *directory, const char *name, char *text, size_t size) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "re");
    if (!f) return false;
    bool got = fgets(text, (int)size, f) != NULL;
    fclose(f);
    return got;
}

/* A number, and K, M or G; 0 when it is none. *end is what follows. */
static int64_t parse_size(const char *text, const char **end) {
    char *after;
    if (*text < '0' || *text > '9') return 0;
    long long n = strtoll(text, &after, 10);
    int shift = *after == 'K' ? 10 : *after == 'M' ? 20 : *after == 'G' ? 30 : 0;
    *end = after + (shift > 0);
    return n < 0 || n > most_bytes >> shift ? 0 : (int64_t)n << shift;
}

/* One index directory of a CPU; level 0: it says nothing that is understood. */
static int read_index(const char *directory, const cpus *c, lm_cache *out) {
    char text[4096];
    const char *end;
    if (!read_line(directory, "type", text, sizeof text) || text[0] == 'I') return 0;
    if (!read_line(directory, "level", text, sizeof text)) return 0;
    int level = atoi(text);
    if (!read_line(directory, "size", text, sizeof text)) return 0;
    *out = (lm_cache){.bytes = parse_size(text, &end), .shared = 1};
    if (read_line(directory, "ways_of_associativity", text, sizeof text)) out->ways = atoi(text);
    if (read_line(directory, "shared_cpu_list", text, sizeof text))
        out->shared = (int)lm_max(count_usable(text, c), 1);
    return plausible(out) ? level : 0;
}

static lm_cache *of_level(lm_caches *c, int level) {
    return level == 1 ? &c->l1d : level == 2 ? &c->l2 : level == 3 ? &c->l3 : NULL;
}

/* What is known already stays, if it is smaller. */
static void keep_smaller(lm_cache *known, const lm_cache *found) {
    if (known->bytes == 0 || found->bytes / found->shared < known->bytes / known->shared)
        *known = *found;
}

static void read_cpu(const char *root, int cpu, const cpus *c, lm_caches *out) {
    enum { MOST_INDEXES = 8 };
    for (int i = 0; i < MOST_INDEXES; i++) {
        char directory[4100];
        lm_cache found;
        snprintf(directory, sizeof directory, "%s/sys/devices/system/cpu/cpu%d/cache/index%d", root,
                 cpu, i);
        lm_cache *known = of_level(out, read_index(directory, c, &found));
        if (known) keep_smaller(known, &found);
    }
}

/* ---- CPUID ----------------------------------------------------------------------------------- */
#if defined(__x86_64__)
#include <cpuid.h>

/* Leaf 4 and AMD's 0x8000001d have one form: a subleaf for each cache. */
static void ask_cpu(const cpus *c, lm_caches *out) {
    unsigned a, b, cc, d, leaf = 4;
    if (__get_cpuid(0x80000000u, &a, &b, &cc, &d) && a >= 0x8000001du &&
        __get_cpuid_count(0x8000001du, 0, &a, &b, &cc, &d) && (a & 31))
        leaf = 0x8000001du;
    for (unsigned i = 0; i < 8; i++) {
        if (!__get_cpuid_count(leaf, i, &a, &b, &cc, &d) || (a & 31) == 0) return;
        lm_cache *known = of_level(out, (int)(a >> 5 & 7));
        if ((a & 31) == 2 || !known || known->bytes > 0) continue; /* instructions; known */
        int64_t ways = (b >> 22) + 1, partitions = (b >> 12 & 1023) + 1, line = (b & 4095) + 1;
        int64_t sharing = (a >> 14 & 4095) + 1;
        lm_cache found = {.bytes = ways * partitions * line * ((int64_t)cc + 1),
                          .ways = (int)ways,
                          .shared = (int)lm_min(sharing, c->count)};
        if (plausible(&found)) *known = found;
    }
}
#else
static void ask_cpu(const cpus *c, lm_caches *out) {
    (void)c, (void)out;
}
#endif

/* ---- both ------------------------------------------------------------------------------------ */
static void complete(lm_cache *c, const lm_cache *usual, int shared) {
    if (c->bytes == 0) *c = (lm_cache){usual->bytes, usual->ways, shared};
    if (c->ways == 0) c->ways = usual->ways;
}

lm_caches lm_caches_detect(const char *root) {
    cpus c;
    lm_caches out = {0};
    usable_cpus(&c);
    out.cpus = c.count;
    read_cpu(root, c.first, &c, &out);
    if (c.last != c.first) read_cpu(root, c.last, &c, &out);
    if (*root == '\0') ask_cpu(&c, &out);
    complete(&out.l1d, &lm_caches_usual.l1d, 1);
    complete(&out.l2, &lm_caches_usual.l2, 1);
    complete(&out.l3, &lm_caches_usual.l3, c.count);
    return out;
}

lm_status lm_caches_parse(const char *text, lm_caches *out, lm_error *err) {
    lm_caches c = lm_caches_usual;
    lm_cache *const levels[] = {&c.l1d, &c.l2, &c.l3};
    const char *at = text;
    for (int i = 0; i < 3; i++) {
        const char *end = at;
        levels[i]->bytes = parse_size(at, &end);
        if (!plausible(levels[i]) || *end != (i < 2 ? ',' : '\0'))
            return lm_error_set(err, LM_ERR_USAGE,
                                "caches: expected sizes of L1d, L2 and L3, 4K to 16G each, such as"
                                " 32K,512K,16M; found \"%s\"",
                                text);
        at = end + 1;
    }
    *out = c;
    return LM_OK;
}

static void describe_size(char *out, size_t size, int64_t bytes) {
    int shift = bytes % (1 << 20) == 0 ? 20 : 10;
    snprintf(out, size, "%" PRId64 "%s", bytes >> shift, shift == 20 ? "M" : "K");
}

const char *lm_caches_describe(const lm_caches *c, char *out, size_t size) {
    char l1d[24], l2[24], l3[24];
    describe_size(l1d, sizeof l1d, c->l1d.bytes);
    describe_size(l2, sizeof l2, c->l2.bytes);
    describe_size(l3, sizeof l3, c->l3.bytes);
    snprintf(out, size, "%s %s %s", l1d, l2, l3);
    return out;
}

int lm_caches_sharing(const lm_caches *c, const lm_cache *cache, int threads) {
    int64_t all = lm_max(c->cpus, 1);
    int64_t sharing = lm_divide_up((int64_t)cache->shared * lm_min(threads, all), all);
    return (int)lm_max(sharing, 1);
}
