#include "config/keys/rows.h"
#include "dist/lanes.h"

static bool steps_known(const lm_config *c) {
    return !c->train.steps_open;
}
static bool steps_open(const lm_config *c) {
    return c->train.steps_open;
}

/* An optimizer that averages has no other average beside its own. */
static bool may_average(const lm_config *c) {
    return !lm_optimizer_averages(c->optimizer.kind);
}
static bool has_ema(const lm_config *c) {
    return may_average(c) && (c->train.ema > 0 || c->train.ema_tokens > 0);
}
bool lm_config_averages(const lm_config *c) {
    return has_ema(c) || lm_optimizer_averages(c->optimizer.kind);
}
static bool has_lanes(const lm_config *c) {
    return c->train.lanes > 1;
}
static bool reads_ema(const lm_config *c) {
    return may_average(c) && c->train.ema_tokens == 0;
}

static bool rewinds(const lm_config *c) {
    return c->train.rewind;
}
static bool guards(const lm_config *c) {
    return c->train.max_skips > 0 || c->train.rewind;
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
             "processes with the same bits. Needs log2(lanes) more arrays of gradients. Where the "
             "number of threads divides it and the model is small (at most 16 M weights, no n-gram "
             "tables), each thread computes lanes of its own, with activations of its own: threads "
             "then wait for each other a few times a step in place of hundreds."},
    {"train.noise_scale", BOOLEAN(train.noise_scale, "false"), MAY_CHANGE,
     WHEN(has_lanes, "train.lanes"),
     .help = "Whether steps tell the gradient noise scale (McCandlish et al. 2018), out of the "
             "gradients of the lanes: noise_scale in metrics.jsonl and in the report. A batch of "
             "fewer tokens wastes steps, one of many more wastes tokens. Reads the gradient of "
             "each lane once more; changes no bit of the training."},
    {"train.clip_norm", REAL(train.clip_norm, 0, 1e12, "1"), MAY_CHANGE, TRY("0"),
     .help = "Gradients with a larger norm are scaled down to this norm (Pascanu et al. 2013). "
             "0: never."},
    {"train.ema", REAL(train.ema, 0, 0.9999999, "0"), MAY_CHANGE, TRY("0.6"),
     WHEN(reads_ema, "train.ema_tokens"), AND_WHEN("optimizer.name"),
     .help = "Keeps an exponential moving average of the weights, which is what is evaluated, "
             "generated from and exported: this share of it stays in a step, the rest is that of "
             "the weights after the step (0.99 to 0.999; a window of about 1% of the run). It "
             "begins as the weights of its first step. schedule.ema changes it over the run. 0: "
             "no average."},
    {"train.ema_tokens", REAL(train.ema_tokens, 0, 1e18, "0"), MAY_CHANGE, TRY("100"),
     WHEN(may_average, "optimizer.name"),
     .help = "Half-life of the average in tokens, instead of train.ema, which becomes "
             "0.5^(tokens of the step / this): the same average for every batch. 0: train.ema."},
    {"train.ema_start", LENGTH(train.ema_start, "0"), MAY_CHANGE, TRY("2"),
     WHEN(has_ema, "train.ema"), AND_WHEN("train.ema_tokens"),
     .help = "What has been done when averaging begins; until then there is no average, and the "
             "weights themselves are evaluated. \"80%\" averages the tail of the run."},
    {"train.ema_blend", POSITIVE(train.ema_blend, 1, "1"), MAY_CHANGE, TRY("0.6"),
     WHEN(has_ema, "train.ema"), AND_WHEN("train.ema_tokens"),
     .help = "Share of the average in the weights that are evaluated, generated from and "
             "exported; the rest is that of the weights themselves. 1: the average alone."},
    {"train.precision", CHOICE(train.precision, lm_precision_name, "fp32"), MAY_CHANGE,
     .help = "Precision of the numbers that matrix products multiply; sums, weights and optimizer "
             "are fp32. bf16 is faster where the CPU has bf16 dot products (avx512bf16), and gives "
             "the same bits elsewhere."},
    {"train.max_skips", INTEGER(train.max_skips, 0, COUNT_MOST, "0"), MAY_CHANGE,
     .help = "So many steps in a row may be skipped whose loss or gradient is not finite, or which "
             "are spikes: their windows are passed over, and weights, optimizer and the number of "
             "the step stay. One more ends the run with exit code 3, as the first does with 0, or "
             "makes it go back to a checkpoint (train.rewind)."},
    {"train.rewind", BOOLEAN(train.rewind, "false"), MAY_CHANGE,
     .help = "Where a loss, a gradient or weights are not finite, or a spike comes, and no further "
             "step may be skipped, the run goes back to the newest checkpoint of "
             "checkpoint.every (at first, to its start) and on from there with the windows behind "
             "those that did it. checkpoint.every belongs to what determines the result then."},
    {"train.max_rewinds", INTEGER(train.max_rewinds, 1, COUNT_MOST, "3"), MAY_CHANGE,
     WHEN(rewinds, "train.rewind"),
     .help = "So often in a row the run may go back to the same checkpoint. Once more ends it with "
             "exit code 3."},
    {"train.spike_sigma", REAL(train.spike_sigma, 0, 1e6, "0"), MAY_CHANGE,
     WHEN(guards, "train.max_skips"), AND_WHEN("train.rewind"),
     .help = "A step is a spike, and is not taken, when its loss or gradient norm is more than so "
             "many standard deviations above the mean of the last 128 steps that were taken, of "
             "as many as there are from the 17th on; OLMo takes 6. 0: no step is one."},
};
/* clang-format on */
SECTION(train);
