/* The kernels: every inner loop of lmtrain, once as plain C (scalar/: the definition, the fallback
 * and the oracle of the tests) and once for each instruction set that makes it faster.
 *
 *     lm_kernels k;
 *     lm_kernels_fill(&k, lm_cpu_detect());       // the ladder: scalar, then each ISA in the mask
 *     k.layernorm_forward_f32(rows, n, ...);      // passed down, never global
 *
 * Where things are
 *   kernels.h      the contract: one function type per kernel, and the list of their names
 *   scalar/        the plain versions, one file per group
 *   v16/           the fast versions, in the same files, written once over sixteen lanes (v16.h)
 *                  and over registers (gemm.inc); the Makefile compiles the folder once per ISA
 *   avx2/ ...      one folder per ISA: its lanes (v16.h), its registers (vec.h), its tiles (isa.h),
 *                  what is written for it alone, and fill.c, which puts all that into the table
 *   list.c         one row per kernel, from which tests and `lmtrain bench` know how to call it
 * tests/bench/NOTES.md says what was tried for speed, what it brought and what it did not.
 *
 * A new kernel is a function type and a name below (under LM_KERNELS_PLAIN), its version in
 * scalar/, and its row in list.c. A fast version goes into v16/, and the name moves to
 * LM_KERNELS_FAST.
 *
 * Same bits on every ISA. Every version of a kernel returns exactly the bits of the scalar one,
 * and the tests compare with memcmp. That holds because each order of operations is fixed here:
 *   - fma(a, b, c) below means one rounding (fmaf, vfmadd); * and + elsewhere round each.
 *   - sum16: a sum over a row runs in 16 virtual lanes, element i into lane i mod 16, in rising i,
 *     each lane starting at +0; then lanes combine as a tree: lane j += lane j+8 (j<8), += j+4,
 *     += j+2, += j+1. sum16(f(i)) adds; dot16(x, y) is lane = fma(x[i], y[i], lane).
 *   - max16: lanes and tree as in sum16, lanes starting at -inf; a NaN anywhere gives NaN; +0 is
 *     added to a maximum before it is stored, so that it is never -0 or a denormal.
 *   - exp, sigmoid, ... are the project's own polynomials (kernels/scalar/functions.h has the
 *     coefficients and the error bounds), evaluated by the same fma chain everywhere; no libm.
 *   - sqrt and division are the IEEE ones; no approximate reciprocals.
 *   - denormals are flushed in and out (machine/fpmode.h).
 * Two gaps. A NaN result is some NaN: its payload and sign may differ (tests compare NaNs as
 * equal). And x86 decides after rounding whether a result is denormal, Arm before, so x86 keeps a
 * result that only rounding lifts to 2^-126, and Arm flushes it.
 *
 * Common to all: sizes are int64_t and may be 0; strides are in elements; pointers need only their
 * type's alignment; nothing beyond the stated elements is read or written; outputs do not alias
 * inputs unless the comment says "in place". Kernels know no threads: they may run at once on
 * disjoint outputs. */
#ifndef LM_KERNELS_KERNELS_H
#define LM_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bf16.h"
#include "base/rng.h"
#include "machine/cpu.h"

/* ---- GEMM --------------------------------------------------------------------------------------
 * C[m,n] = init[m,n] + A[m,k] B[k,n]: c_ij = fma(a_ik, b_kj, ... fma(a_i0, b_0j, init_ij)), k
 * rising. Each element is one unbroken chain, so that neither the tile sizes nor how k is cut into
 * blocks (the caller goes on with init = c) changes a bit.
 *   A element (i,k) at a[i*a_row + k*a_col]         (packed panel: a_row = 1, a_col = mr)
 *   B element (k,j) at b[k*b_row + j]               (packed panel: b_row = nr)
 *   init element (i,j) at init[i*init_row + j]; init_row = 0 repeats one row (a bias);
 *     init = NULL means zeros; init = c with init_row = c_row accumulates
 *   C element (i,j) at c[i*c_row + j], overwritten */
typedef void lm_kernel_gemm_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                                int64_t a_col, const float *b, int64_t b_row, const float *init,
                                int64_t init_row, float *c, int64_t c_row);

