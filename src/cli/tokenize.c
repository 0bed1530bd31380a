#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "cli/commands.h"
#include "cli/tokenize_show.h"
#include "data/manifest.h"
#include "data/shard_writer.h"
#include "data/text_files.h"
#include "tokenizer/tokenizer.h"

#define PIECE ((size_t)4 << 20) /* bytes of text encoded at a time */

typedef struct request {
    const char *tokenizer, *pretokenizer, *output, *inspect, *decode;
    lm_option_texts input, extension;
    double val_fraction;
    int64_t max_bytes;
    bool allow_special, force;
} request;

static const lm_option options[] = {
    {"tokenizer", "NAME_OR_FILE",
     "bytes: one token per byte; or a file: tokenizer.json, vocab.json with merges.txt, tiktoken's"
     " ranks",
     LM_STORED(request, tokenizer), .required = true},
    {"pretokenizer", "NAME", "how text is split, where the file does not say it (tiktoken's ranks)",
     LM_STORED(request, pretokenizer)},
    {"allow-special", NULL,
     "special tokens that stand in the text are tokens; else they are text like any other",
     LM_STORED(request, allow_special)},
    {"input", "FILE_OR_DIR", "text; directories are walked, in sorted order",
     LM_STORED(request, input)},
    {"output", "DIR", "where train.bin and val.bin go, each with a manifest (.json)",
     LM_STORED(request, output)},
    {"val-fraction", "F",
     "share to hold out for validation: whole files, or the end of a single one",
     LM_STORED(request, val_fraction), .real = {.most = 0.999}},
    {"extension", ".EXT", "take only such files from directories", LM_STORED(request, extension)},
    {"max-bytes", "N", "take a sample: whole files, N bytes together at most",
     LM_STORED(request, max_bytes), .count = {.least = 1, .most = INT64_MAX}},
    {"force", NULL, "overwrite the corpus that is there", LM_STORED(request, force)},
    {"inspect", "TEXT", "instead of all this: print the pieces and ids of a text",
     LM_STORED(request, inspect)},
    {"decode", "IDS", "likewise: print the text of ids (\"1 2 3\"); -: those on standard input",
     LM_STORED(request, decode)},
    {0},
};

/* The corpus to train on, or the one held out for validation. */
typedef struct part {
    lm_shard_writer writer;
    bool open;
    char *path;
    uint64_t bytes;
    int64_t files; /* whole ones */
} part;

enum { TRAIN, VAL, PARTS };

typedef struct job {
    const lm_tokenizer *tokenizer;
    part parts[PARTS];
    lm_encoder *encoder;
    lm_token_list tokens; /* of the piece at hand */
    lm_error *err;
} job;

/* ---- text -------------------------------------------------------------------------------------*/

static lm_status put_tokens(job *j, part *to) {
    lm_status status = lm_shard_writer_put(&to->writer, j->tokens.ids, j->tokens.count, j->err);
    j->tokens.count = 0;
    return status;
}

/* A whole document. */
static lm_status put_text(job *j, part *to, const unsigned char *text, size_t size) {
    lm_status status;
    to->bytes += size;
    for (size_t at = 0; at < size; at += PIECE) {
        const char *piece = (const char *)text + at;
        size_t n = lm_size_min(size - at, PIECE);
        status = lm_encoder_put(j->encoder, piece, n, &j->tokens, j->err);
        if (status != LM_OK) return status;
        if ((status = put_tokens(j, to)) != LM_OK) return status;
    }
    status = lm_encoder_finish(j->encoder, &j->tokens, j->err);
    if (status != LM_OK) return status;
    return put_tokens(j, to);
}

static lm_status put_separator(job *j, part *to) {
    int32_t id = lm_tokenizer_separator(j->tokenizer);
    return id < 0 ? LM_OK : lm_shard_writer_put(&to->writer, &id, 1, j->err);
}

/* Each file is a document; a separator stands between two of them. */
static lm_status put_document(job *j, part *to, const char *path) {
    lm_mapping map;
    lm_status status = lm_file_map(&map, path, j->err);
    if (status != LM_OK) return status;
    if (to->files++ > 0 && (status = put_separator(j, to)) != LM_OK) goto out;
    status = put_text(j, to, map.data, map.size);
out:
    lm_file_unmap(&map);
    return status;
}

/* A single file is cut in two: its end is held out for validation. */
static lm_status put_single(job *j, const char *path, double val_fraction) {
    lm_mapping map;
    lm_status status = lm_file_map(&map, path, j->err);
    if (status != LM_OK) return status;
    size_t held = (size_t)(val_fraction * (double)map.size), rest = map.size - held;
    j->parts[TRAIN].files++;
    if (map.size == 0) {
        status = lm_error_set(j->err, LM_ERR_USAGE, "%s: expected text, found an empty file", path);
        goto out;
    }
    if ((status = put_text(j, &j->parts[TRAIN], map.data, rest)) != LM_OK) goto out;
    if (j->parts[VAL].open) status = put_text(j, &j->parts[VAL], map.data + rest, held);
out:
    lm_file_unmap(&map);
    return status;
}

static lm_status put_all(job *j, const lm_text_files *list, double val_fraction) {
    if (list->count == 1) return put_single(j, list->files[0].path, val_fraction);
    for (size_t i = 0; i < list->count; i++) {
        bool held = list->files[i].validation && j->parts[VAL].open;
        part *to = &j->parts[held ? VAL : TRAIN];
        lm_status status = put_document(j, to, list->files[i].path);
        if (status != LM_OK) return status;
    }
    return LM_OK;
}

