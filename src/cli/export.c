/* A model out, for other programs. */
#include "interop/export.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/export_card.h"
#include "interop/encode.h"
#include "machine/stop.h"
#include "saved/exports.h"

typedef struct request {
    lm_option_texts saved;
    const char *checkpoint, *output, *tokenizer, *name;
    int to, dtype, weights;
    int64_t shard_bytes;
    bool force;
    lm_machine_options machine;
} request;

#define SHARD_BYTES 5000000000 /* the size of a shard of Hugging Face's own files */

static const lm_option options[] = {
    LM_OPTION_CHECKPOINT(request, checkpoint),
    LM_OPTION_WEIGHTS(request, weights),
    {"to", "FORMAT",
     "hf: a directory for Hugging Face's transformers; gguf: a file for llama.cpp; llama2c: a"
     " directory for llama2.c (llama2c-v1: in its newer format); llmc: one for llm.c",
     LM_STORED(request, to), .required = true,
     .choice = {.name = lm_interop_format_name, .by_default = -1}},
    {"output", "PATH", "the directory, or, of gguf, the file", LM_STORED(request, output),
     .required = true},
    {"dtype", "TYPE",
     "of the weights: bf16 and f16 are rounded to half the size, q8_0 (gguf alone) to a quarter",
     LM_STORED(request, dtype), .choice = {.name = lm_interop_dtype_name}},
    {"shard-bytes", "N",
     "with --to hf: the most bytes of weights in a file, of which there may be"
     " several",
     LM_STORED(request, shard_bytes),
     .count = {.by_default = SHARD_BYTES, .least = 1, .most = INT64_MAX}},
    {"tokenizer", "NAME_OR_FILE",
     "the tokenizer of the model's tokens, for a run that does not know it",
     LM_STORED(request, tokenizer)},
    {"name", "TEXT", "the model's name (default: that of the run)", LM_STORED(request, name)},
    {"force", NULL, "replace files that lmtrain did not write", LM_STORED(request, force)},
    LM_OPTION_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {0},
};

/* "book" of runs/book/checkpoints/step-0000000600.npz; else the name of the file. malloc'd. */
static char *name_of(const char *checkpoint) {
    char full[PATH_MAX], directory[PATH_MAX], above[PATH_MAX];
    if (!realpath(checkpoint, full)) snprintf(full, sizeof full, "%s", checkpoint);
    snprintf(directory, sizeof directory, "%s", full);
    char *in = dirname(directory);
    if (lm_checkpoint_step(basename(full)) >= 0 && strcmp(basename(in), "checkpoints") == 0) {
        snprintf(above, sizeof above, "%s", in);
        return strdup(basename(dirname(above)));
    }
    char *name = strdup(basename(full)), *dot = name ? strrchr(name, '.') : NULL;
    if (dot && dot > name) *dot = '\0';
    return name;
}

/* The model's name as text that every reader takes: bytes that are not UTF-8, and line feeds, are
 * written as "\xff" and "\n". */
static lm_status choose_name(const request *r, const lm_saved *saved, lm_text *out, lm_error *err) {
    char *name = r->name ? strdup(r->name) : name_of(saved->path);
    if (!name) return lm_error_no_memory(err, NULL);
    lm_text_say(out, "%s", name);
    free(name);
    if (out->failed) return lm_error_no_memory(err, NULL);
    if (out->length > 0) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE, "--name: expected a name, found an empty one");
}

static lm_status open_tokenizer(const request *r, const lm_saved *saved, lm_tokenizer **t,
                                lm_error *err) {
    lm_error aside;
    if (r->tokenizer && lm_saved_tokenizer_fails(saved, &aside))
        return lm_tokenizer_open(t, r->tokenizer, NULL, err);
    lm_status status = lm_saved_tokenizer(saved, NULL, t, err);
    if (status != LM_OK || !r->tokenizer) return status;
    if (*t)
        return lm_error_set(err, LM_ERR_USAGE,
                            "--tokenizer %s: %s has the tokenizer of its tokens in it",
                            r->tokenizer, saved->path);
    return lm_tokenizer_open(t, r->tokenizer, NULL, err);
}

static lm_status read_weights(const lm_saved *saved, lm_pool *pool, float **weights,
                              lm_error *err) {
    int64_t total, n = lm_model_params(&saved->config.model, NULL, &total);
    lm_param *rows = total < 0 ? NULL : calloc((size_t)n, sizeof *rows);
    *weights = rows ? calloc((size_t)total, sizeof **weights) : NULL;
    lm_status status = LM_OK;
    if (*weights) {
        lm_model_params(&saved->config.model, rows, &total);
        status = lm_saved_read(saved, rows, n, *weights, pool, err);
    } else {
        status = lm_error_no_memory(err, "the weights");
    }
    free(rows);
    return status;
}

