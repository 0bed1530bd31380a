#include "config/keys/rows.h"
#include "dist/lanes.h"

static bool steps_known(const lm_config *c) {
    return !c->train.steps_open;
}
static bool steps_open(const lm_config *c) {
    return c->train.steps_open;
}

/* clang-format off */
static const lm_key keys[] = {
    {"train.steps", INTEGER(train.steps, 1, STEPS_MOST, "1000"), MAY_CHANGE,
     WHEN(steps_known, "train.budget"),
     .help = "Updates of the weights in the whole run."},
    {"train.budget", STRING(train.budget), NEUTRAL, WHEN(steps_open, "train.steps"),
     .help = "In place of train.steps: how long the whole run lasts, as time (30m, 2h, 1h30m), "
             "tokens (2M tokens) or model FLOPs (1e15 flop). The start of the run measures a few "
             "steps and turns a time into steps; a run that is resumed keeps them."},
    {"train.batch", INTEGER(train.batch, 0, COUNT_MOST, "0"), MAY_CHANGE,
     .help = "Windows of context_length tokens per update. 0: micro_batch x grad_accumulation."},
    {"train.micro_batch", INTEGER(train.micro_batch, 0, SIZE_MOST, "16"), NEUTRAL,
     .help = "Windows computed at once, at most; determines the memory needed and changes no bit. "
             "0: as many as fit the memory and are fastest. If train.batch is given and this is "
             "not: 0."},
    {"train.grad_accumulation", INTEGER(train.grad_accumulation, 0, SIZE_MOST, "0"), NEUTRAL,
     LEGACY("1"),
     .help = "Short form of train.batch: micro-batches per update. 0: what train.batch "
             "needs, or 1."},
    {"train.lanes", INTEGER(train.lanes, 1, LM_LANES_MOST, "1"), MAY_CHANGE, TRY("2"),
     .help = "A power of two that divides train.batch. The batch is cut into so many equal runs of "
             "windows; the gradients of the runs are added as a balanced tree, in any number of "
             "processes with the same bits. Needs log2(lanes) more arrays of gradients."},
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
