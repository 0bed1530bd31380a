/* Where the metrics of two runs differ first. */
#ifndef LM_CLI_DIFF_METRICS_H
#define LM_CLI_DIFF_METRICS_H

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Compares the lines of steps and of evaluations that both runs have, and appends what it finds to
 * *out in lines. *first: the first step whose figures differ, or that one of the runs lacks; -1:
 * none. */
lm_status lm_diff_metrics(const char *const runs[2], int64_t *first, lm_text *out, lm_error *err);

#endif
