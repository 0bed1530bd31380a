/* The peaks of this machine, a row each. */
#include <stdio.h>

#include "bench/report.h"
#include "bench/sections.h"

lm_status lm_bench_machine(lm_bench *b, lm_error *err) {
    lm_status status =
        lm_bench_begin(b, LM_BENCH_MACHINE, "the peaks that everything else is a share of", err);
    for (int i = 0; i < LM_BENCH_PEAK_COUNT && status == LM_OK && !lm_bench_stopped(); i++) {
        lm_bench_peak peak = (lm_bench_peak)i;
        if (lm_bench_peak_is_of_one_thread(peak) && b->threads == 1) continue;
        if (!lm_bench_wants(b, lm_bench_peak_name(peak))) continue;
        lm_bench_row row = {
            .section = LM_BENCH_MACHINE, .work = 1, .moves = lm_bench_peak_is_memory(peak)};
        snprintf(row.name, sizeof row.name, "%s", lm_bench_peak_name(peak));
        row.times = lm_bench_peak_measure_for(&b->peaks, peak, b->o->seconds);
        status = lm_bench_report(b, &row, err);
    }
    lm_bench_end(b);
    return status;
}
