/* Inside the room: what every section measures and reports with. */
#ifndef LM_BENCH_HARNESS_H
#define LM_BENCH_HARNESS_H

#include <cjson/cJSON.h>

#include "base/json.h"
#include "bench/bench.h"
#include "ops/session.h"

/* What the machine can do: what rows are shares of. */
typedef enum lm_bench_peak {
    LM_BENCH_PEAK_F32,    /* FLOP/s of multiply-adds on all threads */
    LM_BENCH_PEAK_BF16,   /* FLOP/s of what gemm_bf16 is made of */
    LM_BENCH_PEAK_MEMORY, /* bytes/s of y += x in memory: 12 an element */
    LM_BENCH_PEAK_F32_ONE,
    LM_BENCH_PEAK_BF16_ONE,
    LM_BENCH_PEAK_MEMORY_ONE, /* on one thread */
    LM_BENCH_PEAKS
} lm_bench_peak;

typedef struct lm_bench_times {
    int count;
    double median, best; /* seconds */
    double spread;       /* half the distance of the quartiles / median */
    double peak;         /* mean of the looks at it between repetitions; 0: there were none */
} lm_bench_times;

/* Of a row beside the recorded one (compare.h). */
typedef enum lm_bench_verdict {
    LM_BENCH_AGAIN, /* not known yet: to be measured again */
    LM_BENCH_HELD,
    LM_BENCH_FELL,
    LM_BENCH_NOISE,
} lm_bench_verdict;
const char *lm_bench_verdict_name(lm_bench_verdict verdict);

typedef struct lm_bench_row {
    lm_bench_section section;
    char name[64]; /* unique in its section */
    lm_bench_times times;
    double work;           /* FLOP of a repetition, or bytes */
    bool moves;            /* it is bytes */
    double peak;           /* the same a second; 0: this row is a peak itself */
    double scalar_seconds; /* the best of the scalar version; 0: not measured */
    double of_plain;       /* share over the plain run's; 0: not measured */
    double recorded;       /* best_share, of kernels times_scalar; NAN: none */
    int measured;          /* times, of which `times` are the best */
    lm_bench_verdict verdict;
    lm_text json;  /* an object of further members (LM_JSON_LINE); empty: none */
    lm_text table; /* further lines */
} lm_bench_row;

typedef struct lm_bench {
    const lm_bench_options *o;
    int threads;
    lm_session session;           /* on all threads; sections reserve and free its scratch */
    lm_pool *one;                 /* of one thread */
    double peaks[LM_BENCH_PEAKS]; /* best so far; 0: not measured yet */
    double *samples;              /* [LM_BENCH_SAMPLES] */
    lm_text json;
    lm_json_writer writer; /* of json */
    cJSON *recorded;       /* of o->compare */
    int compared;          /* rows */
    lm_text fallen;        /* rows that fell, a line each */
    lm_text noise;         /* rows that cannot be judged, likewise */
} lm_bench;

enum { LM_BENCH_SAMPLES = 20000 };
/* Steps take longer than kernels: this many times as long. */
enum { LM_BENCH_STEP_TIMES = 10 };

/* A signal came. */
bool lm_bench_stopped(void);
bool lm_bench_wants(const lm_bench *b, const char *name);
/* Overwrites the order of samples. */
lm_bench_times lm_bench_summarise(double *samples, int count);

/* ---- peaks ------------------------------------------------------------------------------------*/

/* The best so far; measured now when it is not known. 0 for memory of which there is too little. */
double lm_bench_peak_of(lm_bench *b, lm_bench_peak peak);
/* Of arithmetic at a precision, on all threads. */
lm_bench_peak lm_bench_peak_at(lm_precision precision);
/* A short look at a peak of arithmetic (at memory: none, 0), which counts when it is the best so far. */
double lm_bench_look(lm_bench *b, lm_bench_peak peak);
/* Any peak, measured now; likewise. */
double lm_bench_peak_now(lm_bench *b, lm_bench_peak peak);

/* ---- rows -------------------------------------------------------------------------------------*/

/* What is measured: run once for warmth, then prepare (not timed; may be NULL) and run again and
 * again for about `seconds`, at least a few times, with a look at the peak now and then. */
typedef struct lm_bench_subject {
    void (*prepare)(void *argument);
    void (*run)(void *argument);
    void *argument;
    lm_bench_peak peak;
    double seconds;
} lm_bench_subject;

/* *times is overwritten; count 0: a signal came first. */
void lm_bench_measure(lm_bench *b, const lm_bench_subject *s, lm_bench_times *times);
/* The same into row->times, again when the row fell, and compares it; fills row->peak too. */
void lm_bench_measure_row(lm_bench *b, const lm_bench_subject *s, lm_bench_row *row);

/* Prints the row, or adds it to the JSON object, and frees its texts. A row without times, since a
 * signal came first, is left out. */
lm_status lm_bench_report(lm_bench *b, lm_bench_row *row, lm_error *err);
/* A row that cannot be measured here, and why. */
lm_status lm_bench_skip(lm_bench *b, const char *name, const char *why, lm_error *err);
/* A section begins: a heading and the columns, or an array in JSON. */
lm_status lm_bench_begin(lm_bench *b, lm_bench_section section, const char *about, lm_error *err);
void lm_bench_end(lm_bench *b);

/* o->compare, read into b->recorded. */
lm_status lm_bench_read_recorded(lm_bench *b, lm_error *err);
/* The result of the comparison, when there was one. */
lm_status lm_bench_judge(lm_bench *b, lm_error *err);

/* ---- sections ---------------------------------------------------------------------------------*/
lm_status lm_bench_machine(lm_bench *b, lm_error *err);
lm_status lm_bench_kernels(lm_bench *b, lm_error *err);
lm_status lm_bench_gemm(lm_bench *b, lm_error *err);
lm_status lm_bench_layers(lm_bench *b, lm_error *err);
lm_status lm_bench_step(lm_bench *b, lm_error *err);
lm_status lm_bench_model_options(lm_bench *b, lm_error *err);

#endif
