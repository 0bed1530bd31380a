/* Speed of every kernel of the list on every ISA this CPU has, one thread, operands in cache.
 *
 *     make bench-kernels && build/gcc/tests/bench/kernels [text]
 *
 * A row is a kernel; the figures are elements of its largest buffer a nanosecond, best of many
 * repetitions, and how many times faster than the scalar version the best rung is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/list.h"
#include "machine/fpmode.h"

static float *buffers[LM_KERNEL_BUFFERS];
enum { MOST_FLOATS = 1 << 20 };

/* The row's last variant is its typical use. */
static lm_kernel_call typical(const lm_kernel_row *row) {
    lm_kernel_call c = {
        .rows = 48, .n = 768, .k = 256, .stride = 768, .variant = row->variants - 1};
    if (row->sizes == LM_KERNEL_GEMM) c.n = c.stride = 96;
    if (row->sizes == LM_KERNEL_VECTOR) c.n = 16384;
    row->describe(&c);
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++) {
        if (c.size[i] > MOST_FLOATS) abort();
        c.b[i] = buffers[i] + i * 272; /* not all at one place of a page: it slows stores */
    }
    return c;
}

/* The same ordinary numbers before every repetition. */
static void refill(const lm_kernel_call *c) {
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++)
        for (int64_t j = 0; j < c->size[i]; j++)
            c->b[i][j] = (float)((j * 37 + i * 11) % 101) * 0.01f + 0.01f;
}

static double elements_per_ns(const lm_kernel_row *row, const lm_kernels *table, double seconds) {
    lm_kernel_call c = typical(row);
    int64_t most = 0;
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++)
        if (c.size[i] > most) most = c.size[i];
    double best = 1e9, end = lm_clock_seconds() + seconds, now;
    do {
        refill(&c);
        double start = lm_clock_seconds();
        row->call(table, &c);
        now = lm_clock_seconds();
        if (now - start < best) best = now - start;
    } while (now < end);
    return (double)most / best * 1e-9;
}

int main(int argc, char **argv) {
    const char *wanted = argc > 1 ? argv[1] : "";
    lm_isa_mask have = lm_cpu_detect();
    lm_fpmode_set();
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++) {
        buffers[i] = aligned_alloc(64, (MOST_FLOATS + 272 * LM_KERNEL_BUFFERS) * sizeof(float));
        if (!buffers[i]) return 1;
    }
    printf("%-24s", "elements a nanosecond");
    for (int isa = 0; isa < LM_ISA_COUNT; isa++)
        if (have >> isa & 1u) printf(" %10s", lm_isa_name(isa));
    printf(" %10s\n", "x scalar");
    for (int i = 0; i < lm_kernel_list_count; i++) {
        if (!strstr(lm_kernel_list[i].name, wanted)) continue;
        double scalar = 0, best = 0;
        printf("%-24s", lm_kernel_list[i].name);
        for (int isa = 0; isa < LM_ISA_COUNT; isa++) {
            if (!(have >> isa & 1u)) continue;
            lm_kernels table;
            lm_kernels_fill(&table, have & ((2u << isa) - 1u));
            best = elements_per_ns(&lm_kernel_list[i], &table, 0.05);
            if (isa == LM_ISA_SCALAR) scalar = best;
            printf(" %10.2f", best);
        }
        printf(" %9.1fx\n", best / scalar);
        fflush(stdout);
    }
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++) free(buffers[i]);
    return 0;
}
