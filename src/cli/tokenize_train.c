#include "cli/tokenize_train.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/tokenize_files.h"
#include "machine/cpu.h"
#include "report/bar.h"
#include "tokenizer/split.h"
#include "tokenizer/train.h"

#define PIECE         ((size_t)1 << 20) /* bytes of text read at a time */
#define DEFAULT_SPLIT "gpt2"

static const char *const default_specials[] = {"<|endoftext|>"};

static lm_bpe_training training_of(const lm_tokenize_training *o) {
    bool given = o->specials.count > 0;
    return (lm_bpe_training){.vocab_size = o->vocab_size,
                             .specials = given ? o->specials.items : default_specials,
                             .n_specials = given ? o->specials.count : 1};
}

lm_status lm_tokenize_training_check(const lm_tokenize_training *o, lm_error *err) {
    if (!o->train) {
        const char *given = o->vocab_size > 0       ? "--vocab-size"
                            : o->specials.count > 0 ? "--special"
                            : o->only               ? "--tokenizer-only"
                                                    : NULL;
        return given ? lm_error_set(err, LM_ERR_USAGE, "tokenize: %s is for --train", given)
                     : LM_OK;
    }
    if (o->vocab_size == 0)
        return lm_error_set(err, LM_ERR_USAGE, "tokenize: --train: --vocab-size is required");
    const lm_bpe_training how = training_of(o);
    lm_status status = lm_bpe_training_check(&how, err);
    return status == LM_OK ? LM_OK : lm_error_prefix(err, "tokenize: --train");
}

static const char *split_name(int i, const void *context) {
    (void)context;
    return lm_split_name(i);
}

static lm_status find_split(const char *name, const lm_split **split, lm_error *err) {
    char suggestion[LM_TEXT_SUGGESTION_SIZE];
    lm_text known = {0};
    *split = lm_split_find(name ? name : DEFAULT_SPLIT);
    if (*split) return LM_OK;
    lm_text_list(&known, lm_split_name);
    lm_text_did_you_mean(suggestion, lm_text_nearest(name, split_name, NULL));
    lm_error_set(err, LM_ERR_USAGE, "tokenize: --pretokenizer: expected one of %s, found \"%s\"%s",
                 lm_text_cstr(&known), name, suggestion);
    lm_text_free(&known);
    return LM_ERR_USAGE;
}

/* The documents that are not held out. The others are read too: only then it is known whether there
 * are any. */
static lm_status put_documents(lm_bpe_trainer *trainer, lm_documents *from, lm_error *err) {
    lm_document document;
    bool more;
    lm_status status = LM_OK;
    lm_documents_counts c;
    lm_bar bar;
    char *piece = malloc(PIECE);
    if (!piece) return lm_error_no_memory(err, "tokenize");
    lm_documents_count(from, &c);
    lm_bar_start(&bar, stderr, "train a tokenizer", c.total);
    while ((status = lm_documents_next(from, &document, &more, err)) == LM_OK && more) {
        size_t n;
        do {
            if ((status = lm_documents_read(from, piece, PIECE, &n, err)) != LM_OK) goto out;
            lm_documents_count(from, &c);
            lm_bar_at(&bar, c.taken, c.bytes[false] + c.bytes[true]);
            if (document.validation) continue;
            if ((status = lm_bpe_trainer_put(trainer, piece, n, err)) != LM_OK) goto out;
        } while (n > 0);
        if ((status = lm_bpe_trainer_finish(trainer, err)) != LM_OK) goto out;
    }
out:
    lm_bar_finish(&bar);
    free(piece);
    return status;
}

static lm_status say(const lm_tokenizer *t, const lm_bpe_training *how, const lm_documents *from,
                     const char *path, lm_error *err) {
    lm_documents_counts counts;
    lm_text out = {0};
    char bytes[32];
    int64_t tokens = lm_tokenizer_vocab_size(t);
    lm_documents_count(from, &counts);
    lm_text_say(&out, "tokenizer %s: %" PRId64 " tokens from %s of text, %" PRIu64 " document%s\n",
                path, tokens, lm_text_bytes(bytes, sizeof bytes, (double)counts.bytes[false]),
                counts.documents[false], counts.documents[false] == 1 ? "" : "s");
    if (tokens < how->vocab_size)
        lm_text_say(&out,
                    "fewer than --vocab-size %" PRId64
                    ": no pair of tokens is left that occurs twice in this text\n",
                    how->vocab_size);
    lm_status status = lm_print(&out, err);
    lm_text_free(&out);
    return status;
}

/* Standard input can be read once. */
static lm_status check_inputs(const lm_tokenize_training *o, const lm_tokenize_input *input,
                              lm_error *err) {
    for (int i = 0; i < input->paths.count && !o->only; i++)
        if (strcmp(input->paths.items[i], "-") == 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "tokenize: --train reads the text twice, standard input can be read"
                                " once: write it to a file, or add --tokenizer-only");
    return LM_OK;
}

lm_status lm_tokenize_train(const lm_tokenize_training *o, const lm_tokenize_training_inputs *in,
                            lm_tokenizer **t, lm_error *err) {
    const lm_bpe_training how = training_of(o);
    const lm_split *split;
    lm_pool *pool = NULL;
    lm_bpe_trainer *trainer = NULL;
    lm_documents *from = NULL;
    lm_text file = {0};
    char *path = NULL;
    *t = NULL;
    lm_status status = find_split(in->pretokenizer, &split, err);
    if (status != LM_OK) goto out;
    if ((status = check_inputs(o, in->input, err)) != LM_OK) goto out;
    if ((status = lm_file_make_directory(in->output, err)) != LM_OK) goto out;
    path = lm_file_join(in->output, LM_TOKENIZER_FILE);
    status = path ? lm_tokenize_files_owned(in->output, err) : lm_error_no_memory(err, in->output);
    if (status != LM_OK) goto out;
    status = lm_pool_create(&pool, in->threads > 0 ? in->threads : lm_cpu_threads(NULL), err);
    if (status != LM_OK) goto out;
    if ((status = lm_bpe_trainer_open(&trainer, split, pool, err)) != LM_OK) goto out;
    status = lm_tokenize_input_open(&from, in->input, in->output, err);
    if (status != LM_OK) goto out;
    if ((status = put_documents(trainer, from, err)) != LM_OK) goto out;
    if ((status = lm_bpe_trainer_make(trainer, &how, t, err)) != LM_OK) goto out;
    if ((status = lm_tokenizer_save(*t, &file, err)) != LM_OK) goto out;
    if ((status = lm_tokenize_files_check(in->output, &file, in->force, err)) != LM_OK) goto out;
    if ((status = lm_tokenize_files_write(in->output, *t, &file, err)) != LM_OK) goto out;
    status = say(*t, &how, from, path, err);
out:
    if (status != LM_OK) {
        lm_tokenizer_close(*t);
        *t = NULL;
    }
    lm_text_free(&file);
    lm_documents_close(from);
    lm_bpe_trainer_close(trainer);
    lm_pool_free(pool);
    free(path);
    return status;
}
