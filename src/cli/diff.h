/* What `lmtrain diff` compares, a file each: metrics of two runs, and two checkpoints. Each adds what it
 * finds to *out, in lines. */
#ifndef LM_CLI_DIFF_H
#define LM_CLI_DIFF_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "machine/pool.h"

/* Lines of steps or evaluations that both have. *first: the first step that differs, or that one of
 * them does not have; -1: none. */
lm_status lm_diff_metrics(const char *const runs[2], int64_t *first, lm_text *out, lm_error *err);
/* *same: they hold the same arrays of the same bits, and the runs would go on alike. */
lm_status lm_diff_checkpoints(const char *const paths[2], lm_pool *pool, bool *same, lm_text *out,
                              lm_error *err);

/* A number or a text of an object; "null" when it is neither or not there. */
void lm_diff_put(lm_text *out, const cJSON *object, const char *key);

#endif
