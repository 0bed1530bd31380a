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

#endif
