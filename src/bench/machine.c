/* The peaks of this machine, a row each, and how far apart its CPUs are. */
#include <stdio.h>

#include "base/clock.h"
#include "bench/report.h"
#include "bench/sections.h"

/* Seconds there and back, a sample a millisecond. No row where there is no second CPU. */
static lm_status measure_word(lm_bench *b, lm_error *err) {
    lm_bench_row row = {.section = LM_BENCH_MACHINE, .name = LM_BENCH_WORD_NAME};
    int count = 0;
    double now, end = lm_clock_seconds() + b->o->seconds;
    if (!lm_bench_wants(b, row.name)) return LM_OK;
    do {
        if ((now = lm_bench_measure_word(b)) > 0) b->samples[count++] = now;
    } while (lm_clock_seconds() < end && count < LM_BENCH_MOST_SAMPLES && !lm_bench_stopped());
    row.times = lm_bench_summarise(b->samples, count);
    lm_text_printf(&row.table, "  there and back, best %.0f ns\n", row.times.best * 1e9);
    return lm_bench_report(b, &row, err);
}

lm_status lm_bench_machine(lm_bench *b, lm_error *err) {
    lm_status status =
        lm_bench_begin(b, LM_BENCH_MACHINE,
                       "the peaks that everything else is a share of; the time between CPUs", err);
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
    if (status == LM_OK && !lm_bench_stopped()) status = measure_word(b, err);
    lm_bench_end(b);
    return status;
}
