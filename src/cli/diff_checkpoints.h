/* Where two checkpoints differ. */
#ifndef LM_CLI_DIFF_CHECKPOINTS_H
#define LM_CLI_DIFF_CHECKPOINTS_H

#include "base/error.h"
#include "base/text.h"
#include "machine/pool.h"

/* Appends what it finds to *out in lines. *same: both hold the same arrays with the same bits, and
 * their runs would go on alike. */
lm_status lm_diff_checkpoints(const char *const paths[2], lm_pool *pool, bool *same, lm_text *out,
                              lm_error *err);

#endif