/* The same with bf16 operands in pairs along k (base/bf16.h), fp32 sums: pair p of A's row i and of
 * B's column j make two links of the chain, the second elements first:
 *     c = fma(a_i,2p+1, b_2p+1,j, c); c = fma(a_i,2p, b_2p,j, c)
 * which is what the hardware's dot product of pairs does (measured on Zen 4: equal on 96 million
 * lanes). `pairs` and the strides of a and b count pairs.
 *
 * Where there is no such instruction, lm_kernels.pairs_are_wide: gemm_f32 gives the same bits
 * sooner from pairs laid out wide, as two floats each, the second element first. Of half a pair the
 * first of the two floats is 0. */
typedef void lm_kernel_gemm_bf16(int64_t m, int64_t n, int64_t pairs, const lm_bf16_pair *a,
                                 int64_t a_row, int64_t a_col, const lm_bf16_pair *b, int64_t b_row,
                                 const float *init, int64_t init_row, float *c, int64_t c_row);

/* y_ij = init_j + dot16(x_i, w_j), x [n,k], w [m,k]; init NULL means zeros. y [n,m] overwritten.
 * k is filled up with zeros to a multiple of 16, so that each lane has as many links.
 * For generation: each row of y has the bits that it has alone, and w is read once; for one row of
 * x as LM_DOTS_STREAMS streams side by side, m / LM_DOTS_STREAMS rows from one to the next. */
enum { LM_DOTS_STREAMS = 4 };
typedef void lm_kernel_dots_f32(int64_t n, int64_t m, int64_t k, const float *x, int64_t x_row,
                                const float *w, int64_t w_row, const float *init, float *y,
                                int64_t y_row);
/* The same with bf16 operands: pair p of elements 2p and 2p+1 belongs to lane p mod 16 and makes
 * two links of its chain, those of gemm_bf16. k is filled up with zeros to a multiple of 32. */
typedef void lm_kernel_dots_bf16(int64_t n, int64_t m, int64_t k, const lm_bf16 *x, int64_t x_row,
                                 const lm_bf16 *w, int64_t w_row, const float *init, float *y,
                                 int64_t y_row);

/* The same for many rows of x, from panels: x in panels of LM_DOTS_PANEL_ROWS rows, w in panels of
 * 16, as the packing kernels below make them, zeros where there are no rows. A panel of width P is
 * [16 * links * each, P]. Word q of a row belongs to lane q / each mod 16; rows are filled up with
 * zeros to whole links. each = 1 gives the bits of dots_f32; each = 2, for pairs of bf16 laid out
 * wide, those of dots_bf16. y [n,m] overwritten. */
enum { LM_DOTS_PANEL_ROWS = 12 };
typedef void lm_kernel_dots_panels_f32(int64_t n, int64_t m, int64_t links, int each,
                                       const float *x, const float *w, const float *init, float *y,
                                       int64_t y_row);
/* Where there is an instruction for pairs: a word is a pair. */
typedef void lm_kernel_dots_panels_bf16(int64_t n, int64_t m, int64_t links, const lm_bf16_pair *x,
                                        const lm_bf16_pair *w, const float *init, float *y,
                                        int64_t y_row);

/* ---- packing and bf16 --------------------------------------------------------------------------
 * Lines of x (x_row == 1) lie far apart, so that the hardware does not foresee them: the kernels
 * prefetch LM_PACK_STEPS steps of k ahead (a step is a float, or a pair of bf16). A caller with
 * several panels side by side packs so many steps of every panel before it goes on along k. */
enum { LM_PACK_STEPS = 32 };

/* One panel: out[kk*width + i] = x[i*x_row + kk*x_col] for i < count, 0 for count <= i < width.
 * Fast when x_row == 1 (copies rows) and when x_col == 1 (transposes). */
typedef void lm_kernel_pack_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                int64_t x_row, int64_t x_col, float *out);

/* Panels of lines side by side: out[p*panel + kk*width + i] = x[p*width + i + kk*x_col] for
 * p < panels, i < width, kk < k. Several panels use a line of the cache while it is there; the
 * caller packs LM_PACK_STEPS steps at a time. */
typedef void lm_kernel_pack_lines_f32(int64_t panels, int64_t width, int64_t k, const float *x,
                                      int64_t x_col, float *out, int64_t panel);

/* One panel of pairs, rounded to nearest even: out[p*width + i] = (x_i,2p, x_i,2p+1) for
 * p < (k+1)/2, with x_i,kk = x[i*x_row + kk*x_col] for i < count and kk < k, 0 beyond. Fast when
 * x_row == 1 and when x_col == 1. */