/* ---- shards -----------------------------------------------------------------------------------*/

static lm_status open_writers(job *j, const char *output, bool validation, bool force,
                              lm_error *err) {
    static const char *const names[PARTS] = {"train.bin", "val.bin"};
    lm_status status = lm_file_make_directory(output, err);
    for (int i = 0; i < PARTS && status == LM_OK; i++) {
        part *p = &j->parts[i];
        p->path = lm_file_join(output, names[i]);
        if (!p->path) return lm_error_no_memory(err, output);
        if (lm_file_exists(p->path) && !force)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s exists already: add --force to overwrite what is in %s, or"
                                " choose another --output",
                                p->path, output);
        if (i == VAL && !validation) break;
        status = lm_shard_writer_open(&p->writer, p->path, lm_tokenizer_kind(j->tokenizer),
                                      lm_tokenizer_vocab_size(j->tokenizer), err);
        p->open = status == LM_OK;
    }
    return status;
}

/* Removes val.bin of an earlier corpus: its text may be part of what is trained on now. */
static lm_status remove_stale(const job *j, lm_error *err) {
    const part *val = &j->parts[VAL];
    lm_status status = LM_OK;
    if (val->open) return LM_OK;
    char *manifest = lm_manifest_path(val->path);
    if (!manifest) return lm_error_no_memory(err, val->path);
    if (lm_file_exists(val->path) && (status = lm_file_remove(val->path, err)) != LM_OK) goto out;
    if (lm_file_exists(manifest)) status = lm_file_remove(manifest, err);
out:
    free(manifest);
    return status;
}

static lm_status commit(job *j, lm_text *out, lm_error *err) {
    for (int i = 0; i < PARTS; i++)
        if (j->parts[i].open && j->parts[i].writer.manifest.tokens == 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s: expected text for it, found none (--val-fraction)",
                                j->parts[i].path);
    for (int i = 0; i < PARTS; i++) {
        part *p = &j->parts[i];
        char bytes[32];
        if (!p->open) continue;
        int64_t tokens = p->writer.manifest.tokens;
        lm_status status = lm_shard_writer_commit(&p->writer, err);
        p->open = false;
        if (status != LM_OK) return status;
        lm_text_say(out, "%-5s %s: %" PRId64 " tokens from %s of text", i == VAL ? "val" : "train",
                    p->path, tokens, lm_text_bytes(bytes, sizeof bytes, (double)p->bytes));
        if (p->files > 0)
            lm_text_say(out, ", %" PRId64 " file%s", p->files, p->files == 1 ? "" : "s");
        lm_text_say(out, "\n");
    }
    return LM_OK;
}

static void put_passed_over(lm_text *out, size_t count, const char *why) {
    if (count > 0) lm_text_say(out, "%zu file%s %s\n", count, count == 1 ? "" : "s", why);
}

static lm_status finish(job *j, const lm_text_files *list, lm_error *err) {
    lm_text t = {0};
    lm_status status = commit(j, &t, err);
    if (status != LM_OK) goto out;
    put_passed_over(&t, list->repeated, "found more than once, taken once");
    put_passed_over(&t, list->not_text, "skipped: not text (0x00 bytes)");
    put_passed_over(&t, list->left_out, "left out: --max-bytes");
    status = lm_print(&t, err);
out:
    lm_text_free(&t);
    return status;
}

static lm_status write_corpus(const request *r, const lm_tokenizer *tokenizer, lm_error *err) {
    job j = {.tokenizer = tokenizer, .err = err};
    lm_text_files list = {0};
    lm_status status = lm_encoder_open(&j.encoder, tokenizer, err);
    if (status != LM_OK) goto out;
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
    for (int i = 0; i < PARTS; i++) {
        if (j.parts[i].open) lm_shard_writer_abort(&j.parts[i].writer);
        free(j.parts[i].path);
    }
    lm_encoder_close(j.encoder);
    lm_token_list_free(&j.tokens);
    lm_text_files_free(&list);
    return status;
}

/* --inspect and --decode */
static lm_status show(const request *r, const lm_tokenizer *t, lm_error *err) {
    lm_text out = {0};
    lm_status status = r->inspect ? lm_tokenize_inspect(t, r->inspect, &out, err)
                                  : lm_tokenize_decode(t, r->decode, &out, err);
    if (status == LM_OK)
        status = out.failed ? lm_error_no_memory(err, "tokenize") : lm_print(&out, err);
    lm_text_free(&out);
    return status;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    const lm_tokenizer_options how = {.pretokenizer = r->pretokenizer,
                                      .allow_special = r->allow_special};
    lm_tokenizer *t;
    bool shows = r->inspect || r->decode;
    if (!shows && (r->input.count == 0 || !r->output))
        return lm_error_set(err, LM_ERR_USAGE, "tokenize: %s is required (lmtrain tokenize --help)",
                            r->input.count == 0 ? "--input" : "--output");
    lm_status status = lm_tokenizer_open(&t, r->tokenizer, &how, err);
    if (status != LM_OK) return status;
    status = shows ? show(r, t, err) : write_corpus(r, t, err);
    lm_tokenizer_close(t);
    return status;
}

const lm_command lm_command_tokenize = {
    .name = "tokenize",
    .summary = "turn text into token shards to train on",
    .usage = "--tokenizer NAME_OR_FILE --input FILE_OR_DIR... --output DIR [--val-fraction F]",
    .example = "  lmtrain tokenize --tokenizer bytes --input book.txt --output data/book"
               " --val-fraction 0.05\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
};
