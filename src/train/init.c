/* The weights that a new run begins with. */
#include <string.h>

#include "train/trainer.h"

/* Each parameter of the checkpoint must be one of this model, so that none is silently left out.
 * Arrays of the optimizer do not count: they are named "state/parameter", and parameters have no
 * slash. */
static lm_status check_all_used(const lm_trainer *t, const lm_saved *from, lm_error *err) {
    for (int64_t i = 0; from->checkpoint && i < lm_checkpoint_count(from->checkpoint); i++) {
        const char *name = lm_checkpoint_entry_at(from->checkpoint, i)->array.name;
        bool used = strchr(name, '/') != NULL;
        for (int64_t j = 0; j < t->n_arrays && !used; j++)
            used = strcmp(t->arrays[j].name, name) == 0;
        if (!used)
            return lm_error_set(err, LM_ERR_USAGE, "%s: array %s is not of this run's model",
                                from->path, name);
    }
    return LM_OK;
}

static lm_status check_tokenizer(const lm_trainer *t, const lm_saved *from, lm_error *err) {
    const char *was = from->state.tokenizer, *is = t->state.tokenizer;
    bool same = strcmp(was, is) == 0;
    if (!*was || !*is || (same && from->state.tokenizer_digest == t->state.tokenizer_digest))
        return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: its tokenizer is \"%s\", that of data.train is \"%s\"%s", from->path,
                        was, is, same ? " of another file" : "");
}

/* Keys that may differ do so on purpose (rope_theta, say). */
static void say_differences(lm_trainer *t, const lm_saved *from) {
    if (from->foreign)
        lm_progress_note(&t->progress, "weights from %s", from->path);
    else
        lm_progress_note(&t->progress, "weights from %s, step %lld%s%s", from->path,
                         (long long)from->state.step, lm_saved_weights_kind(from) ? ": " : "",
                         lm_saved_weights_kind(from) ? lm_saved_weights_kind(from) : "");
    if (t->said.length > 0)
        lm_progress_warn(
            &t->progress,
            "warning: keys of the model are others than those of the weights (there -> here):\n%-s",
            lm_text_cstr(&t->said));
}

static lm_status take_weights(lm_trainer *t, lm_error *err) {
    const lm_saved *from = &t->from;
    lm_status status = LM_OK;
    if (!from->path) { /* a run that was to go on and has nothing to go on from */
        status = lm_saved_open(&t->from, t->config->run.init_from, t->pool, &t->said, err);
        if (status != LM_OK) goto out; /* the error names what was skipped */
        if ((status = lm_setup_adopt(&t->setup, from, err)) != LM_OK) goto out;
    }
    if ((status = check_tokenizer(t, from, err)) != LM_OK) goto out;
    if ((status = check_all_used(t, from, err)) != LM_OK) goto out;
    if ((status = lm_saved_weights(from, t->model, t->pool, err)) != LM_OK) goto out;
    if (lm_trainer_leads(t)) say_differences(t, from);
out:
    if (status != LM_OK) lm_error_prefix(err, "run.init_from");
    lm_saved_close(&t->from);
    return status;
}

lm_status lm_trainer_init(lm_trainer *t, lm_error *err) {
    const char *path = t->config->run.init_from;
    lm_model_init(t->model, (uint64_t)t->config->run.seed);
    return path && *path ? take_weights(t, err) : LM_OK;
}
