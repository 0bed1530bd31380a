#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/numbers.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/inspect_corpus.h"
#include "cli/inspect_model.h"
#include "cli/inspect_run.h"
#include "data/corpus.h"
#include "interop/source.h"
#include "saved/saved.h"
#include "train/run_dir.h"

typedef struct request {
    lm_option_texts files;
    int token_bytes;
    bool config, verify, curve;
    int64_t decode, at;
    const char *tokenizer;
} request;

static const lm_option options[] = {
    {"config", NULL, "print the whole config of a checkpoint or a model too",
     LM_STORED(request, config)},
    {"verify", NULL, "read everything: check every digest, every number and every token id",
     LM_STORED(request, verify)},
    LM_OPTION_TOKEN_BYTES(request, token_bytes),
    {"curve", NULL, "of a run directory, print only the curve of its losses",
     LM_STORED(request, curve)},
    {"decode", "N", "of token shards, print only the text of N tokens", LM_STORED(request, decode),
     .count = {.least = 1, .most = INT64_MAX}},
    {"at", "TOKEN", "--decode begins at this token; 0, which is the default, is the first",
     LM_STORED(request, at), .count = {.by_default = -1, .most = INT64_MAX}},
    {"tokenizer", "TOKENIZER", "--decode uses this one: a name or a file (default: the manifest's)",
     LM_STORED(request, tokenizer)},
    {0},
};

/* ---- a checkpoint -----------------------------------------------------------------------------*/

static void print_loss(lm_text *out, const char *what, double x) {
    if (!isnan(x)) lm_text_say(out, "%-12s %.6f\n", what, x);
}

static void print_arrays(const lm_checkpoint *c, lm_text *out) {
    uint64_t stored = 0, raw = 0;
    char a[32], b[32];
    lm_text_say(out, "\n%-40s %-20s %12s %7s\n", "array", "shape", "bytes", "stored");
    for (int64_t i = 0; i < lm_checkpoint_count(c); i++) {
        const lm_checkpoint_entry *e = lm_checkpoint_entry_at(c, i);
        lm_text shape = {0};
        for (int d = 0; d < e->array.ndim; d++)
            lm_text_printf(&shape, "%s%" PRId64, d ? " x " : "", e->array.shape[d]);
        lm_text_say(out, "%-40s %-20s %12" PRIu64 " %6.1f%%\n", e->array.name, lm_text_cstr(&shape),
                    e->raw_bytes, 100 * (double)e->stored_bytes / (double)e->raw_bytes);
        lm_text_free(&shape);
        stored += e->stored_bytes;
        raw += e->raw_bytes;
    }
    lm_text_say(out, "%" PRId64 " arrays, %s stored in %s (%.1f%%)\n", lm_checkpoint_count(c),
                lm_text_bytes(a, sizeof a, (double)raw), lm_text_bytes(b, sizeof b, (double)stored),
                raw ? 100 * (double)stored / (double)raw : 100.0);
}

static lm_status verify(const request *r, lm_checkpoint *c, const char *path, lm_text *out,
                        lm_error *err) {
    lm_pool *pool = NULL;
    if (!r->verify) return LM_OK;
    lm_status status = lm_pool_create(&pool, lm_cpu_threads(NULL), err);
    if (status != LM_OK) goto out;
    if ((status = lm_saved_verify(c, path, pool, err)) != LM_OK) goto out;
    lm_text_say(out, "verified: every digest and CRC is right, every number is finite\n");
out:
    lm_pool_free(pool);
    return status;
}

