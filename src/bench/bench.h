/* How fast lmtrain is on this machine, as shares of what the machine can do.
 *
 *     lm_bench_options o = {.sections = LM_BENCH_USUAL, .isas = lm_cpu_detect(), ...};
 *     lm_bench_run(&o, err);
 *
 * Sections: `machine` measures the peaks that everything else is a share of; `kernels` every row of
 * kernels/list.h on one thread in cache, beside its scalar version; `gemm` the matrix shapes of
 * training steps; `layers` attention, the loss head and the rest of a step; `step` whole training
 * steps (batch, forward, backward, clip, update: the code that trains, train/step.c), with their
 * time by phase; `generate` a prompt, and tokens one by one; `optimizers` updates by element,
 * beside what memory allows; `options` what each option of the model costs per step, each measured
 * in turns with the plain run; `regions` the parallel regions of a step, their tasks and waiting,
 * and how long the step would take on 8, 32 and 128 cores.
 *
 * Each row is run again and again for about `seconds`, at least a few times; shown are the median,
 * the spread (half the distance between the quartiles, as a share of the median) and the best. The
 * peak is measured again between repetitions and its best counts, because whatever else the machine
 * does slows both. */
#ifndef LM_BENCH_BENCH_H
#define LM_BENCH_BENCH_H

#include "base/text.h"
#include "machine/caches.h"
#include "machine/cpu.h"

typedef enum lm_bench_section {
    LM_BENCH_MACHINE,
    LM_BENCH_KERNELS,
    LM_BENCH_GEMM,
    LM_BENCH_LAYERS,
    LM_BENCH_STEP,
    LM_BENCH_GENERATE,
    LM_BENCH_OPTIMIZERS,
    LM_BENCH_OPTIONS, /* from here on only when asked for: LM_BENCH_USUAL */
    LM_BENCH_REGIONS,
    LM_BENCH_SECTIONS
} lm_bench_section;
#define LM_BENCH_USUAL ((1u << LM_BENCH_OPTIONS) - 1u) /* the others take minutes */
const char *lm_bench_section_name(int section); /* "machine", "kernels", ...; NULL past the end */

/* A built-in config of the step section; NULL past the end. */
const char *lm_bench_preset_name(int preset);

typedef struct lm_bench_options {
    unsigned sections; /* bit 1 << section */
    int threads;       /* 0: all usable CPUs */
    lm_isa_mask isas;
    const lm_caches *caches;      /* choose blocks of products by these; NULL: this machine's */
    double seconds;               /* about how long each row is repeated */
    const char *match;            /* only rows whose name contains it; "": all (not of steps) */
    const char *config;           /* the run config of steps and options; NULL: the presets */
    int preset;                   /* only this one; -1: all (of options: the small ones; of
                                    optimizers: the largest) */
    const char *const *overrides; /* "key.path=value" for these configs */
    int n_overrides;
    bool json;           /* one object at the end instead of tables on the way */
    const char *compare; /* path of such an object: a row that fell is an error; NULL: none */
    const char *record;  /* path of such an object that the rows go into (merge.h); NULL: none */
    lm_status (*print)(const lm_text *text, lm_error *err);
} lm_bench_options;

/* Rows of kernels are compared by their speed over that of the scalar version, others by their best
 * share of the peak. A row that is more than LM_BENCH_TOLERANCE lower than in `compare` is measured
 * again a few times, the peak beside it too, and the best counts. What is still lower, in quiet, is
 * named in the error, LM_ERR_RUNTIME; what was lower only while the host did not leave the machine
 * alone (the peak was 5% lower too, or the row is marked: host.h) is named as noise, which is no
 * error (compare.h). Rows of `compare` that were not measured are counted in
 * a line. LM_ERR_USAGE when no row that was measured has the text of `match` in its name. SIGINT
 * and SIGTERM end the run after the repetition at hand; what is measured so far is printed, and
 * `record` stays as it was: LM_ERR_INTERRUPTED. Not both of `compare` and `record`. From a thread
 * that owns no pool. */
#define LM_BENCH_TOLERANCE 0.15
lm_status lm_bench_run(const lm_bench_options *options, lm_error *err);

#endif
