/* A model of another program in. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "cli/checkpoint_output.h"
#include "cli/commands.h"
#include "machine/stop.h"
#include "saved/foreign.h"

typedef struct request {
    lm_option_texts source;
    const char *output, *tokenizer;
    int64_t context;
    bool force;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    {"output", "RUN_OR_FILE",
     "a run directory, or, with a name that ends in .npz, a checkpoint of its own",
     LM_STORED(request, output), .required = true},
    {"tokenizer", "NAME_OR_FILE",
     "the tokenizer of the model's tokens, instead of the one that comes along; none: no tokenizer",
     LM_STORED(request, tokenizer)},
    {"context", "N",
     "a shorter context, which generating and evaluating need less memory for;"
     " 0: the model's own",
     LM_STORED(request, context), .count = {.most = INT32_MAX}},
    {"force", NULL, "overwrite the checkpoint that is there", LM_STORED(request, force)},
    LM_OPTION_THREADS(request, machine),
    {0},
};

static lm_status shorten(const request *r, lm_saved *saved, lm_error *err) {
    lm_model_options *m = &saved->config.model;
    if (r->context == 0 || r->context == m->context_length) return LM_OK;
    if (m->position == LM_POSITION_LEARNED || r->context > m->context_length)
        return lm_error_set(
            err, LM_ERR_USAGE, "--context %" PRId64 ": %s has a context of %" PRId64 "%s",
            r->context, saved->path, m->context_length,
            m->position == LM_POSITION_LEARNED ? " learned positions, all of which are kept" : "");
    m->context_length = r->context;
    return LM_OK;
}

static void describe(const request *r, const lm_saved *saved, const char *path, uint64_t bytes,
                     lm_text *out) {
    const bool refused = r->tokenizer && strcmp(r->tokenizer, "none") == 0;
    const lm_interop_source *source = &saved->foreign->source;
    const lm_model_options *m = &saved->config.model;
    char parameters[32], size[32];
    lm_text_say(out,
                "%s: %s, %s: %s parameters, %" PRId64 " layers of %" PRId64 ", context %" PRId64
                ", vocabulary %" PRId64 "\n",
                source->path, lm_interop_format_of(source->path), source->class->name,
                lm_text_count(parameters, sizeof parameters, (double)saved->state.parameters),
                m->n_layers, m->d_model, m->context_length, m->vocab_size);
    for (const char *at = lm_text_cstr(&source->said); *at; at += strcspn(at, "\n") + 1)
        lm_text_say(out, "  %.*s\n", (int)strcspn(at, "\n"), at);
    lm_text_say(out, "tokenizer  %s\n",
                *saved->state.tokenizer ? saved->state.tokenizer
                : refused               ? "none, as --tokenizer says"
                                        : "none came along");
    lm_text_say(out, "written    %s: %s\n", path, lm_text_bytes(size, sizeof size, (double)bytes));
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_session session = {0};
    lm_saved saved = {0};
    lm_text out = {0};
    char *path = NULL;
    uint64_t bytes = 0;
    lm_status status = lm_saved_open_foreign(&saved, r->source.items[0], r->tokenizer, false, err);
    if (status != LM_OK) goto out;
    if ((status = shorten(r, &saved, err)) != LM_OK) goto out;
    if ((status = lm_checkpoint_output(r->output, 0, r->force, &path, err)) != LM_OK) goto out;
    if ((status = lm_machine_session(&r->machine, &session, err)) != LM_OK) goto out;
    lm_stop_arm(0, "stopping, unless all is read: then the checkpoint is written");
    saved.foreign->source.stops = true;
    status = lm_saved_write_foreign(&saved, path, session.compute.pool, &bytes, err);
    lm_stop_restore();
    if (status != LM_OK) goto out;
    describe(r, &saved, path, bytes, &out);
    status = lm_print(&out, err);
out:
    lm_text_free(&out);
    free(path);
    lm_saved_close(&saved);
    lm_session_close(&session);
    return status;
}

const lm_command lm_command_import = {
    .name = "import",
    .summary = "read a model of transformers, llama.cpp, llama2.c, llm.c or nanoGPT",
    .usage = "SOURCE --output RUN_OR_FILE [OPTIONS]",
    .example = "  lmtrain import SmolLM2-135M --output runs/smollm2\n"
               "  lmtrain import model.gguf --output model.npz --context 2048\n",
    .options = options,
    .arguments = {"SOURCE", offsetof(request, source), 1, 1},
    .size = sizeof(request),
    .run = run,
};
