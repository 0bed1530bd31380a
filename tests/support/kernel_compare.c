/* The comparison that follows from the rows of kernels/list.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/kernel_compare.h"

/* Memory that ends at a page nobody may touch; what lies before a buffer is a canary. */
typedef struct guarded {
    unsigned char *base;
    size_t bytes; /* usable, a multiple of the page */
} guarded;

static guarded guard(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    guarded g = {.bytes = (bytes + page) / page * page};
    g.base = mmap(NULL, g.bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.base == MAP_FAILED || mprotect(g.base + g.bytes, page, PROT_NONE) != 0) abort();
    return g;
}

static void unguard(guarded *g) {
    munmap(g->base, g->bytes + (size_t)sysconf(_SC_PAGESIZE));
}

enum { MOST_FLOATS = 1 << 14, CANARY = 0x5a, CANARY_BYTES = 256 };

/* The last `count` floats before the guard page: their alignment changes with the count. */
static float *place(const guarded *g, int64_t count) {
    unsigned char *begin = g->base + g->bytes - sizeof(float) * (size_t)count;
    memset(begin - CANARY_BYTES, CANARY, CANARY_BYTES);
    return (float *)(void *)begin;
}

static bool canary_alive(const float *begin) {
    const unsigned char *end = (const unsigned char *)begin;
    for (const unsigned char *p = end - CANARY_BYTES; p < end; p++)
        if (*p != CANARY) return false;
    return true;
}

/* ---- values --------------------------------------------------------------------------------- */
static const float special[] = {
    0.0f,     -0.0f,  INFINITY, -INFINITY,      NAN,           1e-40f,          -1e-40f,
    1.2e-38f, 3e38f,  -3e38f,   0x1.62e42ep+6f, 0x1.62e43p+6f, -0x1.5d589ep+6f, -0x1.5d58ap+6f,
    88.722f,  88.73f, -87.336f, -87.34f,        -103.0f,       0x1p-126f,       -0x1p-149f,
    1.0f,     -13.3f, 16.0f,    -16.0f,         10.0f,         -80.0f,          1e20f,
    -1e20f,   0.5f,   1e-20f,
};
enum { FILL_PLAIN, FILL_WIDE, FILL_SPECIAL, FILLS };

static uint32_t next(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* What ldexpf gives, in a tenth of its time. */
static float power_of_two(int exponent) {
    uint32_t bits = (uint32_t)(127 + exponent) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

static float value(uint64_t *state, int fill) {
    float unit = (float)(int32_t)next(state) * 0x1p-31f;
    if (fill == FILL_PLAIN) return 2.0f * unit;
    if (fill == FILL_WIDE) return unit * power_of_two((int)(next(state) % 60) - 40);
    if (next(state) % 4 != 0) return 20.0f * unit;
    return special[next(state) % (sizeof special / sizeof *special)];
}

/* ---- one call ------------------------------------------------------------------------------- */
static bool same(float a, float b, bool pairs) {
    return memcmp(&a, &b, sizeof a) == 0 || (!pairs && a != a && b != b);
}

/* FNV-1a over the bits, all NaNs alike. */
static void digest_floats(uint64_t *digest, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = 0x7fc00000u;
        if (x[i] == x[i]) memcpy(&bits, &x[i], sizeof bits);
        *digest = (*digest ^ bits) * 0x100000001b3u;
    }
}

/* n values of a buffer: floats, or pairs of bf16. */
static void fill_buffer(float *b, int64_t n, bool pairs, uint64_t *state, int fill) {
    for (int64_t j = 0; j < n; j++) {
        b[j] = value(state, fill);
        lm_bf16_pair pair = lm_bf16_pair_from_f32(b[j], value(state, fill));
        if (pairs) memcpy(&b[j], &pair, sizeof pair);
    }
}

/* Whether buffer i holds bf16, alone or in pairs. */
static bool is_bf16(const lm_kernel_row *row, int i) {
    return row->buffers[i].type != LM_KERNEL_F32;
}

static bool compare_call(const lm_kernel_row *row, const lm_kernels *tables[2], guarded *memory,
                         lm_kernel_call *c, int fill, uint64_t *digest, char *why, size_t size) {
    lm_kernel_call calls[2] = {*c, *c};
    for (int t = 0; t < 2; t++) {
        uint64_t state = (uint64_t)(c->rows * 1000003 + c->n * 1009 + c->k) + (uint64_t)fill;
        for (int i = 0; i < LM_KERNEL_BUFFERS; i++) {
            if (!row->buffers[i].shape) continue;
            if (c->size[i] < 0 || c->size[i] > MOST_FLOATS) abort();
            calls[t].b[i] = place(&memory[i * 2 + t], c->size[i]);
            fill_buffer(calls[t].b[i], c->size[i], is_bf16(row, i), &state, fill);
        }
        row->call(tables[t], &calls[t]);
    }
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++) {
        if (!row->buffers[i].shape) continue;
        digest_floats(digest, calls[1].b[i], c->size[i]);
        for (int64_t j = 0; j < c->size[i]; j++)
            if (!same(calls[0].b[i][j], calls[1].b[i][j], is_bf16(row, i))) {
                snprintf(why, size,
                         "%s rows %lld n %lld k %lld stride %lld variant %d fill %d: %s[%lld]"
                         " is %a (%.9g), scalar %a (%.9g)",
                         row->name, (long long)c->rows, (long long)c->n, (long long)c->k,
                         (long long)c->stride, c->variant, fill, lm_kernel_buffer_names[i],
                         (long long)j, (double)calls[1].b[i][j], (double)calls[1].b[i][j],
                         (double)calls[0].b[i][j], (double)calls[0].b[i][j]);
                return false;
            }
        if (!canary_alive(calls[0].b[i]) || !canary_alive(calls[1].b[i])) {
            snprintf(why, size, "%s rows %lld n %lld: wrote before %s", row->name,
                     (long long)c->rows, (long long)c->n, lm_kernel_buffer_names[i]);
            return false;
        }
    }
    return true;
}

