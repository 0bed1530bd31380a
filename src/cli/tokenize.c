#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "cli/commands.h"
#include "cli/tokenize_chars.h"
#include "cli/tokenize_files.h"
#include "cli/tokenize_input.h"
#include "cli/tokenize_output.h"
#include "cli/tokenize_show.h"
#include "cli/tokenize_stats.h"
#include "cli/tokenize_train.h"
#include "machine/cpu.h"
#include "report/bar.h"
#include "saved/saved.h"
#include "text/documents.h"
#include "tokenizer/encoding.h"

#define PIECE ((size_t)1 << 20) /* bytes of text read at a time */

typedef struct request {
    const char *tokenizer, *pretokenizer, *inspect, *decode;
    lm_tokenize_input input;
    lm_tokenize_output_options output;
    lm_tokenize_training training;
    bool allow_special, prepend_bos, append_eot, stats;
    lm_machine_options machine;
} request;

static const lm_option options[] = {
    {"tokenizer", "NAME_OR_FILE",
     "bytes: one token per byte; chars: one per character, of those that the text has; or a file:"
     " tokenizer.json, vocab.json with merges.txt, tiktoken's ranks, nanoGPT's meta.pkl, llama2.c's"
     " tokenizer.bin, a GGUF model, a checkpoint, a run",
     LM_STORED(request, tokenizer)},
    {"pretokenizer", "NAME",
     "how text is split: for --train (default: gpt2), and where the tokenizer's file does not say"
     " it (tiktoken's ranks): gpt2, digits, cl100k, llama3, qwen2, o200k",
     LM_STORED(request, pretokenizer)},
    LM_OPTIONS_TOKENIZE_TRAINING(request, training),
    {"allow-special", NULL,
     "special tokens that stand in the text are tokens; else they are text like any other",
     LM_STORED(request, allow_special)},
    {"prepend-bos", NULL,
     "the document token in front of each document (the default but for bytes, which separates"
     " documents by 0x00)",
     LM_STORED(request, prepend_bos)},
    {"append-eot", NULL,
     "the end-of-text token behind each document, as nanoGPT has it, and none in front unless"
     " --prepend-bos",
     LM_STORED(request, append_eot)},
    LM_OPTIONS_TOKENIZE_INPUT(request, input),
    LM_OPTIONS_TOKENIZE_OUTPUT(request, output),
    {"inspect", "TEXT", "instead of all this: print the pieces and ids of a text",
     LM_STORED(request, inspect)},
    {"decode", "IDS", "likewise: print the text of ids (\"1 2 3\"); -: those on standard input",
     LM_STORED(request, decode)},
    {"stats", NULL, "likewise: print bytes per token of the input and the share of ids that occur",
     LM_STORED(request, stats)},
    LM_OPTION_THREADS(request, machine),
    {0},
};

typedef struct job {
    const lm_tokenizer *tokenizer;
    bool prepends, appends; /* --prepend-bos, --append-eot */
    lm_text saved;          /* the tokenizer's file, if it has one */
    lm_tokenize_output output;
    lm_pool *pool;
    lm_encoding *encoding;
    char *piece; /* PIECE bytes of text */
    lm_bar bar;
    lm_error *err;
} job;

/* ---- text -------------------------------------------------------------------------------------*/

static lm_status put_tokens(void *to, const int32_t *ids, int64_t n, lm_error *err) {
    return lm_shard_set_put(&((lm_tokenize_part *)to)->shards, ids, n, err);
}

/* What stands in front of the document that was begun; -1: nothing. */
static int32_t first_of(const job *j, const lm_tokenize_part *to, bool rest) {
    const lm_tokenizer *t = j->tokenizer;
    if (j->appends || j->prepends)
        return j->prepends && !rest ? lm_tokenizer_document_token(t) : -1;
    if (lm_tokenizer_separates(t) ? to->documents == 1 : rest) return -1;
    return lm_tokenizer_document_token(t);
}

/* Manifests name a token that separates documents where it occurs. */
static void name_separator(const job *j, lm_tokenize_part *p) {
    bool marked = j->prepends || j->appends;
    if (p->used && p->documents > (marked ? 0 : 1))
        lm_shard_set_name_document_token(&p->shards, lm_tokenizer_document_token(j->tokenizer));
}

