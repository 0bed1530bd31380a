#include "optim/lazy.h"

/* Elements of a task, which lie far from each other. */
enum { PIECE = 4096 };

/* The first of l's lines that is not below `line`. */
static int64_t find_line(const lm_lines *l, int64_t line) {
    int64_t low = 0, high = l->count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (lm_lines_at(l, middle) < line)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t lm_lazy_cut(lm_lazy *z, int64_t n, const lm_lines *lines) {
    int64_t tasks = 0;
    for (lm_lazy *at = z; at < z + n; at++) {
        at->reached = lines ? lines[at->row] : (lm_lines){0};
        if (!at->reached.at) at->reached.count = at->lines;
        at->begin = find_line(&at->reached, at->first / at->columns);
        at->end = find_line(&at->reached, lm_divide_up(at->first + at->count, at->columns));
        at->chunk = lm_max(PIECE / at->columns, 1);
        at->tasks = lm_divide_up(at->end - at->begin, at->chunk);
        tasks += at->tasks;
    }
    return tasks;
}

void lm_lazy_run(const lm_lazy *z, int64_t task, lm_lazy_update *update, const void *argument) {
    for (; task >= z->tasks; z++) task -= z->tasks;
    int64_t i = z->begin + task * z->chunk, end = lm_min(i + z->chunk, z->end);
    for (int64_t n; i < end; i += n) {
        int64_t line = lm_lines_at(&z->reached, i);
        for (n = 1; i + n < end && lm_lines_at(&z->reached, i + n) == line + n;) n++;
        int64_t first = lm_max(line * z->columns, z->first);
        int64_t last = lm_min((line + n) * z->columns, z->first + z->count);
        update(argument, z->unit, first, last - first);
    }
}