typedef void lm_kernel_pack_bf16_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                          int64_t x_row, int64_t x_col, lm_bf16_pair *out);
/* The same panel from bf16, which needs no rounding. */
typedef void lm_kernel_pack_bf16_from_bf16(int64_t count, int64_t width, int64_t k,
                                           const lm_bf16 *x, int64_t x_row, int64_t x_col,
                                           lm_bf16_pair *out);

/* The same panels wide: out[2p*width + i] = x_i,2p+1 and out[(2p+1)*width + i] = x_i,2p, rounded to
 * bf16, as fp32. */
typedef void lm_kernel_pack_wide_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                          int64_t x_row, int64_t x_col, float *out);
typedef void lm_kernel_pack_wide_from_bf16(int64_t count, int64_t width, int64_t k,
                                           const lm_bf16 *x, int64_t x_row, int64_t x_col,
                                           float *out);
/* Rows of n as wide pairs, overwritten: y_i,2p = x_i,2p+1 and y_i,2p+1 = x_i,2p for p < (n+1)/2,
 * rounded to bf16, as fp32; 0 for an x beyond n. Strides x_row and y_row. */
typedef void lm_kernel_wide_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                                     float *y, int64_t y_row);
typedef void lm_kernel_wide_from_bf16(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row,
                                      float *y, int64_t y_row);

/* y_ij = x_ij rounded to nearest even (base/bf16.h), overwritten; rows of n, strides x_row and
 * y_row. */
typedef void lm_kernel_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                                     lm_bf16 *y, int64_t y_row);
/* y_i = x_i, overwritten. */
typedef void lm_kernel_f32_from_bf16(int64_t n, const lm_bf16 *x, float *y);

/* ---- vectors --------------------------------------------------------------------------------- */
typedef void lm_kernel_add_f32(int64_t n, const float *x, float *y); /* y += x */
typedef void lm_kernel_mul_f32(int64_t n, const float *x, float *y); /* y *= x */
typedef void lm_kernel_scale_f32(int64_t n, float a, float *x);      /* x *= a, in place */
/* y = fma(a, x, y) */
typedef void lm_kernel_add_scaled_f32(int64_t n, float a, const float *x, float *y);
/* y = fma(a, x - y, y): y moves by a share of the way to x. */
typedef void lm_kernel_lerp_f32(int64_t n, float a, const float *x, float *y);
typedef float lm_kernel_dot_f32(int64_t n, const float *x, const float *y); /* dot16(x, y) */
typedef float lm_kernel_sum_squares_f32(int64_t n, const float *x);         /* dot16(x, x) */
/* x[i,j] *= a[i], rows of n with stride x_row, in place. */
typedef void lm_kernel_scale_rows_f32(int64_t rows, int64_t n, const float *a, float *x,
                                      int64_t x_row);
/* out[j] += x[0,j] + x[1,j] + ...: one addition per row, rows rising; x has row stride x_row. */
typedef void lm_kernel_sum_rows_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                                    float *out);
/* The same for x in bf16, which widening does not change. */
typedef void lm_kernel_sum_rows_bf16(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row,
                                     float *out);
/* out_i = dot16(x_i, y_i) over rows of n, strides x_row and y_row; overwritten. */
typedef void lm_kernel_dot_rows_bf16(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row,
                                     const lm_bf16 *y, int64_t y_row, float *out);

/* ---- normalisation, one row of n per token ---------------------------------------------------
 * Ba, Kiros & Hinton 2016. mean = sum16(x)/n; var = dot16(x-mean, x-mean)/n; rstd =
 * 1/sqrt(var+eps); y = fma((x-mean)*rstd, weight, bias), or (x-mean)*rstd * weight where bias is
 * NULL. x, y [rows,n] contiguous; y and mean, rstd [rows] overwritten. */
typedef void lm_kernel_layernorm_forward_f32(int64_t rows, int64_t n, float eps, const float *x,
                                             const float *weight, const float *bias, float *y,
                                             float *mean, float *rstd);
/* With xhat = (x-mean)*rstd, g = dy*weight, a = sum16(g)/n, b = dot16(g, xhat)/n:
 * dx += rstd * ((g - a) - xhat*b), the bracket as fma(-xhat, b, g - a), the sum as
 * fma(rstd, bracket, dx); dweight = fma(dy, xhat, dweight), dbias += dy (NULL: none), rows
 * rising. dx, dweight, dbias are accumulated into. */