static lm_status write(const lm_interop_export *e, const lm_saved *saved, lm_error *err) {
    lm_text said = {0}, out = {0};
    lm_stop_arm(0, "stopping");
    lm_status status = lm_interop_write(e, &said, err);
    lm_stop_restore();
    if (status == LM_OK) {
        lm_text_say(&out, "%s: %s of step %lld as %s\n", e->output, e->class->name,
                    (long long)saved->state.step, lm_interop_dtype_name(e->dtype));
        for (const char *at = lm_text_cstr(&said); *at; at += strcspn(at, "\n") + 1)
            lm_text_say(&out, "  %.*s\n", (int)strcspn(at, "\n"), at);
        status = lm_print(&out, err);
    }
    lm_text_free(&said);
    lm_text_free(&out);
    return status;
}

/* Everything that can be refused is before the weights are read. */
static lm_status export(const request *r, const lm_saved *saved, lm_pool *pool, lm_error *err) {
    lm_tokenizer *tokenizer = NULL;
    lm_interop_kept kept = lm_interop_kept_none();
    lm_text card = {0}, about = {0}, name = {0};
    float *weights = NULL;
    lm_interop_export e = {.ours = &saved->config.model,
                           .dtype = r->dtype,
                           .output = r->output,
                           .shard_bytes = (uint64_t)r->shard_bytes,
                           .force = r->force};
    lm_status status = choose_name(r, saved, &name, err);
    if (status != LM_OK) goto out;
    e.name = lm_text_cstr(&name);
    e.class = lm_saved_class(&saved->config, (lm_interop_format)r->to, err);
    if (!e.class) {
        status = lm_error_prefix(err, "%s", saved->path);
        goto out;
    }
    if ((status = open_tokenizer(r, saved, &tokenizer, err)) != LM_OK) goto out;
    if ((status = lm_saved_kept(saved, &kept, err)) != LM_OK) goto out;
    e.kept = &kept;
    e.tokenizer = tokenizer;
    if ((status = lm_interop_check(&e, err)) != LM_OK) goto out;
    lm_export_card(&e, saved, &card);
    lm_export_about(&e, saved, &about);
    status = card.failed || about.failed ? lm_error_no_memory(err, NULL) : LM_OK;
    if (status != LM_OK) goto out;
    e.card = lm_text_cstr(&card);
    e.about = lm_text_cstr(&about);
    if ((status = read_weights(saved, pool, &weights, err)) != LM_OK) goto out;
    e.weights = weights;
    status = write(&e, saved, err);
out:
    free(weights);
    lm_text_free(&name);
    lm_text_free(&card);
    lm_text_free(&about);
    lm_interop_kept_free(&kept);
    lm_tokenizer_close(tokenizer);
    return status;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    const char *path;
    lm_session session = {0};
    lm_saved saved = {0};
    lm_text skipped = {0};
    if (r->to != LM_INTEROP_HF && r->shard_bytes != SHARD_BYTES)
        return lm_error_set(
            err, LM_ERR_USAGE,
            "export: --shard-bytes is of --to hf: --to %s writes one file of weights",
            lm_interop_format_name(r->to));
    lm_status status = lm_checkpoint_argument("export", &r->saved, r->checkpoint, &path, err);
    if (status == LM_OK) status = lm_machine_session(&r->machine, &session, err);
    if (status != LM_OK) goto out;
    status = lm_saved_open(&saved, path, session.compute.pool, &skipped, err);
    if (status != LM_OK) goto out;
    lm_warn_passed_over(&skipped);
    if ((status = lm_saved_choose(&saved, r->weights, err)) != LM_OK) goto out;
    status = export(r, &saved, session.compute.pool, err);
out:
    lm_text_free(&skipped);
    lm_saved_close(&saved);
    lm_session_close(&session);
    return status;
}

const lm_command lm_command_export = {
    .name = "export",
    .summary = "write a model and its tokenizer for transformers, llama.cpp, llama2.c or llm.c",
    .usage = "RUN_OR_FILE --to FORMAT --output PATH [--dtype TYPE] [--force] [OPTIONS]",
    .example = "  lmtrain export runs/quickstart --to hf --output quickstart-hf\n"
               "  lmtrain export runs/quickstart --to gguf --output quickstart.gguf --dtype q8_0\n",
    .options = options,
    .arguments = {"RUN_OR_FILE", offsetof(request, saved), 0, 1},
    .size = sizeof(request),
    .run = run,
};
