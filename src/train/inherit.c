/* What a run takes over from the model that it begins with: keys of the model that its config
 * leaves out, the tokenizer where the data does not say it, and what is kept for an export. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "machine/cpu.h"
#include "train/run_dir.h"
#include "train/setup.h"

/* A run that goes on does so without what it began with: its own config says all. */
static lm_status inherit_resolved(lm_config *c, bool *found, lm_error *err) {
    lm_config resolved = {0};
    lm_text differing = {0};
    char *path = lm_run_dir_config(c->run.dir);
    lm_status status = LM_OK;
    *found = path && lm_file_exists(path);
    if (*found) status = lm_config_load(&resolved, path, NULL, 0, err);
    if (*found && status == LM_OK)
        status = lm_config_inherit(c, &resolved, LM_CONFIG_ITSELF, &differing, err);
    lm_config_free(&resolved);
    lm_text_free(&differing);
    free(path);
    return status;
}

lm_status lm_setup_inherit(lm_config *c, bool resume, lm_saved *from, lm_text *said,
                           lm_error *err) {
    lm_pool *pool = NULL;
    bool found = false;
    *from = (lm_saved){0};
    if (!c->run.init_from || !*c->run.init_from) return LM_OK;
    lm_status status = resume ? inherit_resolved(c, &found, err) : LM_OK;
    if (status != LM_OK || found) return status;
    status = lm_pool_create(&pool, lm_cpu_threads(NULL), err);
    if (status != LM_OK) return status;
    status = lm_saved_open(from, c->run.init_from, pool, said, err);
    lm_pool_free(pool);
    if (status == LM_OK && lm_saved_tokenizer_fails(from, err)) status = err->code;
    /* A checkpoint of no step is what import wrote. */
    const lm_config_origin origin =
        status == LM_OK && from->state.step > 0 ? LM_CONFIG_TRAINED : LM_CONFIG_IMPORTED;
    if (status == LM_OK &&
        (status = lm_config_inherit(c, &from->config, origin, said, err)) != LM_OK)
        lm_error_prefix(err, "%s", from->path);
    if (status == LM_OK) return LM_OK;
    lm_saved_close(from);
    return lm_error_prefix(err, "run.init_from");
}

lm_status lm_setup_adopt(lm_setup *s, const lm_saved *from, lm_error *err) {
    bool found;
    lm_status status = LM_OK;
    if (!*s->tokenizer) {
        strcpy(s->tokenizer, from->state.tokenizer);
        s->tokenizer_digest = from->state.tokenizer_digest;
        if (s->tokenizer_digest)
            status = lm_saved_text(from, "tokenizer.json", &found, &s->tokenizer_file, err);
    }
    lm_text_free(&s->kept); /* a run may begin twice */
    if (status == LM_OK) status = lm_saved_text(from, LM_INTEROP_KEPT, &found, &s->kept, err);
    return status == LM_OK ? lm_setup_plan(s, err) : status;
}
