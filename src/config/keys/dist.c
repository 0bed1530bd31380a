#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"dist.timeout", REAL(dist.timeout, 0, 1e9, "600"), NEUTRAL,
     .help = "Of several processes (mpirun, srun): seconds after which one that the others wait "
             "for and do not hear of ends the run, by an error that names it. One that computes, "
             "or checks a checkpoint, is heard of meanwhile; one whose disk takes longer to sync "
             "is not. 0: never."},
};
/* clang-format on */
SECTION(dist);
