#include "cli/inspect_corpus.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/numbers.h"
#include "cli/commands.h"
#include "data/corpus.h"
#include "machine/cpu.h"
#include "train/tokens.h"

/* ---- what it is -------------------------------------------------------------------------------*/

static lm_status verify(lm_corpus *c, lm_text *out, lm_error *err) {
    bool known = lm_corpus_tokenizer(c) != NULL; /* else every id may be right */
    int64_t vocab_size = known ? lm_corpus_vocab_size(c) : lm_corpus_most_vocab_size(c);
    lm_corpus_check how = {.threads = lm_cpu_usable(), .everything = true, .progress = stderr};
    lm_status status = lm_corpus_validate(c, vocab_size, &how, err);
    if (status == LM_OK)
        lm_text_say(out,
                    known ? "verified: ids are below %" PRId64 ", digests are right\n"
                          : "verified: every id can be read; without a manifest there is no "
                            "vocabulary to check them against\n",
                    lm_corpus_vocab_size(c));
    return status;
}

static void describe(const lm_corpus *c, lm_text *out) {
    const lm_manifest_tokenizer *tokenizer = lm_corpus_tokenizer(c);
    lm_text_say(out, "%s: tokens, %s\n", lm_corpus_path(c), lm_corpus_format(c));
    lm_text_say(out, "%-12s %" PRId64 " in %" PRId64 " shard%s\n", "tokens", lm_corpus_tokens(c),
                lm_corpus_shards(c), lm_corpus_shards(c) == 1 ? "" : "s");
    if (tokenizer) {
        lm_text_say(out, "%-12s %s\n%-12s %" PRId64 "\n", "tokenizer", tokenizer->name,
                    "vocabulary", lm_corpus_vocab_size(c));
    } else {
        lm_text_say(out, "%-12s none: the tokenizer is not known\n", "manifest");
    }
    if (lm_corpus_skipped(c) > 0)
        lm_text_say(out, "%-12s %" PRId64 " file%s no shard%s by %s\n", "passed over",
                    lm_corpus_skipped(c), lm_corpus_skipped(c) == 1 ? " that is" : "s that are",
                    lm_corpus_skipped(c) == 1 ? "" : "s",
                    lm_corpus_skipped(c) == 1 ? "its name" : "their names");
    if (lm_corpus_shards(c) > 1)
        for (int64_t i = 0; i < lm_corpus_shards(c); i++)
            lm_text_say(out, "  %s: %" PRId64 " tokens\n", lm_corpus_shard_path(c, i),
                        lm_corpus_shard_tokens(c, i));
}

/* ---- its text ---------------------------------------------------------------------------------*/

enum { BLOCK = 4096 }; /* tokens decoded at a time */

/* Prints the text of tokens first .. first + n - 1 of a shard. */
static lm_status print_tokens(const lm_corpus *c, int64_t shard, int64_t first, int64_t n,
                              const lm_tokenizer *t, lm_text *text, lm_error *err) {
    int32_t ids[BLOCK];
    for (int64_t done = 0, count; done < n; done += count) {
        count = lm_min(n - done, BLOCK);
        lm_status status = lm_corpus_read(c, shard, first + done, count, ids, err);
        if (status != LM_OK) return status;
        text->length = 0;
        for (int64_t i = 0; i < count; i++) {
            if (ids[i] < 0 || ids[i] >= lm_tokenizer_vocab_size(t))
                return lm_error_set(err, LM_ERR_RUNTIME,
                                    "%s: token %" PRId64 ": expected ids below %" PRId64
                                    " (the tokenizer's vocabulary), found %" PRId32,
                                    lm_corpus_shard_path(c, shard), first + done + i,
                                    lm_tokenizer_vocab_size(t), ids[i]);
            lm_tokenizer_decode(t, ids[i], text);
        }
        if (text->failed) return lm_error_no_memory(err, NULL);
        if ((status = lm_print(text, err)) != LM_OK) return status;
    }
    return LM_OK;
}

static lm_status print_text(const lm_inspect_corpus *o, const lm_corpus *c, const lm_tokenizer *t,
                            lm_error *err) {
    lm_text text = {0};
    const lm_text line_feed = {.data = (char[]){"\n"}, .length = 1};
    int64_t at = o->at, left = o->decode;
    lm_status status = LM_OK;
    if (at >= lm_corpus_tokens(c))
        return lm_error_set(err, LM_ERR_USAGE,
                            "--at: expected a token below %" PRId64 ", found %" PRId64
                            ": %s has no more",
                            lm_corpus_tokens(c), at, lm_corpus_path(c));
    for (int64_t shard = 0; shard < lm_corpus_shards(c) && left > 0 && status == LM_OK; shard++) {
        int64_t tokens = lm_corpus_shard_tokens(c, shard), n = lm_min(left, tokens - at);
        if (n > 0) {
            status = print_tokens(c, shard, at, n, t, &text, err);
            left -= n;
        }
        at = lm_max(0, at - tokens);
    }
    bool ends = text.length > 0 && text.data[text.length - 1] == '\n';
    if (status == LM_OK && !ends) status = lm_print(&line_feed, err);
    lm_text_free(&text);
    return status;
}

static lm_status decode(const lm_inspect_corpus *o, const lm_corpus *c, lm_error *err) {
    lm_tokenizer *t = NULL;
    const char *named = o->tokenizer ? o->tokenizer : "", *path = lm_corpus_path(c);
    lm_status status = lm_tokens_open(&t, c, named, "--tokenizer", path, err);
    if (status == LM_OK && !t)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s has no manifest that says its tokenizer: name it by --tokenizer",
                              path);
    if (status == LM_OK) status = print_text(o, c, t, err);
    lm_tokenizer_close(t);
    return status;
}

lm_status lm_inspect_corpus_run(const lm_inspect_corpus *o, const char *path, lm_text *out,
                                lm_error *err) {
    lm_corpus *c = NULL;
    const lm_corpus_options how = {.token_bytes = o->token_bytes};
    lm_status status = lm_corpus_open(&c, path, &how, err);
    if (status != LM_OK) return status;
    if (o->decode > 0) {
        status = decode(o, c, err);
    } else {
        describe(c, out);
        if (o->verify) status = verify(c, out, err);
    }
    lm_corpus_close(c);
    return status;
}
