/* A text that the model writes, every log.sample_every steps and at the end. */
#include <inttypes.h>
#include <string.h>

#include "base/numbers.h"
#include "train/follow.h"

enum { NOTE_BYTES = 160 };

/* Not before the evaluation of the same step, which a request to stop may leave to the session that
 * goes on: it would write the text a second time. */
static bool is_due(const lm_trainer *t) {
    return t->config->log.sample_every > 0 && t->sampling.step < t->state.step &&
           !lm_trainer_evaluation_due(t) &&
           (lm_trainer_at_interval(t, t->config->log.sample_every) || lm_trainer_is_finished(t));
}

/* Half a character at the end of what is shown is shown as bytes. */
static void show(lm_trainer *t) {
    const char *text = lm_text_cstr(&t->sampling.text);
    size_t n = strlen(text), shown = lm_size_min(n, NOTE_BYTES);
    while (shown > 0 && shown < n && ((unsigned char)text[shown] & 0xC0) == 0x80) shown--;
    lm_progress_note(&t->progress, "step %" PRId64 "  sample: %.*s%s", t->state.step, (int)shown,
                     text, shown < n ? "..." : "");
}

/* When memory is short the run goes on without. */
static lm_status sample(lm_trainer *t, lm_error *err) {
    lm_error why;
    lm_status status = lm_ranks_await_weights(t, err);
    if (status != LM_OK) return status;
    lm_trainer_show_average(t);
    status = lm_sampling_write(&t->sampling, t->model, t->setup.tokens_of, t->state.step, &why);
    lm_trainer_hide_average(t);
    t->sampling.step = t->state.step;
    if (status != LM_OK) {
        if (!t->sampling.told)
            lm_progress_warn(&t->progress, "warning: no sample: %-s", why.message);
        t->sampling.told = true;
        return LM_OK;
    }
    show(t);
    const lm_sample_figures f = {.step = t->state.step,
                                 .tokens = t->state.tokens,
                                 .seconds = lm_trainer_seconds(t),
                                 .prompt = t->config->log.sample_prompt,
                                 .text = lm_text_cstr(&t->sampling.text)};
    return lm_metrics_sample(&t->metrics, &f, err);
}

const lm_follower lm_follow_sample = {is_due, sample, LM_FOLLOW_FIRST};
