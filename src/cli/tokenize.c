#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "cli/commands.h"
#include "data/manifest.h"
#include "data/shard_writer.h"
#include "data/text_files.h"
#include "tokenizer/tokenizer.h"

#define PIECE ((size_t)4 << 20) /* bytes of text encoded at a time */

typedef struct request {
    const char *tokenizer, *output;
    lm_option_texts input, extension;
    double val_fraction;
    int64_t max_bytes;
    bool force;
} request;

static const lm_option options[] = {
    {"tokenizer", "NAME", "bytes: one token per byte", LM_STORED(request, tokenizer),
     .required = true},
    {"input", "FILE_OR_DIR", "text; directories are walked, in sorted order",
     LM_STORED(request, input), .required = true},
    {"output", "DIR", "where train.bin and val.bin go, each with a manifest (.json)",
     LM_STORED(request, output), .required = true},
    {"val-fraction", "F",
     "share to hold out for validation: whole files, or the end of a single one",
     LM_STORED(request, val_fraction), .real = {.most = 0.999}},
    {"extension", ".EXT", "take only such files from directories", LM_STORED(request, extension)},
    {"max-bytes", "N", "take a sample: whole files, N bytes together at most",
     LM_STORED(request, max_bytes), .count = {.least = 1, .most = INT64_MAX}},
    {"force", NULL, "overwrite the corpus that is there", LM_STORED(request, force)},
    {0},
};

typedef struct job {
    const lm_tokenizer *tokenizer;
    lm_shard_writer writers[2]; /* train, val */
    bool open[2];
    char *paths[2];
    uint64_t bytes[2];
    int64_t files[2];
    lm_encoder *encoder;
    lm_token_list tokens; /* of the piece at hand */
    lm_error *err;
} job;

static const char *const side_names[2] = {"train.bin", "val.bin"};

static lm_status put_tokens(job *j, int side) {
    lm_status status =
        lm_shard_writer_put(&j->writers[side], j->tokens.ids, j->tokens.count, j->err);
    j->tokens.count = 0;
    return status;
}

/* A whole document. */
static lm_status put_text(job *j, int side, const unsigned char *text, size_t size) {
    lm_status status = LM_OK;
    for (size_t at = 0; at < size && status == LM_OK; at += PIECE) {
        const char *piece = (const char *)text + at;
        status =
            lm_encoder_put(j->encoder, piece, lm_size_min(size - at, PIECE), &j->tokens, j->err);
        if (status == LM_OK) status = put_tokens(j, side);
    }
    if (status == LM_OK) status = lm_encoder_finish(j->encoder, &j->tokens, j->err);
    if (status == LM_OK) status = put_tokens(j, side);
    j->bytes[side] += size;
    return status;
}

static lm_status put_separator(job *j, int side) {
    int32_t id = lm_tokenizer_separator(j->tokenizer);
    return id < 0 ? LM_OK : lm_shard_writer_put(&j->writers[side], &id, 1, j->err);
}

/* One file: a document, behind a separator where another one went before. */
static lm_status put_document(job *j, int side, const char *path) {
    lm_mapping map;
    lm_status status = lm_file_map(&map, path, j->err);
    if (status != LM_OK) return status;
    if (j->files[side]++ > 0) status = put_separator(j, side);
    if (status == LM_OK) status = put_text(j, side, map.data, map.size);
    lm_file_unmap(&map);
    return status;
}

/* A single file is cut in two: its end is for validation. */
static lm_status put_single(job *j, const char *path, double val_fraction) {
    lm_mapping map;
    lm_status status = lm_file_map(&map, path, j->err);
    if (status != LM_OK) return status;
    size_t held = (size_t)(val_fraction * (double)map.size);
    if (map.size == 0)
        status = lm_error_set(j->err, LM_ERR_USAGE, "%s: expected text, found an empty file", path);
    if (status == LM_OK) status = put_text(j, 0, map.data, map.size - held);
    if (status == LM_OK && j->open[1]) status = put_text(j, 1, map.data + map.size - held, held);
    j->files[0]++;
    lm_file_unmap(&map);
    return status;
}

static lm_status open_writers(job *j, const char *output, bool validation, bool force,
                              lm_error *err) {
    lm_status status = lm_file_make_directory(output, err);
    for (int side = 0; side < 2 && status == LM_OK; side++) {
        j->paths[side] = lm_file_join(output, side_names[side]);
        if (!j->paths[side]) return lm_error_no_memory(err, output);
        if (lm_file_exists(j->paths[side]) && !force)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s exists already: add --force to overwrite what is in %s, or"
                                " choose another --output",
                                j->paths[side], output);
        if (side == 1 && !validation) break;
        status =
            lm_shard_writer_open(&j->writers[side], j->paths[side], lm_tokenizer_kind(j->tokenizer),
                                 lm_tokenizer_vocab_size(j->tokenizer), err);
        j->open[side] = status == LM_OK;
    }
    return status;
}

