#include "bench/rows.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "machine/word.h"

enum { LEAST_REPETITIONS = 5, MOST_TURNS = 256 }; /* turns whose limits are kept */
/* Repetitions between two brief measurements of the peak, which take 20 ms: short enough that the
 * rest of the machine does much the same in both. */
#define TURN_SECONDS 0.05

bool lm_bench_wants(const lm_bench *b, const char *name) {
    return strstr(name, b->o->match) != NULL;
}

double lm_bench_measure_word(lm_bench *b) {
    double now = lm_word_seconds(b->session.compute.pool);
    if (now > 0 && (b->word == 0 || now < b->word)) b->word = now;
    return now;
}

/* What is looked at beside a subject, some times a second. */
typedef struct looks {
    lm_bench_host_look before;
    int turns;
    double peaks, words;        /* sums */
    double limit, best;         /* of a subject that has one: now, and the best */
    double allowed[MOST_TURNS]; /* work that it would have done in a repetition's time */
} looks;

static void look(lm_bench *b, const lm_bench_subject *s, looks *l) {
    if (s->limit) {
        l->limit = s->limit(s->argument);
        l->best = fmax(l->best, l->limit);
    }
    l->peaks += s->limit ? l->limit : lm_bench_peak_measure_briefly(&b->peaks, s->peak);
    if (!lm_bench_peak_is_of_one_thread(s->peak)) l->words += lm_bench_measure_word(b);
    l->turns++;
}

static lm_bench_beside conclude(const lm_bench *b, const lm_bench_subject *s, looks *l) {
    bool one = lm_bench_peak_is_of_one_thread(s->peak);
    double best = s->limit ? 0 : b->peaks.best[s->peak], peak = l->peaks / l->turns;
    lm_bench_host_look after = lm_bench_host_look_now();
    lm_bench_host host = lm_bench_host_between(&l->before, &after, one ? 1 : b->threads);
    host.peak = best > 0 ? peak / best : 0;
    host.word = b->word > 0 ? l->words / l->turns / b->word : 0;
    int kept = s->limit ? (int)lm_min(l->turns, MOST_TURNS) : 0;
    return (lm_bench_beside){.attempt = {.peak = peak, .marks = lm_bench_host_marks(&host)},
                             .limit = l->best,
                             .allowed = lm_bench_summarise(l->allowed, kept).median};
}

void lm_bench_measure(lm_bench *b, const lm_bench_subject *s, lm_bench_times *times,
                      lm_bench_beside *beside) {
    looks l = {.before = lm_bench_host_look_now()};
    int count = 0;
    if (s->prepare) s->prepare(s->argument);
    s->run(s->argument);
    double now, end = lm_clock_seconds() + s->seconds;
    do {
        look(b, s, &l);
        double turn = lm_clock_seconds() + fmin(TURN_SECONDS, s->seconds), took = 0;
        int before = count;
        do {
            if (lm_bench_stopped()) break;
            if (s->prepare) s->prepare(s->argument);
            double start = lm_clock_seconds();
            s->run(s->argument);
            now = lm_clock_seconds();
            took += b->samples[count++] = now - start;
        } while (count < LM_BENCH_MOST_SAMPLES && now < turn);
        if (l.turns <= MOST_TURNS) /* which look has counted */
            l.allowed[l.turns - 1] = count > before ? l.limit * took / (count - before) : 0;
    } while (!lm_bench_stopped() && count < LM_BENCH_MOST_SAMPLES &&
             (count < LEAST_REPETITIONS || lm_clock_seconds() < end));
    *times = lm_bench_summarise(b->samples, count);
    if (beside) *beside = conclude(b, s, &l);
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
    lm_bench_attempt *a = &attempts[row->measured];
    lm_bench_beside beside = {0};
    lm_bench_measure(b, s, &times, &beside);
    *a = beside.attempt;
    if (times.count == 0) return;
    if (row->measured == 0 || times.best < row->times.best) {
        row->times = times;
        row->marks = a->marks;
        row->share = beside.allowed > 0 ? row->work / beside.allowed : 0;
    }
    row->measured++;
    row->peak = s->limit ? fmax(row->peak, beside.limit) : lm_bench_peak_best(&b->peaks, s->peak);
    a->figure = figure_of(row, times.best);
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
    unsigned marks = 0;
    for (int i = 0; i < row->measured; i++) marks |= attempts[i].marks;
    lm_bench_comparison_add(&b->comparison,
                            &(lm_bench_outcome){.section = row->section,
                                                .name = row->name,
                                                .figure = figure_of(row, row->times.best),
                                                .recorded = row->recorded,
                                                .measured = row->measured,
                                                .marks = marks,
                                                .verdict = row->verdict});
}
