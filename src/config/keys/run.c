#include "config/keys/rows.h"

/* clang-format off */
static const lm_key keys[] = {
    {"run.dir", PATH(run.dir), REQUIRED, NEUTRAL,
     .help = "The run directory, created if missing. Config, metrics, checkpoints and summary "
             "are written to it."},
    {"run.seed", INTEGER(run.seed, 0, COUNT_MOST, "1"),
     .help = "Seeds the initial weights, the data order and dropout."},
    {"run.init_from", PATH(run.init_from),
     .help = "What a new run takes its weights from (finetuning): a checkpoint, a run directory, "
             "or a model of transformers, llama.cpp, llama2.c, llm.c or nanoGPT. Keys of the model "
             "that are left out are those of it; others must agree, but for those of training, "
             "context_length (unless positions are learned), window and rope's; of imported "
             "weights only context_length, to be shorter. Empty: random weights."},
    {"run.threads", INTEGER(run.threads, 0, 1024, "0"), NEUTRAL,
     .help = "Number of threads; it never changes a bit of the result. --threads wins over it, and "
             "the workers of a sweep do. "
             "0: one for each core, or OMP_NUM_THREADS, at most the CPUs that may be used."},
    {"run.interrupt_exit_code", INTEGER(run.interrupt_exit_code, 4, 125, "4"), NEUTRAL,
     .help = "Exit code of a run that a signal or checkpoint.before_wall stopped, or one of whose "
             "processes was silent (dist.timeout) or had other weights than the others, for "
             "schedulers that requeue by exit code (75: EX_TEMPFAIL; 99: Grid Engine)."},
};
/* clang-format on */
SECTION(run);