typedef void lm_kernel_layernorm_backward_f32(int64_t rows, int64_t n, const float *x,
                                              const float *weight, const float *mean,
                                              const float *rstd, const float *dy, float *dx,
                                              float *dweight, float *dbias);
/* Zhang & Sennrich 2019. rstd = 1/sqrt(dot16(x,x)/n + eps); y = (x*rstd)*weight. y may be x (in
 * place). */
typedef void lm_kernel_rmsnorm_forward_f32(int64_t rows, int64_t n, float eps, const float *x,
                                           const float *weight, float *y, float *rstd);
/* xhat = x*rstd, g = dy*weight, b = dot16(g, xhat)/n: dx = fma(rstd, fma(-xhat, b, g), dx);
 * dweight = fma(dy, xhat, dweight). dx, dweight are accumulated into. */
typedef void lm_kernel_rmsnorm_backward_f32(int64_t rows, int64_t n, const float *x,
                                            const float *weight, const float *rstd, const float *dy,
                                            float *dx, float *dweight);

/* ---- activations, n elements -------------------------------------------------------------------
 * Backward kernels also write y; that costs little beyond the store, since most of the work is
 * shared. Outputs are overwritten.
 *
 * gelu_tanh (Hendrycks & Gimpel 2016, tanh form) as x * sigmoid(2u), u = sqrt(2/pi)(x +
 * 0.044715 x^3), which equals 0.5x(1+tanh u) and loses nothing near 0. */
typedef void lm_kernel_gelu_tanh_forward_f32(int64_t n, const float *x, float *y);
/* dx = dy * gelu'(x), and y as forward gives it. dx may be dy (in place). */
typedef void lm_kernel_gelu_tanh_backward_f32(int64_t n, const float *x, const float *dy, float *dx,
                                              float *y);
/* The exact form x * Phi(x), Phi by the project's own polynomial. dx may be dy (in place). */
typedef void lm_kernel_gelu_erf_forward_f32(int64_t n, const float *x, float *y);
typedef void lm_kernel_gelu_erf_backward_f32(int64_t n, const float *x, const float *dy, float *dx,
                                             float *y);
/* SwiGLU (Shazeer 2020): y = gate*sigmoid(gate) * up. */
typedef void lm_kernel_swiglu_forward_f32(int64_t n, const float *gate, const float *up, float *y);
/* dgate may be dy, dup may be up (in place). */
typedef void lm_kernel_swiglu_backward_f32(int64_t n, const float *gate, const float *up,
                                           const float *dy, float *dgate, float *dup, float *y);
/* Squared ReLU (So et al. 2021, Primer): r = (x < 0 ? 0 : x) + 0; y = r*r. */
typedef void lm_kernel_relu2_forward_f32(int64_t n, const float *x, float *y);
/* dx = dy * (r + r). dx may be dy (in place). */
typedef void lm_kernel_relu2_backward_f32(int64_t n, const float *x, const float *dy, float *dx,
                                          float *y);

/* ---- attention -------------------------------------------------------------------------------
 * Rotary positions (Su et al. 2021), half-split pairs, in place: the first `size` channels of each
 * of `heads` heads, which are `row` apart. For a head x and j < size/2, with
 * (lo, hi) = (x[j], x[j+size/2]):
 *   lo' = fma(lo, cos_j, -(hi*sin_j)), hi' = fma(hi, cos_j, lo*sin_j).
 * cos, sin [size/2]. Backward is the same call with a table whose sin is negated. */
typedef void lm_kernel_rope_f32(int64_t heads, int64_t row, int64_t size, const float *cos,
                                const float *sin, float *x);

/* Online softmax (Milakov & Gimelshein 2018; Dao et al. 2022), one tile of scores s [rows, cols],
 * row stride s_row. Row i may see its first valid_i = clamp(first_valid + i, 0, cols) columns:
 *   m' = max(m_i, scale * max16_j(s_ij));  alpha_i = exp(m_i - m');
 *   s_ij = exp(fma(s_ij, scale, -m')) for j < valid_i, 0 beyond (in place);
 *   l_i = fma(l_i, alpha_i, sum16_j(s_ij));  m_i = m'.
 * m, l in place (start: -inf, 0); alpha overwritten. valid_i = 0 leaves m, l and sets alpha 1.
 * scale > 0. */
