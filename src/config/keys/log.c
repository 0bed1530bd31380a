#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"log.every", INTEGER(log.every, 1, STEPS_MOST, "10"), MAY_CHANGE,
     .help = "steps between lines of progress where there is no terminal"},
    {"log.digest_every", INTEGER(log.digest_every, 0, STEPS_MOST, "10"), MAY_CHANGE,
     .help = "steps between those whose weights enter the digest of metrics.jsonl, as every batch does; 0: none"},
};
/* clang-format on */
SECTION(log);
