#include "bench/host.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

/* Shares and rates that a quiet machine stays below (tests/bench/NOTES.md). /proc/stat counts in
 * ticks of 10 ms: less than three of them say nothing. */
#define MOST_STOLEN          0.02
#define MOST_SWITCHED        20.0
#define MOST_WORD            1.5
#define LEAST_STOLEN_SECONDS 0.03
#define LEAST_SWITCHES       5.0

static const char *const names[LM_BENCH_MARKS] = {[LM_BENCH_STOLEN] = "stolen",
                                                  [LM_BENCH_SWITCHED] = "switched",
                                                  [LM_BENCH_NEIGHBOUR] = "neighbour",
                                                  [LM_BENCH_FAR] = "far"};

/* ---- looking ----------------------------------------------------------------------------------*/

/* The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, in ticks. */
static double stolen_seconds(void) {
    long long ticks;
    double hz = (double)sysconf(_SC_CLK_TCK);
    FILE *file = fopen("/proc/stat", "re");
    if (!file) return -1;
    int found = fscanf(file, "cpu %*d %*d %*d %*d %*d %*d %*d %lld", &ticks);
    fclose(file);
    return found == 1 && hz > 0 ? (double)ticks / hz : -1;
}

lm_bench_host_look lm_bench_host_look_now(void) {
    struct rusage use;
    lm_bench_host_look look = {.at = lm_clock_seconds(), .stolen = stolen_seconds()};
    if (getrusage(RUSAGE_SELF, &use) == 0) look.switched = (double)use.ru_nivcsw;
    return look;
}

lm_bench_host lm_bench_host_between(const lm_bench_host_look *before,
                                    const lm_bench_host_look *after, int threads) {
    lm_bench_host h = {.seconds = after->at - before->at};
    double time = h.seconds * threads, stolen = after->stolen - before->stolen;
    double switched = after->switched - before->switched;
    if (time <= 0) return h;
    if (before->stolen >= 0 && stolen >= LEAST_STOLEN_SECONDS) h.stolen = stolen / time;
    if (switched >= LEAST_SWITCHES) h.switched = switched / time;
    return h;
}

/* ---- judging ----------------------------------------------------------------------------------*/

unsigned lm_bench_host_marks(const lm_bench_host *h) {
    unsigned marks = 0;
    if (h->stolen > MOST_STOLEN) marks |= 1u << LM_BENCH_STOLEN;
    if (h->switched > MOST_SWITCHED) marks |= 1u << LM_BENCH_SWITCHED;
    if (marks == 0 && h->peak > 0 && h->peak < 1 - LM_BENCH_QUIET)
        marks |= 1u << LM_BENCH_NEIGHBOUR;
    if (h->word > MOST_WORD) marks |= 1u << LM_BENCH_FAR;
    return marks;
}

void lm_bench_host_say(unsigned marks, lm_text *t) {
    const char *before = "";
    for (int i = 0; i < LM_BENCH_MARKS; i++) {
        if (!(marks >> i & 1u)) continue;
        lm_text_printf(t, "%s%s", before, names[i]);
        before = ", ";
    }
}
