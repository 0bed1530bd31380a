/* How passes over rows are cut into tasks. Inside the room. */
#ifndef LM_NN_TASKS_H
#define LM_NN_TASKS_H

#include "base/numbers.h"

/* Elements that a task reads, changes and writes: about 5 us, several times what waking a worker
 * costs. */
enum { LM_TASK_ELEMENTS = 16384 };

/* Rows per task, of so many elements each. */
static inline int64_t lm_task_rows(int64_t elements) {
    return lm_max(LM_TASK_ELEMENTS / lm_max(elements, 1), 1);
}

/* Sums over rows are part of the arithmetic: the shape alone cuts the rows into chunks, each with
 * sums of its own, which are then added in order. There are at most LM_SUM_CHUNKS, because all
 * their sums must fit the scratch of one worker. */
enum { LM_SUM_CHUNKS = 32 };

typedef struct lm_sum_chunks {
    int64_t count;
    int64_t rows; /* per chunk; the last may have fewer */
} lm_sum_chunks;

/* rows > 0, of so many elements each. */
static inline lm_sum_chunks lm_sum_chunks_of(int64_t rows, int64_t elements) {
    int64_t wanted = lm_min(lm_max(rows * elements / LM_TASK_ELEMENTS, 1), LM_SUM_CHUNKS);
    int64_t each = lm_divide_up(rows, wanted);
    return (lm_sum_chunks){.count = lm_divide_up(rows, each), .rows = each};
}

#endif