static void show_progress(job *j, const lm_documents *from) {
    lm_documents_counts c;
    lm_documents_count(from, &c);
    lm_bar_at(&j->bar, c.taken, c.bytes[false] + c.bytes[true]);
}

/* The document that is next. */
static lm_status put_document(job *j, lm_documents *from, lm_tokenize_part *to, bool rest) {
    size_t n;
    name_separator(j, to);
    lm_status status = lm_encoding_begin(j->encoding, to, first_of(j, to, rest), j->err);
    if (status != LM_OK) return status;
    do {
        status = lm_documents_read(from, j->piece, PIECE, &n, j->err);
        show_progress(j, from);
        if (status == LM_OK) status = lm_encoding_put(j->encoding, j->piece, n, j->err);
    } while (n > 0 && status == LM_OK);
    if (status == LM_OK && j->appends && !lm_documents_goes_on(from))
        status = lm_encoding_begin(j->encoding, to, lm_tokenizer_end_token(j->tokenizer), j->err);
    return status;
}

static lm_status put_all(job *j, lm_documents *from) {
    lm_document document;
    lm_documents_counts c;
    bool more;
    lm_documents_count(from, &c);
    lm_bar_start(&j->bar, stderr, "tokenize", c.total);
    for (;;) {
        lm_status status = lm_documents_next(from, &document, &more, j->err);
        if (status != LM_OK) return status;
        if (!more) return lm_encoding_finish(j->encoding, j->err);
        lm_tokenize_part *to = lm_tokenize_output_begin(&j->output, &document);
        if ((status = put_document(j, from, to, document.rest)) != LM_OK) return status;
        if (!lm_tokenize_output_is_due(&j->output, from)) continue;
        if ((status = lm_encoding_finish(j->encoding, j->err)) != LM_OK) return status;
        status = lm_tokenize_output_save(&j->output, from, j->err);
        if (status != LM_OK) return status;
    }
}

/* What the manifests say of it. */
static lm_manifest_tokenizer describe(const job *j) {
    const lm_tokenizer *t = j->tokenizer;
    lm_manifest_tokenizer d = {.document_token = -1, .vocab_size = lm_tokenizer_vocab_size(t)};
    snprintf(d.name, sizeof d.name, "%s", lm_tokenizer_kind(t));
    if (j->saved.length == 0) return d;
    strcpy(d.file, LM_TOKENIZER_FILE);
    d.digest = lm_digest_of(j->saved.data, j->saved.length);
    d.document_token = lm_tokenizer_document_token(t);
    return d;
}

/* ---- the corpus -------------------------------------------------------------------------------*/

/* A digest of all that determines the corpus, but for the text itself. */
static lm_status digest_options(const job *j, const request *r, uint64_t *digest, lm_error *err) {
    lm_text text = {0};
    lm_tokenize_input_describe(&r->input, &text);
    lm_text_printf(&text, "%s %" PRId64 " %d %d %d %" PRId64 "\n", lm_tokenizer_kind(j->tokenizer),
                   lm_tokenizer_vocab_size(j->tokenizer), r->allow_special, r->prepend_bos,
                   r->append_eot, r->output.shard_tokens);
    lm_text_append(&text, lm_text_cstr(&j->saved), j->saved.length);
    lm_status status = text.failed ? lm_error_no_memory(err, "tokenize") : LM_OK;
    if (status == LM_OK) *digest = lm_digest_of(text.data, text.length);
    lm_text_free(&text);
    return status;
}

static lm_status open_output(job *j, const request *r, lm_error *err) {
    uint64_t digest;
    const lm_manifest_tokenizer tokenizer = describe(j);
    lm_status status = digest_options(j, r, &digest, err);
    if (status != LM_OK) return status;
    return lm_tokenize_output_open(&j->output, &r->output, &tokenizer,
                                   lm_tokenize_input_validates(&r->input), digest, err);
}

