/* Rotary position embedding (Su et al. 2021), half-split pairs: of the first R of a head's D
 * channels, channel j < R/2 turns with j + R/2 by the angle position * f_j. With
 * g = theta^(-2j/R), f_j is
 *
 *     g             none
 *     g / factor    linear (Chen et al. 2023)
 *
 * and for llama3 (Grattafiori et al. 2024, as Hugging Face's transformers states it) short waves
 * stay, long ones are slowed down, and between the two the change is gradual: with
 * n = original_context g / (2 pi), the turns within the original context,
 *
 *     g             n > high
 *     g / factor    n < low
 *     (1 - s) g / factor + s g,  s = (n - low) / (high - low),  in between */
#ifndef LM_NN_ROPE_H
#define LM_NN_ROPE_H

#include "ops/array.h"

typedef enum lm_rope_scaling {
    LM_ROPE_SCALING_NONE,
    LM_ROPE_SCALING_LINEAR,
    LM_ROPE_SCALING_LLAMA3,
    LM_ROPE_SCALING_COUNT
} lm_rope_scaling;
const char *lm_rope_scaling_name(int kind); /* "none", "linear", "llama3"; NULL past the end */

typedef struct lm_rope_frequencies {
    int64_t turned; /* R, even */
    double theta;
    int scaling;      /* lm_rope_scaling; what follows is of linear (factor) and llama3 (all) */
    double factor;    /* > 0 */
    double low, high; /* 0 < low < high */
    int64_t original_context;
} lm_rope_frequencies;

double lm_rope_frequency(const lm_rope_frequencies *f, int64_t j); /* f_j */
/* cos, sin [positions, R/2], computed in double (base/elementary.h) and rounded once. */
void lm_rope_table(const lm_rope_frequencies *f, int64_t positions, float *cos, float *sin);

typedef struct lm_rope {
    int64_t batch, time, heads, head_size; /* B, T, heads that turn, D */
    int64_t turned;                        /* R <= D */
    int64_t row;                           /* row stride of x */
    const float *cos, *sin;                /* [T, R/2]: the table from the first position on */
} lm_rope;

/* Turns the heads at x of every token in place: row (b,t) at x + (b*T+t)*row. Backward turns the
 * gradient dx the other way round. Then all of each row is stored in `out`, an array of rows like
 * x. `out` may be x itself as fp32; out.at NULL: nothing is stored. */
void lm_rope_forward(const lm_compute *compute, const lm_rope *r, float *x, lm_array out);
void lm_rope_backward(const lm_compute *compute, const lm_rope *r, float *dx, lm_array out);
/* Scratch bytes per worker, for backward. */
size_t lm_rope_scratch_bytes(int64_t turned);

#endif
