#include "bench/rows.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

enum { LEAST_REPETITIONS = 5 };
/* Repetitions between two brief measurements of the peak, which take 20 ms: short enough that the
 * rest of the machine does much the same in both. */
#define TURN_SECONDS 0.05

bool lm_bench_wants(const lm_bench *b, const char *name) {
    return strstr(name, b->o->match) != NULL;
}

void lm_bench_measure(lm_bench *b, const lm_bench_subject *s, lm_bench_times *times, double *peak) {
    int count = 0, turns = 0;
    double peaks = 0;
    if (s->prepare) s->prepare(s->argument);
    s->run(s->argument);
    double now, end = lm_clock_seconds() + s->seconds;
    do {
        peaks += lm_bench_peak_measure_briefly(&b->peaks, s->peak);
        turns++;
        double turn = lm_clock_seconds() + fmin(TURN_SECONDS, s->seconds);
        do {
            if (lm_bench_stopped()) break;
            if (s->prepare) s->prepare(s->argument);
            double start = lm_clock_seconds();
            s->run(s->argument);
            now = lm_clock_seconds();
            b->samples[count++] = now - start;
        } while (count < LM_BENCH_MOST_SAMPLES && now < turn);
    } while (!lm_bench_stopped() && count < LM_BENCH_MOST_SAMPLES &&
             (count < LEAST_REPETITIONS || lm_clock_seconds() < end));
    *times = lm_bench_summarise(b->samples, count);
    if (peak) *peak = peaks / turns;
}

/* ---- compared rows ----------------------------------------------------------------------------*/

static double figure_of(const lm_bench_row *row, double best_seconds) {
    return row->section == LM_BENCH_KERNELS ? row->scalar_seconds / best_seconds
                                            : row->work / best_seconds / row->peak;
}

/* One more attempt; row->times are those of the best. */
static void attempt(lm_bench *b, const lm_bench_subject *s, lm_bench_row *row,
                    lm_bench_attempt *attempts) {
    lm_bench_times times;
    double peak;
    lm_bench_measure(b, s, &times, &peak);
    if (times.count == 0) return;
    if (row->measured == 0 || times.best < row->times.best) row->times = times;
    row->peak = lm_bench_peak_best(&b->peaks, s->peak);
    lm_bench_attempt *a = &attempts[row->measured++];
    *a = (lm_bench_attempt){.figure = figure_of(row, times.best), .peak = peak};
    if (a->peak == 0 && lm_bench_fell(a->figure, row->recorded)) {
        a->peak = lm_bench_peak_measure(&b->peaks, s->peak);
        row->peak = lm_bench_peak_best(&b->peaks, s->peak);
    }
    row->verdict = lm_bench_verdict_of(row->recorded, row->peak, attempts, row->measured);
}

void lm_bench_measure_row(lm_bench *b, const lm_bench_subject *s, lm_bench_row *row) {
    lm_bench_attempt attempts[LM_BENCH_MOST_ATTEMPTS];
    row->recorded = lm_bench_comparison_find(&b->comparison, row->section, row->name);
    do attempt(b, s, row, attempts);
    while (row->verdict == LM_BENCH_AGAIN && !lm_bench_stopped());
    if (row->measured == 0 || isnan(row->recorded)) return;
    lm_bench_comparison_add(&b->comparison,
                            &(lm_bench_outcome){.section = row->section,
                                                .name = row->name,
                                                .figure = figure_of(row, row->times.best),
                                                .recorded = row->recorded,
                                                .measured = row->measured,
                                                .verdict = row->verdict});
}
