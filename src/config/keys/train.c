#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"train.steps", INTEGER(train.steps, 1, STEPS_MOST, "1000"), MAY_CHANGE,
     .help = "Updates of the weights in the whole run."},
    {"train.micro_batch", INTEGER(train.micro_batch, 1, SIZE_MOST, "16"), MAY_CHANGE,
     .help = "Windows computed at once; determines the memory needed."},
    {"train.grad_accumulation", INTEGER(train.grad_accumulation, 1, SIZE_MOST, "1"), MAY_CHANGE,
     TRY("3"),
     .help = "Micro-batches whose gradients are summed for one update."},
    {"train.clip_norm", REAL(train.clip_norm, 0, 1e12, "1"), MAY_CHANGE, TRY("0"),
     .help = "Gradients with a larger norm are scaled down to this norm (Pascanu et al. 2013). "
             "0: never."},
    {"train.precision", CHOICE(train.precision, lm_precision_name, "fp32"), MAY_CHANGE,
     .help = "Precision of the numbers that matrix products multiply; sums, weights and optimizer "
             "are fp32. bf16 is faster where the CPU has bf16 dot products (avx512bf16), and gives "
             "the same bits elsewhere."},
};
/* clang-format on */
SECTION(train);