typedef void lm_kernel_attention_softmax_f32(int64_t rows, int64_t cols, int64_t first_valid,
                                             float scale, float *s, int64_t s_row, float *m,
                                             float *l, float *alpha);
/* After the last tile that a row sees: lse_i = m_i + log(l_i), in double by the steps of lm_log
 * (base/elementary.h) and rounded, overwritten; l_i = 1 / l_i, in place. */
typedef void lm_kernel_attention_finish_f32(int64_t rows, const float *m, float *l, float *lse);
/* s in: scores, out: p_ij = exp(fma(s_ij, scale, -lse_i)), 0 at j >= valid_i;
 * dp in: dL/dP, out: dL/ds_ij = (p_ij * (dp_ij - delta_i)) * scale, 0 at j >= valid_i. */
typedef void lm_kernel_attention_backward_f32(int64_t rows, int64_t cols, int64_t first_valid,
                                              float scale, float *s, int64_t s_row, float *dp,
                                              int64_t dp_row, const float *lse, const float *delta);

/* Scores kept within +-cap (Bello et al. 2016; Gemma Team 2024), in place: with t = tanh(a*x),
 * x = cap * t; slope = d x / d(old x) = (a*cap) * fma(-t, t, 1), overwritten; NULL: not needed.
 * a > 0, cap > 0. */
typedef void lm_kernel_softcap_f32(int64_t n, float a, float cap, float *x, float *slope);

/* ---- loss head: logits with one column per token, x [rows = vocabulary, n = tokens] ------------
 * m[j] = max(m[j], x[i,j]) over rows. */
typedef void lm_kernel_column_max_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                                      float *m);
/* y[i,j] = exp(x[i,j] - m[j]), overwritten; l[j] += y[i,j], rows rising. y may be x, with the same
 * stride (in place). */
typedef void lm_kernel_column_exp_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                                      const float *m, float *y, int64_t y_row, float *l);
/* The same sum, x left as it is: l[j] += exp(x[i,j] - m[j]), rows rising. */
typedef void lm_kernel_column_add_exp_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                                          const float *m, float *l);
/* With t = x[i,j] * inv_cap: x[i,j] = fma(exp(x[i,j] - m[j]), a[j], -b) * fma(-t, t, 1), in
 * place; inv_cap = 0 makes the last factor 1. */
typedef void lm_kernel_column_gradient_f32(int64_t rows, int64_t n, float *x, int64_t x_row,
                                           const float *m, const float *a, float b, float inv_cap);

/* ---- dropout (Srivastava et al. 2014) ----------------------------------------------------------
 * Each element is decided by sixteen bits of a random stream, eight elements per block: bits_i is
 * half i mod 2 (0: the lower) of word (i mod 8) / 2 of lm_rng_block(rng, block + i / 8). kept_i =
 * bits_i < threshold ? 0 : x_i * scale; y_i = kept_i, or residual_i + kept_i where residual is not
 * NULL. threshold <= 65536. y overwritten; it may be x or residual (in place). */
typedef void lm_kernel_dropout_f32(int64_t n, const lm_rng *rng, uint64_t block, uint32_t threshold,
                                   float scale, const float *x, const float *residual, float *y);

/* ---- optimizers, n parameters p with gradients g -----------------------------------------------
 * g' = g*grad_scale. Each computes a direction u, decays the weights and moves them:
 *
 *     shrink = cautious and not u*p > 0 ? 0 : decay        (Chen et al. 2025)
 *     p = fma(-shrink, p, p), then p = fma(-lr, u, p); those of Adam subtract a quotient */

/* Coefficients of a step of gradient descent. */
typedef struct lm_sgd_coefficients {
    float lr;         /* eta */
    float momentum;   /* mu */
    float decay;      /* decoupled weight decay: lr * weight_decay, 0 for none */
    float grad_scale; /* every gradient is multiplied by this first (clipping) */
    bool nesterov;
    bool cautious;
} lm_sgd_coefficients;

/* u = g'. momentum and nesterov are not read. */
typedef void lm_kernel_sgd_f32(int64_t n, const lm_sgd_coefficients *c, const float *g, float *p);
/* b = fma(momentum, b, g'); u = b, or with nesterov fma(momentum, b, g') of the new b (Polyak 1964;
 * Nesterov 1983; the undampened form PyTorch uses). b, p in place. */
