/* The sections of bench.h, a file each: each measures its rows and reports them. b->session's
 * scratch and precision are as they found them when they return. */
#ifndef LM_BENCH_SECTIONS_H
#define LM_BENCH_SECTIONS_H

#include "bench/rows.h"

lm_status lm_bench_machine(lm_bench *b, lm_error *err);
lm_status lm_bench_kernels(lm_bench *b, lm_error *err);
lm_status lm_bench_gemm(lm_bench *b, lm_error *err);
lm_status lm_bench_layers(lm_bench *b, lm_error *err);
lm_status lm_bench_step(lm_bench *b, lm_error *err);
lm_status lm_bench_generate(lm_bench *b, lm_error *err);
lm_status lm_bench_optimizers(lm_bench *b, lm_error *err);
lm_status lm_bench_model_options(lm_bench *b, lm_error *err);
lm_status lm_bench_regions(lm_bench *b, lm_error *err);

#endif
