/* The windows of a step that was not taken: which they are, and which of them are to blame.
 *
 *     lm_windows w;
 *     lm_windows_find(&w, t, err);         // before t->state moves on
 *     ... w.first, w.last, w.worst [w.count] ...
 *     lm_windows_free(&w); */
#ifndef LM_TRAIN_WINDOWS_H
#define LM_TRAIN_WINDOWS_H

#include "train/trainer.h"

typedef struct lm_windows {
    int64_t first, last; /* numbers in the run; data.skip may name some in between */
    int count;
    lm_window_figures worst[LM_GUARD_MOST_WINDOWS]; /* texts are malloc'd */
} lm_windows;

/* Of the step that was refused, whose windows have their losses in t->window_losses. The worst are
 * those with losses that are not finite, then with the highest. Where the gradient alone is not
 * finite they are told by theirs, which takes the time of another step. */
lm_status lm_windows_find(lm_windows *w, lm_trainer *t, lm_error *err);
void lm_windows_free(lm_windows *w); /* zero-initialised or twice is fine */

#endif