static lm_status inspect_checkpoint(const request *r, const char *path, lm_text *out,
                                    lm_error *err) {
    lm_checkpoint *c = NULL;
    lm_run_state s;
    lm_config config = {0};
    lm_text newer = {0};
    char text[32];
    lm_status status = lm_checkpoint_open(&c, path, err);
    if (status != LM_OK) return status;
    status = lm_run_state_look(&s, &config, path, lm_checkpoint_meta(c), &newer, err);
    if (status != LM_OK) goto out;
    const lm_model_options *m = &config.model;
    lm_text_say(out, "%s: a checkpoint\n", path);
    if (newer.length > 0)
        lm_text_say(out,
                    "written by a newer lmtrain (this one is %s), so that no other command takes"
                    " it:\n%-s",
                    LM_VERSION, lm_text_cstr(&newer));
    lm_text_say(out, "%-12s %" PRId64 " of %" PRId64 "\n", "step", s.step, config.train.steps);
    lm_text_say(out, "%-12s %" PRId64 "\n", "tokens", s.tokens);
    if (s.skips > 0)
        lm_text_say(out, "%-12s %" PRId64 " step%s\n", "skipped", s.skips, s.skips == 1 ? "" : "s");
    if (s.rewinds > 0)
        lm_text_say(out, "%-12s %" PRId64 " time%s to a checkpoint\n", "went back", s.rewinds,
                    s.rewinds == 1 ? "" : "s");
    lm_text_say(out, "%-12s %s\n", "parameters",
                lm_text_count(text, sizeof text, (double)s.parameters));
    lm_text_say(out,
                "%-12s %" PRId64 " layers of %" PRId64 ", %" PRId64 " heads, context %" PRId64
                ", vocabulary %" PRId64 ", %s, %s, %s\n",
                "model", m->n_layers, m->d_model, m->n_heads, m->context_length, m->vocab_size,
                lm_norm_name(m->norm), lm_position_name(m->position), lm_mlp_name(m->mlp));
    lm_text_say(out, "%-12s %s\n", "optimizer", lm_optimizer_name(config.optimizer.kind));
    lm_text_say(out, "%-12s %s%s\n", "tokenizer", *s.tokenizer ? s.tokenizer : "(not known)",
                s.tokenizer_digest ? ", the member tokenizer.json" : "");
    print_loss(out, "train loss", s.train_loss);
    print_loss(out, "val loss", s.val_loss);
    print_loss(out, "best val", s.best_val_loss);
    if (r->config) {
        lm_text_say(out, "\n");
        lm_config_print_result(&config, out);
    }
    print_arrays(c, out);
    status = verify(r, c, path, out, err);
out:
    lm_text_free(&newer);
    lm_config_free(&config);
    lm_checkpoint_close(c);
    return status;
}

/* ---- tokens -----------------------------------------------------------------------------------*/

static lm_status inspect_corpus(const request *r, const char *path, lm_text *out, lm_error *err) {
    const lm_inspect_corpus o = {.token_bytes = 2 * r->token_bytes,
                                 .verify = r->verify,
                                 .decode = r->decode,
                                 .at = lm_max(0, r->at),
                                 .tokenizer = r->tokenizer};
    return lm_inspect_corpus_run(&o, path, out, err);
}

/* What is no shard has no tokens to decode. */
static lm_status check_decode(const request *r, const char *path, const char *what, lm_error *err) {
    if (r->decode == 0) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE, "--decode: expected token shards, found %s: %s", what,
                        path);
}

/* ---- a model of another program ---------------------------------------------------------------*/

/* The files of llama2.c's first version begin with seven numbers: tokens may look like them. */
static lm_status inspect_model(const request *r, const char *path, lm_text *out, lm_error *err) {
    const lm_inspect_model o = {.config = r->config, .verify = r->verify};
    lm_text model = {0}, corpus = {0};
    lm_error aside;
    bool takes;
    lm_status status = lm_inspect_model_run(&o, path, &takes, &model, err);
    const char *format = lm_interop_format_of(path);
    bool unclear = !takes && format && strcmp(format, "llama2.c") == 0;
    if (unclear && inspect_corpus(r, path, &corpus, &aside) == LM_OK) {
        status = LM_OK;
        lm_text_append(out, lm_text_cstr(&corpus), corpus.length);
    } else {
        if (status == LM_OK) status = check_decode(r, path, "a model", err);
        lm_text_append(out, lm_text_cstr(&model), model.length);
    }
    out->failed |= model.failed || corpus.failed;
    lm_text_free(&model);
    lm_text_free(&corpus);
    return status;
}

/* ---- directories ------------------------------------------------------------------------------*/

