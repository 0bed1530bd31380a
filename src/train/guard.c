/* What becomes of a step that was refused. */
#include <inttypes.h>

#include "train/windows.h"

/* Skips the step: the run goes on with the windows behind its windows, and with the same number of
 * the step. */
static void skip(lm_trainer *t, const lm_windows *w) {
    t->state.samples = w->last + 1;
    t->state.skips++;
    t->state.skips_in_row++;
}

static void tell(lm_trainer *t, const lm_windows *w) {
    const lm_window_figures *worst = &w->worst[0];
    lm_progress_warn(
        &t->progress,
        "step %" PRId64 " was not taken, %" PRId64 " of %" PRId64
        " in a row (train.max_skips): %s; windows %" PRId64 " to %" PRId64
        " are passed over; the worst one, %" PRId64 ", is of %s, byte offset %" PRIu64 "%s%.80s%s",
        t->refused.step, t->state.skips_in_row, t->config->train.max_skips, t->refused.why,
        w->first, w->last, worst->window, worst->file, worst->byte, worst->text ? ": \"" : "",
        worst->text ? worst->text : "", worst->text ? "\"" : "");
}

static lm_status record(lm_trainer *t, const char *event, const lm_windows *w, lm_error *err) {
    const lm_refused_step *r = &t->refused;
    const lm_guard_figures f = {.event = event,
                                .step = t->state.step,
                                .tokens = t->state.tokens,
                                .refused = r->step,
                                .why = r->why,
                                .loss = r->loss,
                                .grad_norm = r->grad_norm,
                                .lr = r->lr,
                                .skips = t->state.skips,
                                .first = w->first,
                                .last = w->last,
                                .n_worst = w->count,
                                .worst = w->worst,
                                .seconds = lm_trainer_seconds(t)};
    return lm_metrics_guard(&t->metrics, &f, err);
}

/* Adds to the error what the guards did before. */
static lm_status give_up(lm_trainer *t, lm_error *err) {
    const int64_t skips = t->state.skips_in_row;
    if (skips > 0)
        lm_error_append(err,
                        "; the %" PRId64 " step%s before it %s skipped (train.max_skips), see"
                        " \"event\" in metrics.jsonl",
                        skips, skips == 1 ? "" : "s", skips == 1 ? "was" : "were");
    return lm_comm_agree(t->ranks.comm, LM_ERR_DIVERGED, err);
}

lm_status lm_trainer_guard(lm_trainer *t, lm_error *err) {
    lm_windows w = {0};
    lm_error aside;
    if (t->state.skips_in_row >= t->config->train.max_skips) return give_up(t, err);
    /* Other windows do not help weights that are no numbers. */
    if (!t->refused.spike && lm_ranks_lead(t, lm_trainer_check_finite, &aside) != LM_OK)
        return give_up(t, err);
    lm_status status = lm_windows_find(&w, t, err);
    if (status != LM_OK) return status;
    skip(t, &w);
    if (lm_trainer_leads(t)) {
        tell(t, &w);
        status = record(t, "skip", &w, err);
    }
    lm_windows_free(&w);
    return status;
}
