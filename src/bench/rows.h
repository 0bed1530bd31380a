/* Rows: what a section measures, again and again, as a share of a peak. */
#ifndef LM_BENCH_ROWS_H
#define LM_BENCH_ROWS_H

#include "base/json.h"
#include "bench/bench.h"
#include "bench/compare.h"
#include "bench/merge.h"
#include "bench/peaks.h"

/* What every section is given. */
typedef struct lm_bench {
    const lm_bench_options *o;
    int threads;
    lm_caches caches;
    lm_session session; /* on all threads; sections reserve and free its scratch */
    lm_bench_peaks peaks;
    lm_bench_comparison comparison;
    lm_bench_merge merge;     /* of options->record */
    double *samples;          /* [LM_BENCH_MOST_SAMPLES] */
    double word;              /* the best so far, seconds (machine/word.h); 0: not known */
    int marked;               /* rows reported that are marked */
    lm_bench_host_look began; /* when the sections did */
    int wanted;               /* rows reported whose names have the text of --match */
    lm_text json;             /* what --json prints, which --record needs too */
    lm_json_writer writer;    /* of json */
} lm_bench;

typedef struct lm_bench_row {
    lm_bench_section section;
    char name[LM_BENCH_NAME_SIZE]; /* unique in its section */
    lm_bench_times times;
    double work;           /* FLOP of a repetition, or bytes; 0: only its time matters */
    bool moves;            /* it is bytes */
    double peak;           /* best of the run, in work per second; 0: this row is a peak itself */
    double share;          /* of what was possible beside each repetition, median; 0: not known */
    double scalar_seconds; /* the best of the scalar version; 0: not measured */
    double of_plain;       /* share over the plain run's; 0: not measured */
    double recorded;       /* lm_bench_figure_name's; NAN: none */
    int measured;          /* times, of which `times` are the best */
    lm_bench_verdict verdict;
    unsigned marks; /* of the host during `times` (host.h) */
    lm_text json;   /* an object of further members (LM_JSON_LINE); empty: none */
    lm_text table;  /* further lines */
} lm_bench_row;

/* Training steps are repeated this many times as long as kernels. */
enum { LM_BENCH_STEP_TIMES = 10 };

/* Is the text of --match in the name? */
bool lm_bench_wants(const lm_bench *b, const char *name);

/* What is measured: run once for warmth, then prepare (not timed; may be NULL) and run again and
 * again for about `seconds`, at least a few times, the peak measured briefly now and then. Where
 * memory's speed moves from one second to the next, `limit` measures what is possible just then, in
 * turns with the repetitions, and takes the peak's place. */
typedef struct lm_bench_subject {
    void (*prepare)(void *argument);
    void (*run)(void *argument);
    void *argument;
    lm_bench_peak peak;
    double (*limit)(void *argument); /* work per second, measured now; NULL: the peak is it */
    double seconds;
} lm_bench_subject;

/* What was measured beside a subject. */
typedef struct lm_bench_beside {
    lm_bench_attempt attempt; /* the mean of the peak or the limit, 0: neither; marks of the host */
    double limit;             /* the best of the subject's limit; 0: it has none */
    double allowed;           /* work that it would have done in a repetition's time, median */
} lm_bench_beside;

/* *times is overwritten; count 0: a signal came first. *beside may be NULL. */
void lm_bench_measure(lm_bench *b, const lm_bench_subject *s, lm_bench_times *times,
                      lm_bench_beside *beside);
/* The word's time now; the best of the run is kept in b->word. 0: not known. */
double lm_bench_measure_word(lm_bench *b);
/* The same into row->times, again when the row fell, and compares it; fills row->peak too. */
void lm_bench_measure_row(lm_bench *b, const lm_bench_subject *s, lm_bench_row *row);

#endif