/* A directory without anything that this command knows. */
static lm_status say_nothing_known(const char *path, lm_error *err) {
    char *sweep = lm_file_join(path, "sweep.json");
    bool is_sweep = sweep && lm_file_exists(sweep);
    free(sweep);
    if (is_sweep)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: a sweep; inspect takes its trials, %s/trials/*, and lmtrain watch"
                            " and lmtrain report show all of it",
                            path, path);
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: expected a run directory (metrics.jsonl, resolved.json, summary.json),"
                        " a directory of checkpoints (step-*.npz), of token shards (*.bin, *.npy)"
                        " or of a model (config.json), found none of these files",
                        path);
}

static lm_status has_shards(const char *path, bool *yes, lm_error *err) {
    lm_file_list names;
    lm_status status = lm_file_list_directory(&names, path, err);
    *yes = false;
    for (size_t i = 0; status == LM_OK && i < names.count; i++)
        *yes |= lm_corpus_is_shard_name(names.names[i]);
    lm_file_list_free(&names);
    return status;
}

/* A run directory, a directory of checkpoints, or one of shards. */
static lm_status inspect_directory(const request *r, const char *path, lm_text *out,
                                   lm_error *err) {
    size_t count;
    bool shards;
    lm_text names = {0};
    char *config = lm_run_dir_config(path);
    bool run = config != NULL;
    free(config);
    lm_status status = run ? check_decode(r, path, "a run directory", err) : LM_OK;
    if (status != LM_OK) return status;
    if (run)
        return r->curve ? lm_inspect_curve(path, out, err)
                        : lm_inspect_run_directory(path, r->verify, out, err);
    char *inside = lm_file_join(path, "checkpoints"); /* an imported model */
    if (!inside) return lm_error_no_memory(err, path);
    status = lm_inspect_checkpoints(r->verify, lm_file_is_directory(inside) ? inside : path,
                                    lm_file_is_directory(inside) ? "checkpoints/" : "", &names,
                                    &count, err);
    free(inside);
    if (count > 0) {
        if (status == LM_OK) status = check_decode(r, path, "checkpoints", err);
        lm_text_say(out, "%s: checkpoints\n%-s", path, lm_text_cstr(&names));
    } else if (status == LM_OK && lm_inspect_model_is(path)) {
        status = inspect_model(r, path, out, err);
    } else if (status == LM_OK && (status = has_shards(path, &shards, err)) == LM_OK) {
        status = shards ? inspect_corpus(r, path, out, err) : say_nothing_known(path, err);
    }
    lm_text_free(&names);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------*/

/* Does the file begin as a ZIP file, which every checkpoint is? */
static lm_status begins_as_zip(const char *path, bool *yes, lm_error *err) {
    lm_mapping map;
    lm_status status = lm_file_map(&map, path, err);
    *yes = status == LM_OK && map.size >= 4 && lm_read_u32(map.data) == 0x04034B50u;
    lm_file_unmap(&map);
    return status;
}

static lm_status inspect(const request *r, const char *path, lm_text *out, lm_error *err) {
    bool zip = false;
    if (lm_file_is_directory(path)) return inspect_directory(r, path, out, err);
    if (!lm_file_exists(path)) return inspect_corpus(r, path, out, err); /* a pattern, a prefix */
    lm_status status = begins_as_zip(path, &zip, err);
    if (status != LM_OK) return status;
    if (zip || lm_inspect_is_checkpoint(path)) {
        status = check_decode(r, path, "a checkpoint", err);
        return status == LM_OK ? inspect_checkpoint(r, path, out, err) : status;
    }
    return (lm_inspect_model_is(path) ? inspect_model : inspect_corpus)(r, path, out, err);
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_text out = {0};
    lm_status status = LM_OK;
    if (r->decode == 0 && (r->at >= 0 || r->tokenizer))
        return lm_error_set(err, LM_ERR_USAGE, "inspect: --at and --tokenizer are of --decode N");
    for (int i = 0; i < r->files.count && status == LM_OK; i++) {
        if (i > 0 && r->decode == 0) lm_text_printf(&out, "\n");
        status = inspect(r, r->files.items[i], &out, err);
    }
    status = lm_print_after(status, &out, err);
    lm_text_free(&out);
    return status;
}

const lm_command lm_command_inspect = {
    .name = "inspect",
    .summary = "what a checkpoint, a shard, a run directory or a model of another program holds",
    .usage = "FILE... [--config] [--verify] [--curve] [--decode N [--at TOKEN]]",
    .example = "  lmtrain inspect runs/quickstart/checkpoints/step-0000000600.npz --verify\n"
               "  lmtrain inspect data/headers/train.bin --decode 200 --at 5000\n"
               "  lmtrain inspect SmolLM2-135M.gguf\n",
    .options = options,
    .arguments = {"FILE", offsetof(request, files), 1, LM_OPTION_MOST_TEXTS},
    .size = sizeof(request),
    .run = run,
};
