#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"dist.timeout", REAL(dist.timeout, 0, 1e9, "600"), NEUTRAL,
     .help = "Of several processes (mpirun, srun): seconds after which one that the others wait "
             "for and do not hear of ends the run, by an error that names it, with the exit code "
             "run.interrupt_exit_code. One that computes, checks data or a checkpoint, or waits "
             "for its disk to sync is heard of meanwhile. 0: never."},
    {"dist.shared_filesystem", BOOLEAN(dist.shared_filesystem, "true"), NEUTRAL,
     .help = "Of several processes: all of them see run.dir (one machine, NFS, Lustre), and each "
             "compresses its share of a checkpoint and writes it at its place in the one file; a "
             "run that begins checks that they see it. false: only rank 0 needs run.dir, and the "
             "others send it what it does not have. The file is the same."},
};
/* clang-format on */
SECTION(dist);
