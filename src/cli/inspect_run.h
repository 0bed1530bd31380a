/* `lmtrain inspect` of a run directory, and of checkpoints in a directory. */
#ifndef LM_CLI_INSPECT_RUN_H
#define LM_CLI_INSPECT_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

/* Appends what the run's files say: its state, its checkpoints (`verify`: read and checked), the
 * curve of its losses, config and summary. */
lm_status lm_inspect_run_directory(const char *path, bool verify, lm_text *out, lm_error *err);
/* Appends the curve of the losses alone. */
lm_status lm_inspect_curve(const char *directory, lm_text *out, lm_error *err);

/* Is it the name of a checkpoint? */
bool lm_inspect_is_checkpoint(const char *name);
/* Appends a directory's checkpoints, one per line, their names behind `prefix`; *count: how many.
 * `verify` verifies each; when all are listed, damaged ones are an error. */
lm_status lm_inspect_checkpoints(bool verify, const char *directory, const char *prefix,
                                 lm_text *out, size_t *count, lm_error *err);

#endif
