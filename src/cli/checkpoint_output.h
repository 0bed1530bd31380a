/* Where a command that makes a checkpoint puts it: --output RUN_OR_FILE. */
#ifndef LM_CLI_CHECKPOINT_OUTPUT_H
#define LM_CLI_CHECKPOINT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* *path receives, malloc'd, output itself when it ends in .npz, else the checkpoint of this step in
 * the run directory output, which is made. LM_ERR_USAGE, and nothing is made: a run of training, or
 * another checkpoint, is in that directory; a file is there already and force is false; or output
 * is no such name. */
lm_status lm_checkpoint_output(const char *output, int64_t step, bool force, char **path,
                               lm_error *err);

#endif
