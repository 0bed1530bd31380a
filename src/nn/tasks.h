/* How passes over rows are cut into tasks. Inside the room. */
#ifndef LM_NN_TASKS_H
#define LM_NN_TASKS_H

#include "base/numbers.h"
#include "ops/compute.h"

/* Elements that a task reads, changes and writes: about 5 us, several times what waking a worker
 * costs. */
enum { LM_TASK_ELEMENTS = 16384 };
/* Fewer where many shares would have less than two tasks each, down to about 1 us. */
enum { LM_TASK_LEAST_ELEMENTS = 4096 };

/* Rows per task, of `rows` rows of so many elements each. */
static inline int64_t lm_task_rows(const lm_compute *compute, int64_t rows, int64_t elements) {
    int64_t each = lm_max(elements, 1), shares = lm_pool_shares(compute->pool);
    int64_t fair = lm_max(rows * each / (2 * shares), LM_TASK_LEAST_ELEMENTS);
    return lm_max(lm_min(LM_TASK_ELEMENTS, fair) / each, 1);
}

#endif