typedef void lm_kernel_momentum_f32(int64_t n, const lm_sgd_coefficients *c, const float *g,
                                    float *b, float *p);

/* Nesterov momentum as a mean (Jordan et al. 2024): m = fma(rest, g' - m, m) with rest =
 * 1 - momentum, in place; u = fma(momentum, m - g', g'), overwritten. */
typedef void lm_kernel_mean_momentum_f32(int64_t n, float momentum, float rest, float grad_scale,
                                         const float *g, float *m, float *u);

/* Coefficients of a step of Adam and its relatives (Kingma & Ba 2015; Loshchilov & Hutter 2019). */
typedef struct lm_adam_coefficients {
    float lr;           /* eta */
    float rest1, rest2; /* 1 - beta1, 1 - beta2, each rounded once: beta in fp32 would lose them */
    float eps;
    float inv_correction1;        /* 1 / (1 - beta1^t) */
    float inv_correction2;        /* 1 / (1 - beta2^t) */
    float decay;                  /* as above */
    float grad_scale;             /* as above */
    float rest3, alpha;           /* of AdEMAMix: 1 - beta3, the weight of the slow moment */
    float average_share, y_share; /* of schedule-free steps: c, 1 - beta1 (1 - c) */
    bool cautious;
} lm_adam_coefficients;

/* m = fma(rest1, g' - m, m); v = fma(rest2, g'*g' - v, v); decay with u = m;
 * p = p - (lr*(m*inv_correction1)) / (sqrt(v*inv_correction2) + eps). m, v, p in place. */
typedef void lm_kernel_adam_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *m,
                                float *v, float *p);
/* Where g > 0 or g < 0, with m = g': v as above; decay with u = g';
 * p = p - (lr*g') / (sqrt(v*inv_correction2) + eps). Elsewhere v and p stay as they are. In
 * place. */
typedef void lm_kernel_adam_lazy_f32(int64_t n, const lm_adam_coefficients *c, const float *g,
                                     float *v, float *p);
/* m, v as above; s = fma(rest3, g' - s, s); u = fma(alpha, s, m*inv_correction1); decay with u;
 * p = p - (lr*u) / (sqrt(v*inv_correction2) + eps) (Pagliardini et al. 2024). m, s, v, p in
 * place. */
typedef void lm_kernel_ademamix_f32(int64_t n, const lm_adam_coefficients *c, const float *g,
                                    float *m, float *s, float *v, float *p);
/* v as above; shrink = decay, or with `cautious` 0 unless g' * p > 0;
 * d = fma(shrink, p, (lr*g') / (sqrt(v*inv_correction2) + eps));
 * p = fma(-y_share, d, fma(average_share, z - p, p)); z = z - d (Defazio et al. 2024). z, v, p in
 * place. */
typedef void lm_kernel_schedule_free_f32(int64_t n, const lm_adam_coefficients *c, const float *g,
                                         float *z, float *v, float *p);
/* u = sign(fma(rest1, g' - m, m)), sign(0) = 0; decay with u; p = fma(-lr, u, p); then
 * m = fma(rest2, g' - m, m) (Chen et al. 2023). m, p in place. */
typedef void lm_kernel_lion_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *m,
                                float *p);

/* ---- yardsticks --------------------------------------------------------------------------------
 * About `iterations` rounds of independent fused multiply-adds on registers (fp32; pairs of bf16).
 * They return the number of floating-point operations done. Not compared across ISAs. */
typedef double lm_kernel_peak_f32(int64_t iterations);
typedef double lm_kernel_peak_bf16(int64_t iterations);
/* Reads x [n], and reads and writes y[0] to y[count - 1], [n] each: a vector of each in turn. What
 * is written is what was read, 0 for numbers too small to be normal. Not compared either. */
enum { LM_STREAMS_MOST = 4 }; /* count */
typedef void lm_kernel_stream_f32(int64_t n, const float *x, int count, float *const *y);

/* ---- the list ----------------------------------------------------------------------------------
 * X(isa, name) for every kernel that has a fast version; for those that are plain C on most
 * instruction sets; and for those that only an instruction for pairs of bf16 makes fast. */
