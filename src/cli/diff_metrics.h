/* Where the metrics of two runs differ first. */
#ifndef LM_CLI_DIFF_METRICS_H
#define LM_CLI_DIFF_METRICS_H

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Compares the lines that both runs have, of each kind by itself, and appends what it finds to *out
 * in lines. *first: the first step whose figures differ, or that comes after the end of one of the
 * runs; -1: none. Steps that one run lacks in between were left out by its log.metrics_every. */
lm_status lm_diff_metrics(const char *const runs[2], int64_t *first, lm_text *out, lm_error *err);

#endif
