#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"log.every", INTEGER(log.every, 1, STEPS_MOST, "10"), NEUTRAL,
     .help = "Steps between progress lines where there is no terminal."},
    {"log.metrics_every", INTEGER(log.metrics_every, 1, STEPS_MOST, "1"), NEUTRAL,
     .help = "Of every this many steps one has a line in metrics.jsonl and its figures in the "
             "events for TensorBoard; the first and the last step of the run always have. "
             "Evaluations, samples and figures of parameters keep their own intervals."},
    {"log.digest_every", INTEGER(log.digest_every, 0, STEPS_MOST, "10"), NEUTRAL,
     .help = "Every this many steps the line in metrics.jsonl, where the step has one, has a "
             "digest of the updated weights, beside that of all batches. 0: it never has."},
    {"log.report", BOOLEAN(log.report, "true"), NEUTRAL,
     .help = "Whether `report.html`, a page with charts, is written into the run directory as the "
             "run goes, and when it ends. `lmtrain report RUN` writes it at any time. Of a sweep's "
             "trials only where it is given: the sweep has a page."},
    {"log.report_seconds", REAL(log.report_seconds, 0, 1e6, "10"), NEUTRAL,
     .help = "Seconds between two versions of the page, more where it takes long to write. A run "
             "that ends before has none."},
    {"log.tensorboard", BOOLEAN(log.tensorboard, "false"), NEUTRAL,
     .help = "Whether figures, samples and the config are written for TensorBoard too "
             "(`tensorboard --logdir` of the folder that run directories lie in)."},
    {"log.layers_every", INTEGER(log.layers_every, 0, STEPS_MOST, "0"), NEUTRAL,
     .help = "Every this many steps metrics.jsonl has a line with figures of each parameter: the "
             "norms of its weights, its gradient and its update, and the ratio of update to "
             "weight. Takes memory for another copy of the weights. 0: never."},
    {"log.sample_every", INTEGER(log.sample_every, 0, STEPS_MOST, "0"), NEUTRAL,
     .help = "Every this many steps, and at the end, the model writes a text, which metrics.jsonl "
             "and the report have. It changes nothing of the training. 0: never."},
    {"log.sample_tokens", INTEGER(log.sample_tokens, 1, 65536, "128"), NEUTRAL,
     .help = "How many tokens such a text has at most."},
    {"log.sample_prompt", STRING(log.sample_prompt), NEUTRAL,
     .help = "What such a text goes on from. Empty: it begins a document."},
};
/* clang-format on */
SECTION(log);
