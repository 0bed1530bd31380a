#include "optim/clip.h"

#include <math.h>

#define RUN    ((int64_t)LM_NORM_RUN) /* elements summed in single precision, before double */
#define CHUNKS 64                     /* at most, each a multiple of RUN */

/* Elements of a chunk. */
static int64_t chunk_of(int64_t count) {
    return lm_divide_up(lm_divide_up(count, RUN), CHUNKS) * RUN;
}

typedef struct squares {
    const lm_compute *compute;
    const float *x;
    int64_t count, chunk;
    double sums[CHUNKS];
} squares;

static void squares_task(void *argument, int64_t task, int worker) {
    (void)worker;
    squares *n = argument;
    int64_t end = lm_min((task + 1) * n->chunk, n->count);
    double sum = 0;
    /* Single precision within a short run, double across runs: hundreds of millions of squares are
     * added without losing the small ones. */
    for (int64_t i = task * n->chunk; i < end; i += RUN)
        sum += (double)n->compute->kernels->sum_squares_f32(lm_min(end - i, RUN), n->x + i);
    n->sums[task] = sum;
}

double lm_sum_squares(const lm_compute *compute, int64_t count, const float *x) {
    squares n = {.compute = compute, .x = x, .count = count};
    if (count == 0) return 0;
    n.chunk = chunk_of(count);
    int64_t tasks = lm_divide_up(count, n.chunk);
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_OPTIMIZER);
    lm_pool_run(compute->pool, tasks, squares_task, &n);
    lm_phase_leave(compute->phases, before);
    double sum = 0;
    for (int64_t i = 0; i < tasks; i++) sum += n.sums[i];
    return sum;
}

double lm_gradient_norm(const lm_compute *compute, int64_t count, const float *x) {
    return sqrt(lm_sum_squares(compute, count, x));
}

enum { LINES = 1024, LINE_PART = 64 }; /* at a time; of a task */
typedef struct lines_job {
    const lm_compute *compute;
    const float *x;
    int64_t columns, first, count; /* of the list */
    lm_lines lines;
    double sums[LINES];
} lines_job;

static void lines_task(void *argument, int64_t task, int worker) {
    lines_job *j = argument;
    int64_t end = lm_min((task + 1) * LINE_PART, j->count), c = j->columns;
    (void)worker;
    for (int64_t i = task * LINE_PART; i < end; i++) {
        const float *line = j->x + lm_lines_at(&j->lines, j->first + i) * c;
        j->sums[i] = 0;
        for (int64_t k = 0; k < c; k += RUN)
            j->sums[i] +=
                (double)j->compute->kernels->sum_squares_f32(lm_min(c - k, RUN), line + k);
    }
}

double lm_gradient_line_squares(const lm_compute *compute, int64_t rows, int64_t columns,
                                const float *x, lm_lines lines) {
    lines_job j = {.compute = compute, .x = x, .columns = columns, .lines = lines};
    int64_t count = lines.at ? lines.count : rows;
    double sum = 0;
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_OPTIMIZER);
    for (; j.first < count; j.first += j.count) {
        j.count = lm_min(count - j.first, LINES);
        lm_pool_run(compute->pool, lm_divide_up(j.count, LINE_PART), lines_task, &j);
        for (int64_t i = 0; i < j.count; i++) sum += j.sums[i];
    }
    lm_phase_leave(compute->phases, before);
    return sum;
}

typedef struct runs {
    const lm_compute *compute;
    const float *x;
    int64_t count, first;
    double *sums;
} runs;

static void runs_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const runs *r = argument;
    int64_t at = (r->first + task) * RUN;
    r->sums[task] =
        (double)r->compute->kernels->sum_squares_f32(lm_min(r->count - at, RUN), r->x + at);
}

void lm_norm_sums(const lm_compute *compute, int64_t count, const float *x, int64_t first,
                  int64_t n, double *sums) {
    runs r = {.compute = compute, .x = x, .count = count, .first = first, .sums = sums};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_OPTIMIZER);
    lm_pool_run(compute->pool, n, runs_task, &r);
    lm_phase_leave(compute->phases, before);
}

double lm_norm_of_sums(int64_t count, const double *sums) {
    const int64_t n = lm_divide_up(count, RUN), chunk = count > 0 ? chunk_of(count) / RUN : 1;
    double all = 0;
    for (int64_t i = 0; i < n; i += chunk) {
        double sum = 0;
        for (int64_t k = i; k < lm_min(i + chunk, n); k++) sum += sums[k];
        all += sum;
    }
    return sqrt(all);
}

double lm_clip_scale(double norm, double clip_norm) {
    return clip_norm > 0 && norm > clip_norm ? clip_norm / norm : 1;
}
