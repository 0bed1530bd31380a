/* The figures of a step: a line of metrics.jsonl and the line of progress. */
#include <inttypes.h>

#include "train/follow.h"

static bool has_new_figures(const lm_trainer *t) {
    return t->figures.step > t->reported_step;
}

static lm_status report(lm_trainer *t, lm_error *err) {
    const lm_step_figures *f = &t->figures;
    lm_status status = LM_OK;
    if (lm_trainer_logs(t, f->step))
        status = lm_metrics_step(&t->metrics, f, lm_trainer_data_figures(t), err);
    if (status != LM_OK) return status;
    if (t->progress.peak_flops == 0) lm_trainer_measure_peak(t);
    lm_progress_step(&t->progress, f->step, f->loss, f->tokens_per_s);
    t->reported_step = f->step;
    return LM_OK;
}

const lm_follower lm_follow_figures = {has_new_figures, report, LM_FOLLOW_FIRST};

/* Lines of metrics wait in memory while they cannot be written, because the disk is full, say. The
 * user is told when that begins and when it is over. */
static bool metrics_changed(const lm_trainer *t) {
    return t->metrics.late != t->metrics_late;
}

static lm_status tell(lm_trainer *t, lm_error *err) {
    (void)err;
    if (t->metrics.late) {
        lm_progress_warn(&t->progress,
                         "warning: step %" PRId64 ": %s; lines of metrics wait in memory",
                         t->state.step, t->metrics.why.message);
    } else {
        lm_progress_warn(&t->progress, "step %" PRId64 ": metrics.jsonl is up to date again",
                         t->state.step);
    }
    t->metrics_late = t->metrics.late;
    return LM_OK;
}

const lm_follower lm_follow_metrics = {metrics_changed, tell, LM_FOLLOW_FIRST};
