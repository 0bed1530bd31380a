/* How a run would do in several processes: lines of the plan for --dry-run --ranks. */
#ifndef LM_TRAIN_FORECAST_H
#define LM_TRAIN_FORECAST_H

#include "train/setup.h"
#include "train/train.h"

/* Of so many processes, each on a machine like this one, with a network of so many bytes a second
 * between them (0: a few usual ones): what each has and sends, its memory, and, by the speed that
 * one was measured to have here, how long steps take (dist/forecast.h). alone: seconds of a step in
 * one process, which may compute lanes side by side; speed and s: with lanes in turn, if ranks > 1.
 * Errors of lm_ranks_check. */
lm_status lm_forecast_print(const lm_setup *s, int ranks, double bandwidth, double alone,
                            const lm_train_speed *speed, lm_text *out, lm_error *err);

#endif