static const int64_t lengths[] = {0,  1,  2,  3,  7,  8,  9,  15, 16,  17,  31,  32,
                                  33, 47, 48, 49, 63, 64, 65, 97, 100, 127, 191, 257};
static const int64_t row_counts[] = {0, 1, 2, 3, 4, 5, 13, 17};
static const int64_t gemm_rows[] = {0, 1, 2, 3, 5, 6, 7, 11, 12, 13, 16, 25, 32};
static const int64_t gemm_columns[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 49, 65};
static const int64_t gemm_depths[] = {0, 1, 2, 7, 8, 16, 33, 50};
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

bool kernel_compare(const lm_kernel_row *row, const lm_kernels *table, uint64_t *digest, char *why,
                    size_t size) {
    lm_kernels scalar;
    lm_kernels_fill_scalar(&scalar);
    const lm_kernels *tables[2] = {&scalar, table};
    guarded memory[LM_KERNEL_BUFFERS * 2];
    for (int i = 0; i < LM_KERNEL_BUFFERS * 2; i++)
        memory[i] = guard(MOST_FLOATS * sizeof(float) + CANARY_BYTES);
    *digest = 0xcbf29ce484222325u;
    bool gemm = row->sizes == LM_KERNEL_GEMM, good = true;
    int n_rows = gemm ? COUNT(gemm_rows) : row->sizes == LM_KERNEL_MATRIX ? COUNT(row_counts) : 1;
    int n_columns = gemm ? COUNT(gemm_columns) : COUNT(lengths);
    int n_depths = gemm ? COUNT(gemm_depths) : 1;
    for (int fill = 0; fill < FILLS; fill++)
        for (int variant = 0; variant < row->variants; variant++)
            for (int r = 0; r < n_rows; r++)
                for (int j = 0; j < n_columns; j++)
                    for (int d = 0; d < n_depths && good; d++) {
                        lm_kernel_call c = {.rows = gemm ? gemm_rows[r] : row_counts[r],
                                            .n = gemm ? gemm_columns[j] : lengths[j],
                                            .k = gemm_depths[d],
                                            .variant = variant};
                        c.stride = c.n + (j + r + d) % 3;
                        lm_kernel_describe(row, &c);
                        good = compare_call(row, tables, memory, &c, fill, digest, why, size);
                    }
    for (int i = 0; i < LM_KERNEL_BUFFERS * 2; i++) unguard(&memory[i]);
    return good;
}