/* A token is a byte, a character of 1 to 4, or 3 to 8 bytes in any usual text. */
static lm_status check_disk(const job *j, const request *r, const lm_documents *from,
                            lm_error *err) {
    bool bytes = lm_tokenizer_vocab_size(j->tokenizer) <= 256;
    if (strcmp(lm_tokenizer_kind(j->tokenizer), LM_TOKENIZER_CHARS) == 0)
        return lm_tokenize_output_check_disk(&j->output, from, r->input.sample, 4, 1, err);
    return lm_tokenize_output_check_disk(&j->output, from, r->input.sample, bytes ? 1 : 8,
                                         bytes ? 1 : 3, err);
}

static lm_status finish(job *j, const lm_tokenize_input *input, const lm_documents *from,
                        lm_error *err) {
    lm_text t = {0};
    lm_status status = lm_tokenize_output_commit(&j->output, from, &t, err);
    if (status != LM_OK) goto out;
    lm_tokenize_input_report(input, from, &t);
    status = lm_print(&t, err);
out:
    lm_text_free(&t);
    return status;
}

static lm_status check_marks(const job *j, lm_error *err) {
    bool begins = lm_tokenizer_document_token(j->tokenizer) >= 0;
    bool ends = lm_tokenizer_end_token(j->tokenizer) >= 0;
    if ((begins || !j->prepends) && (ends || !j->appends)) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE, "tokenize: %s: this tokenizer has no such token",
                        begins ? "--append-eot" : "--prepend-bos");
}

static lm_status open_job(job *j, const request *r, lm_error *err) {
    int threads = r->machine.threads > 0 ? (int)r->machine.threads : lm_cpu_threads(NULL);
    lm_status status = LM_OK;
    if (!(j->piece = malloc(PIECE))) return lm_error_no_memory(err, "tokenize");
    if (lm_tokenizer_has_file(j->tokenizer))
        status = lm_tokenizer_save(j->tokenizer, &j->saved, err);
    if (status == LM_OK) status = lm_pool_create(&j->pool, threads, err);
    if (status == LM_OK)
        status = lm_encoding_open(&j->encoding, j->tokenizer, j->pool, put_tokens, err);
    return status;
}

static void close_job(job *j) {
    lm_tokenize_output_close(&j->output);
    lm_encoding_close(j->encoding);
    lm_pool_free(j->pool);
    lm_text_free(&j->saved);
    free(j->piece);
}

static lm_status write_corpus(const request *r, const lm_tokenizer *tokenizer, lm_error *err) {
    job j = {
        .tokenizer = tokenizer, .prepends = r->prepend_bos, .appends = r->append_eot, .err = err};
    lm_documents *from = NULL;
    lm_status status = check_marks(&j, err);
    if (status == LM_OK) status = open_job(&j, r, err);
    if (status != LM_OK) goto out;
    if ((status = open_output(&j, r, err)) != LM_OK) goto out;
    if (j.saved.length > 0)
        status = lm_tokenize_files_check(r->output.directory, &j.saved, r->output.force, err);
    if (status != LM_OK) goto out;
    status = lm_tokenize_input_open(&from, &r->input, r->output.directory, err);
    if (status != LM_OK) goto out;
    if ((status = check_disk(&j, r, from, err)) != LM_OK) goto out;
    if ((status = lm_tokenize_output_go_on(&j.output, from, err)) != LM_OK) goto out;
    for (int i = 0; i < LM_UNFINISHED_PARTS; i++) name_separator(&j, &j.output.parts[i]);
    status = put_all(&j, from);
    lm_bar_finish(&j.bar);
    if (status != LM_OK) goto out;
    if (j.saved.length > 0)
        status = lm_tokenize_files_write(r->output.directory, tokenizer, &j.saved, err);
    if (status != LM_OK) goto out;
    status = finish(&j, &r->input, from, err);
out:
    close_job(&j);
    lm_documents_close(from);
    return status;
}

/* --inspect, --decode and --stats */
static lm_status show(const request *r, const lm_tokenizer *t, lm_error *err) {
    lm_text out = {0};
    lm_status status = LM_OK;
    if (r->inspect)
        status = lm_tokenize_inspect(t, r->inspect, &out, err);
    else if (r->decode)
        status = lm_tokenize_decode(t, r->decode, &out, err);
    else
        status = lm_tokenize_stats(t, &r->input, (int)r->machine.threads, &out, err);
    if (status == LM_OK)
        status = out.failed ? lm_error_no_memory(err, "tokenize") : lm_print(&out, err);
    lm_text_free(&out);
    return status;
}

