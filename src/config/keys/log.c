#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"log.every", INTEGER(log.every, 1, STEPS_MOST, "10"), NEUTRAL,
     .help = "Steps between progress lines where there is no terminal."},
    {"log.digest_every", INTEGER(log.digest_every, 0, STEPS_MOST, "10"), NEUTRAL,
     .help = "Every this many steps the line in metrics.jsonl has a digest of the updated weights, "
             "beside that of all batches. 0: it never has."},
};
/* clang-format on */
SECTION(log);
