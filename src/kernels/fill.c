/* The ladder. Each rung overrides what it does faster than the one below; all return the same bits.
 */
#include "kernels/kernels.h"

void lm_kernels_fill(lm_kernels *k, lm_isa_mask mask) {
    *k = (lm_kernels){.isas = mask};
    lm_kernels_fill_scalar(k);
}
