/* A file of rows, as --json prints them and --compare reads them, into which each run puts what it
 * measured: so the parts of a record can be measured one after another, each when the machine is
 * quiet.
 *
 *     lm_bench_merge m = {0};
 *     lm_bench_merge_open(&m, "recorded.json", &machine, err);     // before anything is measured
 *     ... measure; json is what --json prints ...
 *     lm_bench_merge_write(&m, json, size, word, whole, &said, err);
 *     lm_bench_merge_free(&m);
 *
 * What disturbs a machine makes it slower, so of two rows of the same section and name the one that
 * was measured in quiet (host.h) stays, and of two such, or two that are marked, the faster; of the
 * words' times the shortest, whenever in a run it was measured. So several runs give the best of
 * each row; to begin anew, remove the file. Rows without a figure to compare are replaced, rows
 * that were not measured stay. */
#ifndef LM_BENCH_MERGE_H
#define LM_BENCH_MERGE_H

#include "base/text.h"
#include "bench/bench.h"
#include "containers/json_tree.h"

/* What all rows of a file have in common. */
typedef struct lm_bench_maker {
    const char *cpu, *isas;
    int threads;
} lm_bench_maker;

typedef struct lm_bench_merge {
    const char *path;
    lm_text text;       /* of the file */
    lm_json_node *root; /* NULL: there is no file yet */
    double word;        /* seconds, on record; 0: none (machine/word.h) */
} lm_bench_merge;

/* path is kept. LM_ERR_USAGE when the file's rows are of another CPU, instruction sets or number of
 * threads; LM_ERR_RUNTIME when it is not such a file, or cannot be written. Free it after a failure
 * too. */
lm_status lm_bench_merge_open(lm_bench_merge *m, const char *path, const lm_bench_maker *maker,
                              lm_error *err);
/* Replaces the file. word: the shortest that the run knows, seconds; 0: none. whole: the run
 * measured every row of its sections, so that others of the same sections are those of an older
 * lmtrain, and are dropped. What was done is appended to *said. */
lm_status lm_bench_merge_write(const lm_bench_merge *m, const char *json, size_t size, double word,
                               bool whole, lm_text *said, lm_error *err);
void lm_bench_merge_free(lm_bench_merge *m);

#endif
