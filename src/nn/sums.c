#include "nn/sums.h"

#include <string.h>

#include "base/error.h"
#include "nn/tasks.h"

/* ---- sums over rows -------------------------------------------------------------------------- */
/* Columns per task: one worker sums a column, rows rising. Fewer where there are more threads than
 * such tasks, down to a line of memory. */
enum { COLUMNS = 64, LEAST_COLUMNS = 16 };

typedef struct rows_job {
    const lm_kernels *kernels;
    int64_t rows, n, chunk;
    lm_array x;
    int64_t x_row;
    float *out;
} rows_job;

static void rows_task(void *argument, int64_t task, int worker) {
    const rows_job *j = argument;
    int64_t begin = task * j->chunk, n = lm_min(j->n - begin, j->chunk);
    lm_array x = lm_array_from(j->x, begin);
    (void)worker;
    if (x.type == LM_BF16)
        j->kernels->sum_rows_bf16(j->rows, n, x.at, j->x_row, j->out + begin);
    else
        j->kernels->sum_rows_f32(j->rows, n, x.at, j->x_row, j->out + begin);
}

static int64_t columns_per_task(const lm_compute *compute, int64_t rows, int64_t n) {
    int64_t columns = COLUMNS, threads = lm_pool_threads(compute->pool);
    if (rows * n <= LM_TASK_ELEMENTS) return n;
    while (columns > LEAST_COLUMNS && n < columns * threads) columns /= 2;
    return columns;
}

void lm_sum_rows(const lm_compute *compute, int64_t rows, int64_t n, lm_array x, int64_t x_row,
                 float *out) {
    rows_job j = {.kernels = compute->kernels,
                  .rows = rows,
                  .n = n,
                  .chunk = columns_per_task(compute, rows, n),
                  .x = x,
                  .x_row = x_row,
                  .out = out};
    if (n > 0) lm_pool_run(compute->pool, lm_divide_up(n, j.chunk), rows_task, &j);
}

/* ---- sums over the tokens of windows --------------------------------------------------------- */
/* A window has at most MOST_CHUNKS chunks of at least MIN_TOKENS tokens, beside which clearing and
 * adding the chunk's sums costs little. Both are part of the arithmetic. */
enum { MOST_CHUNKS = 32, MIN_TOKENS = 16 };
/* The sums of the chunks at hand fit this (1 MB stays in the caches), or are MOST_CHUNKS long ones.
 * It is no part of the arithmetic. */
enum { MOST_SUMS = 1 << 18 };

typedef struct sums_job {
    const lm_token_sums *s;
    int64_t window; /* tokens */
    int64_t chunks; /* of a window */
    int64_t tokens; /* of a chunk; the last of a window may have fewer */
    int64_t first;  /* of the chunks at hand, which are counted through all windows */
    int64_t count;  /* of them */
    int64_t task;   /* chunks per task */
    int64_t floats; /* of a chunk's sums */
    float *sums;    /* [count, floats] */
} sums_job;

static void sums_task(void *argument, int64_t task, int worker) {
    const sums_job *j = argument;
    const lm_token_sums *s = j->s;
    int64_t end = lm_min((task + 1) * j->task, j->count);
    for (int64_t i = task * j->task; i < end; i++) {
        int64_t window = (j->first + i) / j->chunks, from = (j->first + i) % j->chunks * j->tokens;
        float *sums = j->sums + i * j->floats;
        memset(sums, 0, (size_t)j->floats * sizeof *sums);
        s->add(s->argument, window * j->window + from, lm_min(j->window - from, j->tokens), worker,
               sums);
    }
}

static int64_t room_floats(int64_t width) {
    return lm_max(MOST_SUMS, 2 * MOST_CHUNKS * width);
}

float *lm_token_sums_take(lm_arena *room, int64_t width) {
    return lm_arena_floats(room, room_floats(width));
}

/* Cuts a window into chunks, and chunks into tasks. */
static void cut(sums_job *j) {
    const lm_token_sums *s = j->s;
    int64_t wanted = lm_min(j->window * s->elements / LM_TASK_ELEMENTS, j->window / MIN_TOKENS);
    j->tokens = lm_divide_up(j->window, lm_max(lm_min(wanted, MOST_CHUNKS), 1));
    j->chunks = lm_divide_up(j->window, j->tokens);
    j->task = lm_max(LM_TASK_ELEMENTS / lm_max(j->tokens * s->elements, 1), 1);
}

void lm_token_sums_run(const lm_compute *compute, const lm_token_sums *s, lm_arena *room) {
    const int64_t second = !s->out[1] ? 0 : s->width_1 > 0 ? s->width_1 : s->width;
    const int64_t widest = lm_max(s->width, second);
    sums_job j = {.s = s, .window = s->window > 0 ? s->window : s->tokens};
    if (s->tokens == 0) return;
    LM_ASSERT(s->tokens % j.window == 0);
    cut(&j);
    j.floats = s->width + second;
    j.sums = lm_token_sums_take(room, widest);
    int64_t all = s->tokens / j.window * j.chunks, most = room_floats(widest) / j.floats;
    for (; j.first < all; j.first += most) {
        j.count = lm_min(all - j.first, most);
        lm_pool_run(compute->pool, lm_divide_up(j.count, j.task), sums_task, &j);
        lm_sum_rows(compute, j.count, s->width, lm_array_f32(j.sums), j.floats, s->out[0]);
        lm_sum_rows(compute, j.count, second, lm_array_f32(j.sums + s->width), j.floats, s->out[1]);
    }
}
