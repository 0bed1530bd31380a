#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"log.every", INTEGER(log.every, 1, STEPS_MOST, "10"), NEUTRAL,
     .help = "Steps between progress lines where there is no terminal."},
    {"log.digest_every", INTEGER(log.digest_every, 0, STEPS_MOST, "10"), NEUTRAL,
     .help = "Every this many steps the line in metrics.jsonl has a digest of the updated weights, "
             "beside that of all batches. 0: it never has."},
    {"log.report", BOOLEAN(log.report, "true"), NEUTRAL,
     .help = "Whether `report.html`, a page with charts, is written into the run directory as the "
             "run goes, and when it ends. `lmtrain report RUN` writes it at any time."},
    {"log.report_seconds", REAL(log.report_seconds, 0, 1e6, "10"), NEUTRAL,
     .help = "Seconds between two versions of the page, more where it takes long to write. A run "
             "that ends before has none."},
};
/* clang-format on */
SECTION(log);
