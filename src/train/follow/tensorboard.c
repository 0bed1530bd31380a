/* Events for TensorBoard (log.tensorboard): of each step, of evaluations, samples and layers. */
#include "train/follow.h"

/* Its figures have the interval of the lines of metrics, those of its layers have their own. */
static bool has_step(const lm_trainer *t) {
    int64_t step = t->figures.step;
    return t->event_marks.step < step &&
           (lm_trainer_logs(t, step) || lm_layers_has(&t->layers, step));
}

static bool has_new(const lm_trainer *t) {
    const lm_event_marks *m = &t->event_marks;
    return t->events.path &&
           (has_step(t) || m->evaluation < t->state.val_step || m->sample < t->sampling.step);
}

static void put_step(lm_trainer *t) {
    const lm_step_figures *f = &t->figures;
    lm_events_scalar(&t->events, "loss", f->loss);
    lm_events_scalar(&t->events, "lr", f->lr);
    lm_events_scalar(&t->events, "grad_norm", f->grad_norm);
    if (f->noise) lm_events_scalar(&t->events, "noise_scale", f->noise->scale);
    lm_events_scalar(&t->events, "tokens_per_s", f->tokens_per_s);
    lm_events_scalar(&t->events, "tokens", (double)f->tokens);
}

static void put_layers(lm_trainer *t) {
    for (int64_t i = 0; i < t->layers.count; i++) {
        const lm_layer_figures *l = &t->layers.figures[i];
        lm_text tag = {0};
        lm_text_printf(&tag, "update_ratio/%s", l->name);
        if (l->weight_norm > 0)
            lm_events_scalar(&t->events, lm_text_cstr(&tag), l->update_norm / l->weight_norm);
        lm_text_free(&tag);
    }
}

static void put_evaluation(lm_trainer *t) {
    const lm_data_figures *data = lm_trainer_data_figures(t);
    double bytes = t->setup.bytes_per_token;
    lm_events_scalar(&t->events, "val_loss", t->state.val_loss);
    if (t->state.val_loss_raw > 0)
        lm_events_scalar(&t->events, "val_loss_raw", t->state.val_loss_raw);
    if (bytes > 0)
        lm_events_scalar(&t->events, "val_bits_per_byte",
                         lm_bits_per_byte(t->state.val_loss, bytes));
    for (int64_t i = 0; i < data->n_sets; i++) {
        lm_text tag = {0};
        lm_text_printf(&tag, "val_loss/%s", data->sets[i].name);
        lm_events_scalar(&t->events, lm_text_cstr(&tag), data->sets[i].loss);
        lm_text_free(&tag);
    }
}

static void put_sample(lm_trainer *t) {
    lm_text text = {0};
    lm_text_printf(&text, "%s", t->config->log.sample_prompt);
    lm_text_append(&text, lm_text_cstr(&t->sampling.text), t->sampling.text.length);
    lm_events_text(&t->events, "sample", lm_text_cstr(&text));
    lm_text_free(&text);
}

static lm_status put(lm_trainer *t, lm_error *err) {
    lm_event_marks *m = &t->event_marks;
    (void)err; /* a reader's file does not end the run */
    lm_events_begin(&t->events, t->state.step);
    if (m->step < t->figures.step) {
        if (lm_trainer_logs(t, t->figures.step)) put_step(t);
        if (lm_layers_has(&t->layers, t->figures.step)) put_layers(t);
    }
    if (m->evaluation < t->state.val_step) put_evaluation(t);
    if (m->sample < t->sampling.step && t->sampling.text.length > 0) put_sample(t);
    *m = (lm_event_marks){t->figures.step, t->state.val_step, t->sampling.step};
    lm_events_end(&t->events);
    if (!t->events.failed) return LM_OK;
    lm_progress_warn(&t->progress, "warning: no more events for TensorBoard: %-s",
                     t->events.why.message);
    lm_events_close(&t->events);
    return LM_OK;
}

const lm_follower lm_follow_tensorboard = {has_new, put, LM_FOLLOW_FIRST};

void lm_trainer_open_events(lm_trainer *t) {
    lm_error err;
    lm_text config = {0};
    if (!t->config->log.tensorboard) return;
    if (lm_events_open(&t->events, t->dir.path, t->state.step, &err) != LM_OK) {
        lm_progress_warn(&t->progress, "warning: no events for TensorBoard: %-s", err.message);
        return;
    }
    t->event_marks = (lm_event_marks){.step = t->state.step, .evaluation = t->state.val_step};
    if (t->state.step > 0) return; /* the first session wrote it */
    lm_config_print(t->config, &config);
    lm_events_begin(&t->events, 0);
    lm_events_text(&t->events, "config", lm_text_cstr(&config));
    lm_events_end(&t->events);
    lm_text_free(&config);
}
