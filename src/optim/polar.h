/* The polar factor of a matrix, by a polynomial iteration that needs matrix products alone: what
 * Muon makes of a matrix of momenta (Jordan et al. 2024). With X = U diag(s) V^T,
 *
 *     X <- (a I + b A + c A^2) X,   A = X X^T        gives       U diag(a s + b s^3 + c s^5) V^T
 *
 * and five such steps bring every s of [0.001, 1] near 1:
 *
 *     polar_express   coefficients that are best for each step in turn (Amsel et al. 2025): s ends
 *                     within 0.859 and 1.141
 *     newton_schulz   the same three in each step (Jordan et al. 2024): within 0.68 and 1.2 from
 *                     s = 0.01 on
 *
 * A, A^2 and what else is symmetric is computed as a triangle (symmetric.h). Where one side is
 * longer, all steps are taken on R = X X^T (m x m, m the shorter side), and X is multiplied once at
 * the end:
 *
 *     Z = a I + b R + c R^2;   Q <- Q Z;   R <- Z R Z;   at last X <- Q X
 *
 * in fp32 at every precision of the operands: an R that was rounded to bf16 may have negative
 * eigenvalues, which grow. X itself is rounded to bf16 first at LM_BF16.
 *
 *     lm_arena room = ...;                       // lm_polar_room(lines, columns) bytes
 *     float *o = lm_polar(&compute, LM_POLAR_EXPRESS, lines, columns, scale, x, &room); */
#ifndef LM_OPTIM_POLAR_H
#define LM_OPTIM_POLAR_H

#include "ops/compute.h"

typedef enum lm_polar_kind {
    LM_POLAR_EXPRESS,
    LM_POLAR_NEWTON_SCHULZ,
    LM_POLAR_COUNT
} lm_polar_kind;
const char *lm_polar_name(int kind); /* "polar_express", "newton_schulz"; NULL past the end */

/* By what 1 / |X|_F is multiplied so that no singular value exceeds 1 with rounding; what is added
 * to the norm, so that a zero matrix stays one. */
double lm_polar_scale(int kind, double norm);

/* Bytes that lm_polar takes of its room; false when they do not fit 64 bits. */
bool lm_polar_room(int64_t lines, int64_t columns, uint64_t *bytes);

/* Floating-point operations, a multiply-add being two. */
double lm_polar_flops(int64_t lines, int64_t columns, lm_precision precision);

/* scale x [lines, columns] has singular values of at most 1; x is overwritten. Returns the result
 * [lines, columns]: x or memory of the room. The bits do not depend on the pool of `compute`; the
 * transpose of a matrix that is not square has the transposed bits. Rounding changes a singular
 * value s by about 1e-7, and s^2 by as much where R is used. */
float *lm_polar(const lm_compute *compute, int kind, int64_t lines, int64_t columns, float scale,
                float *x, lm_arena *room);

#endif
