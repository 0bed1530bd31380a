/* The weights that a new run begins with. */
#include <string.h>

#include "train/trainer.h"

/* Each parameter of the checkpoint must be one of this model, so that none is silently left out.
 * Arrays of the optimizer do not count: they are named "state/parameter", and parameters have no
 * slash. */
static lm_status check_all_used(const lm_trainer *t, const lm_saved *from, lm_error *err) {
    for (int64_t i = 0; i < lm_checkpoint_count(from->checkpoint); i++) {
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

/* Reading checks the shapes. Other keys of the model may differ on purpose (rope_theta, say). */
static void say_differences(lm_trainer *t, const lm_saved *from) {
    lm_text differences = {0};
    lm_config_differences(&from->config, t->config, "model", &differences);
    lm_progress_note(&t->progress, "weights from %s, step %lld", from->path,
                     (long long)from->state.step);
    if (differences.length > 0)
        lm_progress_warn(&t->progress, "warning: its model differs:\n%-s",
                         lm_text_cstr(&differences));
    lm_text_free(&differences);
}

/* Weights that do not fit: adds which keys of the two models differ. */
static void name_differences(const lm_trainer *t, const lm_saved *from, lm_error *err) {
    lm_text differences = {0};
    lm_config_differences(&from->config, t->config, "model", &differences);
    if (differences.length > 0 && !err->damaged)
        lm_error_set(err, LM_ERR_USAGE,
                     "%-s\nIts model differs from that of this run in (there -> here):\n%-s",
                     err->message, lm_text_cstr(&differences));
    lm_text_free(&differences);
}

static lm_status take_weights(lm_trainer *t, const char *path, lm_error *err) {
    lm_saved from;
    lm_text skipped = {0};
    lm_status status = lm_saved_open(&from, path, t->pool, &skipped, err);
    if (status != LM_OK) goto out; /* the error names what was skipped */
    if (skipped.length > 0)
        lm_progress_warn(&t->progress, "passed over:\n%-s", lm_text_cstr(&skipped));
    if ((status = check_tokenizer(t, &from, err)) != LM_OK) goto out;
    if ((status = check_all_used(t, &from, err)) != LM_OK ||
        (status = lm_saved_weights(&from, t->model, t->pool, err)) != LM_OK) {
        name_differences(t, &from, err);
        status = err->code;
        goto out;
    }
    say_differences(t, &from);
out:
    if (status != LM_OK) lm_error_prefix(err, "run.init_from");
    lm_text_free(&skipped);
    lm_saved_close(&from);
    return status;
}

lm_status lm_trainer_init(lm_trainer *t, lm_error *err) {
    const char *path = t->config->run.init_from;
    lm_model_init(t->model, (uint64_t)t->config->run.seed);
    return path && *path ? take_weights(t, path, err) : LM_OK;
}