static bool is_chars(const request *r) {
    return r->tokenizer && strcmp(r->tokenizer, LM_TOKENIZER_CHARS) == 0;
}

static lm_status check(const request *r, bool shows, lm_error *err) {
    const char *missing = shows                               ? NULL
                          : r->input.paths.count == 0         ? "--input"
                          : !r->output.directory && !r->stats ? "--output"
                                                              : NULL;
    if (!r->tokenizer && !r->training.train) missing = "--tokenizer";
    if (missing)
        return lm_error_set(err, LM_ERR_USAGE, "tokenize: %s is required (lmtrain tokenize --help)",
                            missing);
    const char *beside = r->tokenizer       ? "--tokenizer"
                         : r->inspect       ? "--inspect"
                         : r->decode        ? "--decode"
                         : r->stats         ? "--stats"
                         : r->allow_special ? "--allow-special"
                                            : NULL;
    if (r->training.train && beside)
        return lm_error_set(err, LM_ERR_USAGE,
                            "tokenize: --train makes the tokenizer, %s is for one that is there",
                            beside);
    const char *vain = r->pretokenizer    ? "--pretokenizer"
                       : r->allow_special ? "--allow-special"
                       : r->inspect       ? "--inspect"
                       : r->decode        ? "--decode"
                                          : NULL;
    if (is_chars(r) && vain)
        return lm_error_set(
            err, LM_ERR_USAGE,
            "tokenize: --tokenizer chars makes a tokenizer of --input, %s is for one"
            " that is there: give the path of its file",
            vain);
    if (r->stats && (shows || r->output.directory || lm_tokenize_input_validates(&r->input)))
        return lm_error_set(err, LM_ERR_USAGE,
                            "tokenize: --stats is of --input alone: leave out --inspect, --decode,"
                            " --output and validation");
    return lm_tokenize_training_check(&r->training, err);
}

static lm_status train(const request *r, lm_tokenizer **t, lm_error *err) {
    const lm_tokenize_training_inputs in = {.input = &r->input,
                                            .pretokenizer = r->pretokenizer,
                                            .output = r->output.directory,
                                            .threads = (int)r->machine.threads,
                                            .force = r->output.force};
    /* Not only when the tokenizer is there. */
    lm_status status = r->training.only ? LM_OK : lm_tokenize_output_check(&r->output, err);
    return status == LM_OK ? lm_tokenize_train(&r->training, &in, t, err) : status;
}

/* A tokenizer that is there. */
static lm_status open_tokenizer(const request *r, lm_tokenizer **t, lm_error *err) {
    const lm_tokenizer_options how = {.pretokenizer = r->pretokenizer,
                                      .allow_special = r->allow_special};
    return lm_saved_open_tokenizer(t, r->tokenizer, &how, err);
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_tokenizer *t = NULL;
    int lock = -1;
    bool shows = r->inspect || r->decode, made = r->training.train || is_chars(r);
    lm_status status = check(r, shows, err);
    if (status != LM_OK) return status;
    if (!made) status = open_tokenizer(r, &t, err);
    if (status == LM_OK && !shows && !r->stats)
        status = lm_tokenize_output_lock(r->output.directory, &lock, err);
    if (status == LM_OK && r->training.train) status = train(r, &t, err);
    if (status == LM_OK && is_chars(r))
        status = lm_tokenize_characters(&r->input, r->output.directory, &t, err);
    if (status != LM_OK) goto out;
    if (shows || r->stats)
        status = show(r, t, err);
    else if (!r->training.only)
        status = write_corpus(r, t, err);
out:
    lm_tokenizer_close(t);
    if (lock >= 0) close(lock);
    return status;
}

const lm_command lm_command_tokenize = {
    .name = "tokenize",
    .summary = "turn text into token shards to train on",
    .usage = "{--tokenizer NAME_OR_FILE | --train --vocab-size N} --input PATH... --output DIR"
             " [--val-fraction F]",
    .example = "  lmtrain tokenize --tokenizer bytes --input book.txt --output data/book"
               " --val-fraction 0.05\n"
               "  lmtrain tokenize --train --vocab-size 4096 --pretokenizer gpt2 --input book.txt"
               " --output data/book4096\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
};
