/* What becomes of a step that was refused: it is skipped, or the run goes back to a checkpoint, or
 * it ends. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "train/windows.h"

/* passed_from: of a rewind. */
static lm_status record(lm_trainer *t, const char *event, const lm_windows *w, int64_t passed_from,
                        lm_error *err) {
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
                                .rewinds = t->state.rewinds,
                                .checkpoint = t->saved,
                                .passed_from = passed_from,
                                .first = w->first,
                                .last = w->last,
                                .n_worst = w->count,
                                .worst = w->worst,
                                .seconds = lm_trainer_seconds(t)};
    return lm_metrics_guard(&t->metrics, &f, err);
}

/* "; the worst one, 197, is of train.bin, byte offset 12608: "..."" */
static void put_worst(const lm_windows *w, lm_text *out) {
    const lm_window_figures *worst = &w->worst[0];
    if (w->count == 0) return;
    lm_text_say(out, "; the worst one, %" PRId64 ", is of %s, byte offset %" PRIu64, worst->window,
                worst->file, worst->byte);
    if (worst->text) lm_text_say(out, ": \"%.80s\"", worst->text);
}

/* ---- skipping ---------------------------------------------------------------------------------*/

static void tell_skip(lm_trainer *t, const lm_windows *w) {
    lm_text worst = {0};
    put_worst(w, &worst);
    lm_progress_warn(&t->progress,
                     "step %" PRId64 " was not taken, %" PRId64 " of %" PRId64
                     " in a row (train.max_skips): %-s; windows %" PRId64 " to %" PRId64
                     " are passed over%-s",
                     t->refused.step, t->state.skips_in_row, t->config->train.max_skips,
                     t->refused.why, w->first, w->last, lm_text_cstr(&worst));
    lm_text_free(&worst);
}

/* The run goes on with the windows behind those of the step, and with the same number of the
 * step. */
static lm_status skip(lm_trainer *t, const lm_windows *w, lm_error *err) {
    t->state.samples = w->last + 1;
    t->state.skips++;
    t->state.skips_in_row++;
    if (!lm_trainer_leads(t)) return LM_OK;
    tell_skip(t, w);
    return record(t, "skip", w, 0, err);
}

/* Other windows do not help weights that are no numbers. */
static bool may_skip(lm_trainer *t) {
    lm_error aside;
    return t->state.skips_in_row < t->config->train.max_skips &&
           (t->refused.spike || lm_ranks_lead(t, lm_trainer_check_finite, &aside) == LM_OK);
}

/* ---- going back -------------------------------------------------------------------------------*/

static void tell_rewind(lm_trainer *t, const lm_windows *w, int64_t from) {
    lm_text worst = {0};
    put_worst(w, &worst);
    lm_progress_warn(&t->progress,
                     "step %" PRId64 ": %-s; the run goes back to step %" PRId64 " (%s), %" PRId64
                     " of %" PRId64 " times in a row (train.rewind), and on behind windows %" PRId64
                     " to %" PRId64 ", which did it; %" PRId64 " windows are passed over%-s",
                     t->refused.step, t->refused.why, t->state.step,
                     t->saved ? t->saved : "its start", t->state.rewinds_here,
                     t->config->train.max_rewinds, w->first, w->last, w->last + 1 - from,
                     lm_text_cstr(&worst));
    lm_text_free(&worst);
}

static lm_status go_back(lm_trainer *t, const lm_windows *w, lm_error *err) {
    int64_t from;
    lm_status status = lm_trainer_rewind(t, w->last + 1, &from, err);
    if (status != LM_OK) return status;
    t->state.rewinds++;
    t->state.rewinds_here++;
    if (!lm_trainer_leads(t)) return LM_OK;
    tell_rewind(t, w, from);
    return record(t, "rewind", w, from, err);
}

static bool may_go_back(const lm_trainer *t) {
    const lm_train_options *o = &t->config->train;
    return o->rewind && t->state.rewinds_here < o->max_rewinds;
}

/* ---- the end ----------------------------------------------------------------------------------*/

/* Adds to the error what the guards did before. */
static lm_status give_up(lm_trainer *t, lm_error *err) {
    const lm_run_state *s = &t->state;
    if (s->skips_in_row > 0)
        lm_error_append(err, "; the %" PRId64 " step%s before it %s skipped (train.max_skips)",
                        s->skips_in_row, s->skips_in_row == 1 ? "" : "s",
                        s->skips_in_row == 1 ? "was" : "were");
    if (s->rewinds_here > 0)
        lm_error_append(err,
                        "; the run went back to step %" PRId64 " %" PRId64
                        " time%s in a row (train.max_rewinds)",
                        s->rewind_step, s->rewinds_here, s->rewinds_here == 1 ? "" : "s");
    if (s->skips_in_row > 0 || s->rewinds_here > 0)
        lm_error_append(err, "; metrics.jsonl names the windows (\"event\")");
    return lm_comm_agree(t->ranks.comm, LM_ERR_DIVERGED, err);
}

lm_status lm_trainer_guard(lm_trainer *t, lm_error *err) {
    lm_windows w = {0};
    bool skips = may_skip(t);
    if (!skips && !may_go_back(t)) return give_up(t, err);
    lm_status status = lm_windows_find(&w, t, err);
    if (status != LM_OK) return status;
    status = skips ? skip(t, &w, err) : go_back(t, &w, err);
    lm_windows_free(&w);
    return status;
}

lm_status lm_trainer_guard_taken(lm_trainer *t, lm_error *err) {
    const lm_step_figures *f = &t->figures;
    lm_windows w = {0};
    const char *why = strstr(err->message, ": ");
    if (!may_go_back(t)) return give_up(t, err);
    t->refused = (lm_refused_step){
        .step = t->state.step, .loss = f->loss, .grad_norm = f->grad_norm, .lr = f->lr};
    snprintf(t->refused.why, sizeof t->refused.why, "%.150s", why ? why + 2 : err->message);
    lm_status status = lm_windows_find(&w, t, err);
    if (status == LM_OK) status = go_back(t, &w, err);
    lm_windows_free(&w);
    return status;
}