#define LM_KERNELS_FAST(X, isa)    \
    X(isa, gemm_f32)               \
    X(isa, dots_f32)               \
    X(isa, dots_bf16)              \
    X(isa, dots_panels_f32)        \
    X(isa, pack_f32)               \
    X(isa, pack_lines_f32)         \
    X(isa, pack_wide_from_f32)     \
    X(isa, pack_wide_from_bf16)    \
    X(isa, wide_from_f32)          \
    X(isa, wide_from_bf16)         \
    X(isa, bf16_from_f32)          \
    X(isa, f32_from_bf16)          \
    X(isa, add_f32)                \
    X(isa, mul_f32)                \
    X(isa, scale_f32)              \
    X(isa, add_scaled_f32)         \
    X(isa, lerp_f32)               \
    X(isa, dot_f32)                \
    X(isa, sum_squares_f32)        \
    X(isa, scale_rows_f32)         \
    X(isa, sum_rows_f32)           \
    X(isa, sum_rows_bf16)          \
    X(isa, dot_rows_bf16)          \
    X(isa, layernorm_forward_f32)  \
    X(isa, layernorm_backward_f32) \
    X(isa, rmsnorm_forward_f32)    \
    X(isa, rmsnorm_backward_f32)   \
    X(isa, gelu_tanh_forward_f32)  \
    X(isa, gelu_tanh_backward_f32) \
    X(isa, gelu_erf_forward_f32)   \
    X(isa, gelu_erf_backward_f32)  \
    X(isa, swiglu_forward_f32)     \
    X(isa, swiglu_backward_f32)    \
    X(isa, relu2_forward_f32)      \
    X(isa, relu2_backward_f32)     \
    X(isa, rope_f32)               \
    X(isa, attention_softmax_f32)  \
    X(isa, attention_backward_f32) \
    X(isa, softcap_f32)            \
    X(isa, column_max_f32)         \
    X(isa, column_exp_f32)         \
    X(isa, column_add_exp_f32)     \
    X(isa, column_gradient_f32)    \
    X(isa, dropout_f32)            \
    X(isa, sgd_f32)                \
    X(isa, momentum_f32)           \
    X(isa, mean_momentum_f32)      \
    X(isa, adam_f32)               \
    X(isa, adam_lazy_f32)          \
    X(isa, ademamix_f32)           \
    X(isa, schedule_free_f32)      \
    X(isa, lion_f32)               \
    X(isa, peak_f32)               \
    X(isa, peak_bf16)              \
    X(isa, stream_f32)
#define LM_KERNELS_PLAIN(X, isa) X(isa, attention_finish_f32)
#define LM_KERNELS_PAIRS(X, isa) \
    X(isa, gemm_bf16)            \
    X(isa, dots_panels_bf16)     \
    X(isa, pack_bf16_from_f32)   \
    X(isa, pack_bf16_from_bf16)
#define LM_KERNELS(X, isa) LM_KERNELS_FAST(X, isa) LM_KERNELS_PLAIN(X, isa) LM_KERNELS_PAIRS(X, isa)

/* What X may be: a member of the table; the declaration of an instruction set's version, which is
 * named lm_<isa>_<kernel>; and the assignment that puts that version into the table k. */
#define LM_KERNEL_MEMBER(isa, name)  lm_kernel_##name *name;
#define LM_KERNEL_DECLARE(isa, name) lm_kernel_##name lm_##isa##_##name;
#define LM_KERNEL_FILL(isa, name)    k->name = lm_##isa##_##name;

typedef struct lm_kernels {
    lm_isa_mask isas; /* the rungs that were climbed */
    /* Register tiles this table's gemm_f32 and gemm_bf16 like best; multiples waste nothing. */
    int gemm_f32_mr, gemm_f32_nr, gemm_bf16_mr, gemm_bf16_nr;
    bool pairs_are_wide; /* products of bf16 by gemm_f32 */
    LM_KERNELS(LM_KERNEL_MEMBER, )
} lm_kernels;

/* Fill every member: scalar first, then each rung of the mask overrides what it does faster. */
void lm_kernels_fill(lm_kernels *k, lm_isa_mask mask);

/* One function per rung, in its folder: overrides the members it has. */
void lm_kernels_fill_scalar(lm_kernels *k);
void lm_kernels_fill_avx2(lm_kernels *k);
void lm_kernels_fill_avx512(lm_kernels *k);
void lm_kernels_fill_avx512bf16(lm_kernels *k);
void lm_kernels_fill_neon(lm_kernels *k);

#endif
