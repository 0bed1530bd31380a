/* Sums over tokens, window by window.
 *
 * What a step adds up over its tokens (gradients of biases and of norms' weights) must not depend
 * on how many windows are computed at once. So each sum is one chain of additions: from call to
 * call, window after window in the order of the samples, and in a window over its tokens, or over
 * chunks of them that the window's shape alone cuts. Inside the room. */
#ifndef LM_NN_SUMS_H
#define LM_NN_SUMS_H

#include "ops/array.h"

/* out[j] += x[0,j] + x[1,j] + ...: one addition per row, rows rising; x [rows, n], row stride
 * x_row. Columns are shared out among the workers, which changes no bit. */
void lm_sum_rows(const lm_compute *compute, int64_t rows, int64_t n, lm_array x, int64_t x_row,
                 float *out);

/* Sums that are too long for one chain: a window's tokens are cut into chunks, each with sums of
 * its own that begin at 0; then out += the sums of the chunks, in order. */
typedef struct lm_token_sums {
    int64_t tokens;   /* of all windows */
    int64_t window;   /* tokens per window, which divides them; 0: they are one window */
    int64_t elements; /* per token: decides how many tokens a chunk has */
    int64_t width;    /* elements of the sum */
    int64_t width_1;  /* of a second one; 0: as many */
    float *out[2];    /* the sums [width], accumulated into; [1] NULL: there is only one */
    /* Adds up tokens first .. first+count-1 of one window; sums [width], and behind it the second
     * one, begin at 0. */
    void (*add)(void *argument, int64_t first, int64_t count, int worker, float *sums);
    void *argument;
} lm_token_sums;

/* Takes room for sums from worker 0's scratch at `room`: any worker may get a chunk, and afterwards
 * its sums must be found in the order of the chunks. */
void lm_token_sums_run(const lm_compute *compute, const lm_token_sums *s, lm_arena *room);
/* Takes that room, for the wider of two sums; the code that measures scratch calls it too. */
float *lm_token_sums_take(lm_arena *room, int64_t width);

#endif