/* Validation tokens of an earlier corpus would be part of what is trained on now. */
static lm_status remove_stale(const job *j, lm_error *err) {
    lm_status status = LM_OK;
    if (j->open[1]) return LM_OK;
    char *manifest = lm_manifest_path(j->paths[1]);
    if (!manifest) return lm_error_no_memory(err, j->paths[1]);
    if (lm_file_exists(j->paths[1])) status = lm_file_remove(j->paths[1], err);
    if (status == LM_OK && lm_file_exists(manifest)) status = lm_file_remove(manifest, err);
    free(manifest);
    return status;
}

static lm_status put_all(job *j, const lm_text_files *list, double val_fraction) {
    if (list->count == 1) return put_single(j, list->files[0].path, val_fraction);
    for (size_t i = 0; i < list->count; i++) {
        int side = list->files[i].validation && j->open[1];
        lm_status status = put_document(j, side, list->files[i].path);
        if (status != LM_OK) return status;
    }
    return LM_OK;
}

static void print_passed_over(lm_text *out, size_t count, const char *why) {
    if (count > 0) lm_text_printf(out, "%zu file%s %s\n", count, count == 1 ? "" : "s", why);
}

static lm_status finish(job *j, const lm_text_files *list, lm_error *err) {
    lm_text t = {0};
    for (int side = 0; side < 2; side++)
        if (j->open[side] && j->writers[side].manifest.tokens == 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s: expected text for it, found none (--val-fraction)",
                                j->paths[side]);
    for (int side = 0; side < 2; side++) {
        char bytes[32];
        if (!j->open[side]) continue;
        int64_t tokens = j->writers[side].manifest.tokens;
        lm_status status = lm_shard_writer_commit(&j->writers[side], err);
        j->open[side] = false;
        if (status != LM_OK) return status;
        lm_text_printf(&t, "%-5s %s: %" PRId64 " tokens of %s of text", side ? "val" : "train",
                       j->paths[side], tokens,
                       lm_text_bytes(bytes, sizeof bytes, (double)j->bytes[side]));
        if (j->files[side] > 0)
            lm_text_printf(&t, ", %" PRId64 " file%s", j->files[side],
                           j->files[side] == 1 ? "" : "s");
        lm_text_printf(&t, "\n");
    }
    print_passed_over(&t, list->repeated, "found more than once, taken once");
    print_passed_over(&t, list->not_text, "skipped: not text (0x00 bytes)");
    print_passed_over(&t, list->left_out, "left out: --max-bytes");
    lm_status status = lm_print(&t, err);
    lm_text_free(&t);
    return status;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    job j = {.err = err};
    lm_text_files list = {0};
    lm_tokenizer *tokenizer = NULL;
    lm_status status = lm_tokenizer_open(&tokenizer, r->tokenizer, err);
    if (status != LM_OK) goto out;
    j.tokenizer = tokenizer;
    if ((status = lm_encoder_open(&j.encoder, tokenizer, err)) != LM_OK) goto out;
    lm_text_files_options how = {.extensions = r->extension.items,
                                 .n_extensions = r->extension.count,
                                 .max_bytes = (uint64_t)r->max_bytes,
                                 .val_fraction = r->val_fraction};
    status = lm_text_files_find(&list, &how, r->input.items, r->input.count, err);
    if (status != LM_OK) goto out;
    status = open_writers(&j, r->output, r->val_fraction > 0, r->force, err);
    if (status != LM_OK) goto out;
    if ((status = put_all(&j, &list, r->val_fraction)) != LM_OK) goto out;
    if ((status = remove_stale(&j, err)) != LM_OK) goto out;
    status = finish(&j, &list, err);
out:
    for (int side = 0; side < 2; side++) {
        if (j.open[side]) lm_shard_writer_abort(&j.writers[side]);
        free(j.paths[side]);
    }
    lm_encoder_close(j.encoder);
    lm_token_list_free(&j.tokens);
    lm_text_files_free(&list);
    lm_tokenizer_close(tokenizer);
    return status;
}

const lm_command lm_command_tokenize = {
    .name = "tokenize",
    .summary = "turn text into token shards to train on",
    .usage = "--tokenizer bytes --input FILE_OR_DIR... --output DIR [--val-fraction F]",
    .example = "  lmtrain tokenize --tokenizer bytes --input book.txt --output data/book"
               " --val-fraction 0.05\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
};
