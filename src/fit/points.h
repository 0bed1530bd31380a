/* Points for a scaling law, out of CSV text.
 *
 *     parameters,tokens,loss,unique_tokens,seconds
 *     1.2e6,24000000,2.31,5e7,81.5
 *
 * The first line names the columns, in any order; the last two may be missing, and others are
 * passed over. Empty lines and those that begin with # are too. Fields have no quotes; a number has
 * at most 63 characters. */
#ifndef LM_FIT_POINTS_H
#define LM_FIT_POINTS_H

#include <stddef.h>

#include "fit/scaling.h"

typedef struct lm_points {
    lm_scaling_point *items; /* [count], malloc'd */
    double *seconds;         /* [count]: what the run took; 0: not known */
    int64_t count;
} lm_points;

lm_status lm_points_add(lm_points *p, const lm_scaling_point *point, double seconds, lm_error *err);
/* Appends those of the text. LM_ERR_USAGE names "FILE:LINE", what was expected and found. */
lm_status lm_points_read(lm_points *p, const char *name, const char *text, size_t size,
                         lm_error *err);
void lm_points_free(lm_points *p); /* zero-initialised or twice is fine */

#endif
