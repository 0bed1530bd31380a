#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"train.steps", INTEGER(train.steps, 1, STEPS_MOST, "1000"), MAY_CHANGE, .help = "updates of the weights"},
    {"train.micro_batch", INTEGER(train.micro_batch, 1, SIZE_MOST, "16"), MAY_CHANGE,
     .help = "windows computed at once: decides the memory"},
    {"train.grad_accumulation", INTEGER(train.grad_accumulation, 1, SIZE_MOST, "1"), MAY_CHANGE,
     .help = "micro-batches summed up for one update"},
    {"train.clip_norm", REAL(train.clip_norm, 0, 1e12, "1"), MAY_CHANGE,
     .help = "gradients of a larger norm are scaled down to it (Pascanu et al. 2013); 0: never"},
    {"train.precision", CHOICE(train.precision, lm_precision_name, "fp32"), MAY_CHANGE,
     .help = "of what matrices are multiplied from; sums, weights and optimizer are fp32. bf16 is faster where the CPU has dot products of it (avx512bf16), and the same bits elsewhere"},
};
/* clang-format on */
SECTION(train);
