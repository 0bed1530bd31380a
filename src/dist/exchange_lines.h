/* The sum of the gradients of tables over processes, of which the windows of a step reach few lines
 * (n-gram tables): only lines that are reached travel.
 *
 *     lm_exchange_lines_create(&e, &x, lanes, tables, n, err);
 *     ... the sums of this rank's own subtrees are there; lines that it does not reach are 0 ...
 *     lm_exchange_lines_tell(&e, own, err);                // own [n]: which lines it reaches
 *     ... reached: the lines of a table that any rank reaches, by e.told ...
 *     lm_exchange_lines_sum(&e, &compute, table, reached, trees, sum, err);   // for each table
 *     lm_exchange_lines_free(&e);
 *
 * Each rank sends, of each of its subtrees, the lines that it reaches to all others; every rank
 * adds them in the order of the tree (exchange.h), a line that a subtree does not reach as zeros.
 * So the sum has the bits of one process, which adds whole tables. All ranks have all of it, and
 * each makes the same update of all lines: tables and their states are whole in every rank, and no
 * weights travel. A rank with h subtrees that reaches n lines of C columns sends
 *
 *     (P - 1) (4 n + 4 h n C) bytes
 *
 * where slices would take 4 h n C (P-1)/P of gradients and, since ranks reach different lines, up
 * to 4 n C (P-1) of weights. Lines go in blocks, so that the memory for what arrives is small.
 * All functions are for the thread that drives the pool, outside of pool tasks. */
#ifndef LM_DIST_EXCHANGE_LINES_H
#define LM_DIST_EXCHANGE_LINES_H

#include "dist/exchange.h"
#include "ops/lines.h"

/* A table in the flat arrays. */
typedef struct lm_exchange_table {
    int64_t offset, lines, columns;
    int64_t most; /* lines that one rank reaches in a step, at most */
} lm_exchange_table;

/* Room for a block of lines. */
typedef struct lm_exchange_lines_slot {
    lm_comm_batch *way;
    int64_t first, count; /* of the lines that any rank reaches */
    int32_t **where;      /* [ranks][block]: which of a rank's lines it is; -1: it has none */
    int64_t *counts;      /* [ranks]: lines of each */
    float **ranks;        /* [ranks]: [subtrees][counts][columns] */
    float *leaving;       /* the same of this rank, while others receive it */
} lm_exchange_lines_slot;

enum { LM_EXCHANGE_LINES_SLOTS = 2, LM_EXCHANGE_TABLES_MOST = 8 };

typedef struct lm_exchange_lines {
    const lm_exchange *x; /* NULL: there are no tables */
    int64_t lanes;
    lm_exchange_table tables[LM_EXCHANGE_TABLES_MOST]; /* [n] */
    int64_t n, block;                                  /* lines of a block, at most */
    int64_t *counts;                                   /* [ranks][n] */
    size_t *bytes;                                     /* [ranks + 1]: whose lists are where in: */
    int32_t *lists; /* of rank 0 for each table, of rank 1, ... */
    lm_lines *told; /* [ranks][n]: the lists */
    int64_t *at;    /* [ranks]: so many of its list are in blocks */
    float *zeros;   /* a line */
    lm_exchange_lines_slot slot[LM_EXCHANGE_LINES_SLOTS];
    lm_arena arena;
} lm_exchange_lines;

/* Bytes that create allocates for what is sent and arrives; 0 for one process or without tables. */
uint64_t lm_exchange_lines_bytes(int64_t lanes, int ranks, int rank,
                                 const lm_exchange_table *tables, int64_t n);
/* x, which must outlive it, and lanes as for lm_exchange_create. LM_ERR_RUNTIME without memory. */
lm_status lm_exchange_lines_create(lm_exchange_lines *e, const lm_exchange *x, int64_t lanes,
                                   const lm_exchange_table *tables, int64_t n, lm_error *err);
void lm_exchange_lines_free(lm_exchange_lines *e); /* zero-initialised or twice is fine */

/* own [n]: the lines that this rank's lanes reach, listed; they are copied. Afterwards e->told has
 * those of all ranks, until it is called again. */
lm_status lm_exchange_lines_tell(lm_exchange_lines *e, const lm_lines *own, lm_error *err);
/* reached: the lines that any rank has told of, listed. trees: this rank's subtrees, flat, as
 * lm_lanes_trees lists them. sum, flat: overwritten in these lines of the table; it may be the sum
 * of one of the trees. Allocates nothing after the first steps. */
lm_status lm_exchange_lines_sum(lm_exchange_lines *e, const lm_compute *compute, int64_t table,
                                lm_lines reached, const lm_lanes_tree *trees, float *sum,
                                lm_error *err);

#endif
