/* Rows against recorded ones. A row that fell is measured again before it counts as slower: where
 * other work shares a core, everything takes up to twice as long for a while. The peak and the
 * state of the host, looked at beside the row each time, tell such a while from a slower lmtrain.
 *
 *     lm_bench_comparison c = {0};
 *     lm_bench_comparison_open(&c, "before.json", err);
 *     recorded = lm_bench_comparison_find(&c, section, name);
 *     do ... measure the row ...
 *     while (lm_bench_verdict_of(recorded, peak, attempts, n) == LM_BENCH_AGAIN);
 *     lm_bench_comparison_add(&c, &outcome);
 *     ...
 *     lm_bench_comparison_judge(&c, &text, err);
 *     lm_bench_comparison_free(&c); */
#ifndef LM_BENCH_COMPARE_H
#define LM_BENCH_COMPARE_H

#include "bench/bench.h"
#include "bench/host.h"

/* A row is slower than recorded when it fell so many times in quiet (beside LM_BENCH_QUIET of the
 * peak, without marks), noise when it never held in so many times of any kind. */
enum { LM_BENCH_QUIET_FALLS = 3, LM_BENCH_MOST_ATTEMPTS = 6 };

/* A row measured once. */
typedef struct lm_bench_attempt {
    double figure;  /* what is compared: larger is faster */
    double peak;    /* measured beside it */
    unsigned marks; /* of the host meanwhile (host.h) */
} lm_bench_attempt;

typedef enum lm_bench_verdict {
    LM_BENCH_AGAIN, /* not known yet: to be measured again */
    LM_BENCH_HELD,
    LM_BENCH_FELL,
    LM_BENCH_NOISE,
} lm_bench_verdict;
const char *lm_bench_verdict_name(lm_bench_verdict verdict);

/* More than LM_BENCH_TOLERANCE below `recorded`; never when that is NAN. */
bool lm_bench_fell(double figure, double recorded);
/* What n >= 1 attempts at a row say; `peak` is the best of the run so far. */
lm_bench_verdict lm_bench_verdict_of(double recorded, double peak, const lm_bench_attempt *attempts,
                                     int n);

/* ---- the record -------------------------------------------------------------------------------*/

enum { LM_BENCH_NAME_SIZE = 64 };

typedef struct lm_bench_record {
    lm_bench_section section;
    char name[LM_BENCH_NAME_SIZE];
    double figure;
    bool found; /* by lm_bench_comparison_find: it was measured */
} lm_bench_record;

typedef struct lm_bench_comparison {
    const char *path; /* of the record; NULL: nothing is compared */
    lm_bench_record *records;
    int count;
    double word;    /* seconds, on record; 0: none */
    int compared;   /* rows */
    lm_text fallen; /* rows that fell, a line each */
    lm_text noise;  /* rows that cannot be judged, likewise */
} lm_bench_comparison;

/* What came out for a row that is on record. */
typedef struct lm_bench_outcome {
    lm_bench_section section;
    const char *name;
    double figure, recorded; /* the best; as lm_bench_comparison_find gave it */
    int measured;            /* times */
    unsigned marks;          /* of all measurements */
    lm_bench_verdict verdict;
} lm_bench_outcome;

/* The row of the machine section that has the word's time (machine/word.h). */
#define LM_BENCH_WORD_NAME "word between threads"
/* The shortest such time that the runs of a record have seen, in seconds, beside its sections. */
#define LM_BENCH_WORD_KEY "word_seconds"
/* The figure of a section's rows that is compared, under its name in JSON: one that another clock
 * speed leaves alone. */
const char *lm_bench_figure_name(lm_bench_section section);
/* Reads what --json printed; path is kept. Free it after a failure too. */
lm_status lm_bench_comparison_open(lm_bench_comparison *c, const char *path, lm_error *err);
void lm_bench_comparison_free(lm_bench_comparison *c);
/* The recorded figure of a row, which is marked as found; NAN: there is none. */
double lm_bench_comparison_find(lm_bench_comparison *c, lm_bench_section section, const char *name);
void lm_bench_comparison_add(lm_bench_comparison *c, const lm_bench_outcome *outcome);
/* How many rows on record were not measured; *first is one of them, NULL when there is none. */
int lm_bench_comparison_left(const lm_bench_comparison *c, const lm_bench_record **first);
/* The result, appended to *out in lines. Rows that fell, or none to compare, are LM_ERR_RUNTIME,
 * whose message says all that *out says. */
lm_status lm_bench_comparison_judge(const lm_bench_comparison *c, lm_text *out, lm_error *err);

#endif
