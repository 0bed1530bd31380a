/* Every row of kernels/list.h on one thread, operands in cache. */
#include <stdio.h>
#include <string.h>

#include "bench/report.h"
#include "bench/sections.h"
#include "kernels/list.h"

/* Floats per buffer, and between buffers: stores are slow when buffers begin at the same place of a
 * page. */
enum { MOST_FLOATS = 1 << 17, STAGGER = 272 };

typedef struct work {
    const lm_kernel_row *row;
    const lm_kernels *table;
    lm_kernel_call call;
} work;

/* The same ordinary numbers before every repetition, since most kernels work in place. */
static void refill(void *argument) {
    const work *w = argument;
    const lm_kernel_call *c = &w->call;
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++)
        for (int64_t j = 0; j < c->size[i]; j++) {
            float x = (float)((j * 37 + i * 11) % 101) * 0.01f + 0.01f;
            lm_bf16_pair pair = lm_bf16_pair_from_f32(x, x);
            if (w->row->buffers[i].type != LM_KERNEL_F32)
                memcpy(&c->b[i][j], &pair, sizeof pair);
            else
                c->b[i][j] = x;
        }
}

static void call(void *argument) {
    const work *w = argument;
    w->row->call(w->table, &w->call);
}

/* The row's last variant, at the sizes of a layer that stays in the caches of one core. */
static lm_kernel_call typical(const lm_kernel_row *row, float *buffers) {
    lm_kernel_call c = {.rows = 48, .n = 768, .k = 256, .variant = row->variants - 1};
    if (row->sizes == LM_KERNEL_GEMM) c.n = 96;
    if (row->sizes == LM_KERNEL_VECTOR) c.n = 16384;
    c.stride = c.n;
    lm_kernel_describe(row, &c);
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++) {
        if (!row->buffers[i].shape) continue;
        LM_ASSERT(c.size[i] <= MOST_FLOATS);
        c.b[i] = buffers;
        buffers += MOST_FLOATS + STAGGER;
    }
    return c;
}

static double moved_bytes(const work *w) {
    double floats = 0;
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++) {
        const lm_kernel_buffer *b = &w->row->buffers[i];
        floats += (double)w->call.size[i] * (b->reads + b->writes);
    }
    return floats * sizeof(float);
}

static lm_bench_peak peak_of(const work *w) {
    if (w->row->flops == 0) return LM_BENCH_PEAK_MEMORY_ONE;
    for (int i = 0; i < LM_KERNEL_BUFFERS; i++)
        if (w->row->buffers[i].type == LM_KERNEL_PAIRS) return LM_BENCH_PEAK_BF16_ONE;
    return LM_BENCH_PEAK_F32_ONE;
}

static lm_status measure(lm_bench *b, const lm_kernels *scalar, const lm_kernel_row *kernel,
                         float *buffers, lm_error *err) {
    work w = {.row = kernel, .table = scalar, .call = typical(kernel, buffers)};
    lm_bench_row row = {.section = LM_BENCH_KERNELS, .moves = kernel->flops == 0};
    double products = (double)w.call.rows * (double)w.call.n * (double)w.call.k;
    row.work = row.moves ? moved_bytes(&w) : kernel->flops * products;
    snprintf(row.name, sizeof row.name, "%s", kernel->name);
    lm_bench_subject s = {.prepare = refill,
                          .run = call,
                          .argument = &w,
                          .peak = peak_of(&w),
                          .seconds = b->o->seconds / 2};
    lm_bench_measure(b, &s, &row.times, NULL);
    row.scalar_seconds = row.times.best;
    w.table = &b->session.kernels;
    lm_bench_measure_row(b, &s, &row);
    return lm_bench_report(b, &row, err);
}

lm_status lm_bench_kernels(lm_bench *b, lm_error *err) {
    lm_kernels scalar;
    lm_arena arena = {0};
    size_t floats = (size_t)LM_KERNEL_BUFFERS * (MOST_FLOATS + STAGGER);
    lm_status status = lm_arena_init(&arena, floats * sizeof(float), "the kernels' buffers", err);
    if (status != LM_OK) return status;
    lm_kernels_fill(&scalar, 1u << LM_ISA_SCALAR);
    status =
        lm_bench_begin(b, LM_BENCH_KERNELS,
                       "one thread, operands in cache; shares of the peak of one thread (caches"
                       " can exceed 100% of memory's)",
                       err);
    for (int i = 0; i < lm_kernel_list_count && status == LM_OK && !lm_bench_stopped(); i++)
        if (lm_bench_wants(b, lm_kernel_list[i].name))
            status = measure(b, &scalar, &lm_kernel_list[i], (float *)(void *)arena.base, err);
    lm_bench_end(b);
    lm_arena_free(&arena);
    return status;
}
