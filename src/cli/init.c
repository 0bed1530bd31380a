/* Finds the data of a directory, reads how much it is, writes a config for it. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "cli/commands.h"
#include "cli/starter.h"
#include "data/corpus.h"

typedef struct request {
    lm_option_texts data;
    const char *output;
    bool force;
} request;

static const lm_option options[] = {
    {"output", "FILE", "where the config goes; not given: run.json", LM_STORED(request, output)},
    {"force", NULL, "overwrite the config that is there", LM_STORED(request, force)},
    {0},
};

/* ---- finding the data -------------------------------------------------------------------------*/

/* Paths as the config names them: a shard, a directory, or a pattern. */
typedef struct found {
    char *train, *val; /* train NULL: nothing was found */
    char *where; /* the directory or file that a person would call the data; NULL: asked for */
} found;

static void free_found(found *f) {
    free(f->train);
    free(f->val);
    free(f->where);
    *f = (found){0};
}

/* Paths in the directory that lmtrain runs in need no "./". */
static char *join(const char *directory, const char *name) {
    return strcmp(directory, ".") == 0 ? strdup(name) : lm_file_join(directory, name);
}

static const char *basename_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
static bool is_validation(const char *name) {
    return strstr(name, "val") != NULL;
}

static size_t count_shards(const lm_file_list *list, bool validation) {
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++)
        n += lm_corpus_is_shard_name(list->names[i]) && is_validation(list->names[i]) == validation;
    return n;
}

/* What names the training or the validation shards of a directory that holds both: the shard, or
 * the pattern "PREFIX*.bin" of what their names begin with and end in. */
static lm_status name_part(char **path, const char *directory, const lm_file_list *list,
                           bool validation, lm_error *err) {
    const char *first = NULL;
    size_t common = 0, n = 0;
    lm_text pattern = {0};
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->names[i];
        size_t same = 0;
        if (!lm_corpus_is_shard_name(name) || is_validation(name) != validation) continue;
        if (!first) common = strlen(first = name);
        while (same < common && name[same] == first[same]) same++;
        common = same;
        n++;
    }
    if (n == 1) {
        *path = join(directory, first);
        return *path ? LM_OK : lm_error_no_memory(err, directory);
    }
    for (size_t i = 0; i < list->count; i++)
        if (lm_corpus_is_shard_name(list->names[i]) &&
            is_validation(list->names[i]) != validation &&
            strncmp(list->names[i], first, common) == 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s: expected names of training shards and of validation shards"
                                " (with \"val\" in them) that begin differently, found %s and %s",
                                directory, first, list->names[i]);
    lm_text_printf(&pattern, "%.*s*%s", (int)common, first, strrchr(first, '.'));
    *path = pattern.failed ? NULL : join(directory, lm_text_cstr(&pattern));
    lm_text_free(&pattern);
    return *path ? LM_OK : lm_error_no_memory(err, directory);
}

static bool has_shards(const char *directory) {
    lm_file_list list = {0};
    lm_error aside;
    bool any = lm_file_is_directory(directory) &&
               lm_file_list_directory(&list, directory, &aside) == LM_OK &&
               count_shards(&list, false) + count_shards(&list, true) > 0;
    lm_file_list_free(&list);
    return any;
}

/* The directories train/ and val/ of shards. */
static lm_status find_parts(found *f, const char *directory, lm_error *err) {
    f->train = join(directory, "train");
    f->val = join(directory, "val");
    if (!f->train || !f->val) return lm_error_no_memory(err, directory);
    if (!has_shards(f->val)) {
        free(f->val);
        f->val = NULL;
    }
    if (!has_shards(f->train)) free_found(f);
    return LM_OK;
}

static lm_status find_here(found *f, const char *directory, lm_error *err) {
    lm_file_list list;
    lm_status status = lm_file_list_directory(&list, directory, err);
    if (status != LM_OK) return status;
    size_t train = count_shards(&list, false), val = count_shards(&list, true);
    if (train + val == 0) {
        status = find_parts(f, directory, err);
    } else if (train > 1 && val == 0) {
        f->train = strdup(directory);
        if (!f->train) status = lm_error_no_memory(err, directory);
    } else {
        /* Shards called val alone are what there is to train on. */
        status = name_part(&f->train, directory, &list, train == 0, err);
        if (status == LM_OK && train > 0 && val > 0)
            status = name_part(&f->val, directory, &list, true, err);
    }
    lm_file_list_free(&list);
    return status;
}

/* In the directories of a directory, two levels down at most; those with data are listed in
 * *others, and the first one's data is in *f. */
static lm_status find_below(found *f, const char *directory, int levels, lm_text *others, size_t *n,
                            lm_error *err) {
    lm_file_list list;
    lm_status status = lm_file_list_directory(&list, directory, err);
    if (status != LM_OK) return status;
    for (size_t i = 0; status == LM_OK && i < list.count; i++) {
        found here = {0};
        char *path = list.names[i][0] == '.' ? NULL : join(directory, list.names[i]);
        if (path && lm_file_is_directory(path)) {
            status = find_here(&here, path, err);
            if (here.train) {
                lm_text_printf(others, "%s%s", *n ? ", " : "", path);
                if ((*n)++ == 0) {
                    *f = here;
                    f->where = path;
                    here = (found){0};
                    path = NULL;
                }
            } else if (status == LM_OK && levels > 1) {
                status = find_below(f, path, levels - 1, others, n, err);
            }
        }
        free_found(&here);
        free(path);
    }
    lm_file_list_free(&list);
    return status;
}

/* ---- text -------------------------------------------------------------------------------------*/

static bool is_text(const char *path) {
    lm_file_reader reader;
    lm_error aside;
    unsigned char head[4096];
    if (lm_file_reader_open(&reader, path, &aside) != LM_OK) return false;
    size_t size = (size_t)lm_u64_min(reader.size, sizeof head);
    bool text = size > 0 && lm_file_reader_at(&reader, 0, head, size, &aside) == LM_OK &&
                !memchr(head, 0, size);
    lm_file_reader_close(&reader);
    return text;
}

/* Does the directory, or one up to `levels` below it, hold a file that looks like text? */
static bool holds_text(const char *directory, int levels) {
    lm_file_list list = {0};
    lm_error aside;
    bool text = false;
    if (lm_file_list_directory(&list, directory, &aside) != LM_OK) return false;
    for (size_t i = 0; !text && i < list.count; i++) {
        char *path = list.names[i][0] == '.' ? NULL : join(directory, list.names[i]);
        if (!path) continue;
        text = lm_file_is_directory(path) ? levels > 0 && holds_text(path, levels - 1)
                                          : !lm_text_ends_with(path, ".json") && is_text(path);
        free(path);
    }
    lm_file_list_free(&list);
    return text;
}

static lm_status no_tokens(const char *path, const char *name, lm_error *err) {
    bool text = lm_file_is_directory(path) ? holds_text(path, 2) : is_text(path);
    if (text)
        return lm_error_set(
            err, LM_ERR_USAGE,
            "%s: expected tokens (*.bin, *.npy), found text. First turn it into tokens,"
            " then go on with them:\n"
            "  lmtrain tokenize --tokenizer bytes --input %s --output data/%s"
            " --val-fraction 0.05\n"
            "  lmtrain init data/%s",
            path, path, name, name);
    return lm_error_set(
        err, LM_ERR_USAGE,
        "%s: expected tokens (*.bin, *.npy) or text, found neither (lmtrain init --help)", path);
}

/* ---- how much it is ---------------------------------------------------------------------------*/

/* Without a manifest the ids themselves say how large the vocabulary is at least. */
static lm_status find_largest_id(const lm_corpus *c, int64_t *largest, lm_error *err) {
    enum { PIECE = 1 << 16 };
    lm_status status = LM_OK;
    int32_t *ids = calloc(PIECE, sizeof *ids);
    if (!ids) return lm_error_no_memory(err, NULL);
    for (int64_t shard = 0; shard < lm_corpus_shards(c); shard++) {
        int64_t tokens = lm_corpus_shard_tokens(c, shard);
        for (int64_t at = 0; at < tokens && status == LM_OK; at += PIECE) {
            int64_t n = lm_min(PIECE, tokens - at);
            status = lm_corpus_read(c, shard, at, n, ids, err);
            for (int64_t i = 0; status == LM_OK && i < n; i++) *largest = lm_max(*largest, ids[i]);
        }
    }
    free(ids);
    return status;
}

static int64_t longest_shard(const lm_corpus *c) {
    int64_t longest = 0;
    for (int64_t i = 0; i < lm_corpus_shards(c); i++)
        longest = lm_max(longest, lm_corpus_shard_tokens(c, i));
    return longest;
}

/* A round number leaves room for ids that did not occur: 50257 becomes 50304, as in nanoGPT. */
enum { VOCABULARY_UNIT = 64 };

static lm_status measure(lm_starter_data *d, const lm_corpus *train, const lm_corpus *val,
                         lm_error *err) {
    lm_status status = LM_OK;
    d->train_tokens = lm_corpus_tokens(train);
    d->longest_train = longest_shard(train);
    if (val) {
        d->val_tokens = lm_corpus_tokens(val);
        d->longest_val = longest_shard(val);
    }
    const lm_manifest_tokenizer *tokenizer = lm_corpus_tokenizer(train);
    d->tokenizer = tokenizer ? tokenizer->name : NULL;
    d->vocab_size = lm_corpus_vocab_size(train);
    d->largest_id = -1;
    if (d->vocab_size > 0) return LM_OK;
    if ((status = find_largest_id(train, &d->largest_id, err)) != LM_OK) return status;
    if (val && (status = find_largest_id(val, &d->largest_id, err)) != LM_OK) return status;
    d->vocab_size = lm_min(lm_round_up(d->largest_id + 1, VOCABULARY_UNIT), INT32_MAX);
    return LM_OK;
}

/* ---- the command ------------------------------------------------------------------------------*/

/* A name for what is made from the data: that of the directory or file. malloc'd. */
static char *name_of(const char *path) {
    char full[PATH_MAX];
    if (!realpath(path, full)) snprintf(full, sizeof full, "%s", path);
    char *name = strdup(strcmp(basename(full), "/") == 0 ? "run" : basename(full));
    char *dot = name && !lm_file_is_directory(path) ? strrchr(name, '.') : NULL;
    if (dot && dot > name) *dot = 0;
    return name;
}

/* runs/NAME, or the first of runs/NAME-2, ... that is not there. */
static lm_status choose_run_dir(const char *name, lm_text *dir, lm_error *err) {
    for (int i = 1;; i++) {
        dir->length = 0;
        lm_text_printf(dir, i == 1 ? "runs/%s" : "runs/%s-%d", name, i);
        if (dir->failed) return lm_error_no_memory(err, name);
        if (!lm_file_exists(lm_text_cstr(dir))) return LM_OK;
    }
}

/* A config that nobody wants to lose, or that would be taken for a shard's manifest. */
static lm_status check_output(const char *path, bool force, lm_error *err) {
    lm_text shard = {0};
    if (lm_file_exists(path) && !force)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s exists already; add --force to overwrite it, or name another file"
                            " by --output",
                            path);
    lm_text_append(&shard, path, strlen(path));
    if (lm_text_ends_with(path, ".json")) {
        shard.length -= 5;
        lm_text_printf(&shard, ".bin");
    }
    bool taken = !shard.failed && strcmp(lm_text_cstr(&shard), path) != 0 &&
                 lm_file_exists(lm_text_cstr(&shard));
    lm_text_free(&shard);
    if (!taken) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s would be taken for the manifest of the shard beside it; name another"
                        " file by --output",
                        path);
}

static lm_status no_data(const char *path, lm_error *err) {
    char *name = name_of(path);
    lm_status status = name ? no_tokens(path, name, err) : lm_error_no_memory(err, path);
    free(name);
    return status;
}

/* A pattern or a shard is the training data itself. */
static lm_status find(found *f, const char *path, lm_error *err) {
    lm_text others = {0};
    size_t n = 0;
    lm_status status = LM_OK;
    if (!lm_file_is_directory(path)) {
        if (lm_file_exists(path) && !lm_corpus_is_shard_name(basename_of(path)))
            return no_data(path, err);
        f->train = strdup(path);
        return f->train ? LM_OK : lm_error_no_memory(err, path);
    }
    if ((status = find_here(f, path, err)) != LM_OK || f->train) return status;
    status = find_below(f, path, 2, &others, &n, err);
    if (status == LM_OK && n == 0) status = no_data(path, err);
    if (status == LM_OK && n > 1)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s: expected tokens of one corpus, found several: name one of %s",
                              path, lm_text_cstr(&others));
    lm_text_free(&others);
    return status;
}

static lm_status write_config(const request *r, const lm_starter_data *d, const char *run_dir,
                              lm_error *err) {
    lm_starter s;
    lm_text config = {0}, said = {0};
    char parameters[32], tokens[32];
    const char *path = r->output ? r->output : "run.json";
    if (!lm_starter_choose(&s, d))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected at least 2 tokens in a shard of the training data and of"
                            " the validation data",
                            d->train);
    lm_starter_print(&s, d, path, run_dir, &config);
    lm_status status = config.failed ? lm_error_no_memory(err, path) : LM_OK;
    if (status == LM_OK) status = lm_file_replace(path, config.data, config.length, err);
    if (status == LM_OK) {
        lm_text_say(&said,
                    "%s: about %s parameters, %lld steps, for %s tokens in %s\n"
                    "look at it, then: lmtrain --config %s --dry-run\n",
                    path, lm_text_count(parameters, sizeof parameters, (double)s.parameters),
                    (long long)s.steps,
                    lm_text_count(tokens, sizeof tokens, (double)d->train_tokens), d->train, path);
        status = lm_print(&said, err);
    }
    lm_text_free(&config);
    lm_text_free(&said);
    return status;
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    const char *path = r->data.count > 0 ? r->data.items[0] : ".";
    const lm_corpus_options how = {0};
    found f = {0};
    lm_corpus *train = NULL, *val = NULL;
    lm_text run_dir = {0};
    lm_status status = check_output(r->output ? r->output : "run.json", r->force, err);
    if (status != LM_OK) return status;
    char *name = NULL;
    if ((status = find(&f, path, err)) != LM_OK) goto out;
    if (!(name = name_of(f.where ? f.where : path))) {
        status = lm_error_no_memory(err, path);
        goto out;
    }
    if ((status = lm_corpus_open(&train, f.train, &how, err)) != LM_OK) goto out;
    if (f.val && (status = lm_corpus_open(&val, f.val, &how, err)) != LM_OK) goto out;
    lm_starter_data d = {.train = f.train, .val = f.val};
    if ((status = measure(&d, train, val, err)) != LM_OK) goto out;
    if ((status = choose_run_dir(name, &run_dir, err)) != LM_OK) goto out;
    status = write_config(r, &d, lm_text_cstr(&run_dir), err);
out:
    lm_text_free(&run_dir);
    lm_corpus_close(val);
    lm_corpus_close(train);
    free_found(&f);
    free(name);
    return status;
}

const lm_command lm_command_init = {
    .name = "init",
    .summary = "write a first config for the data of a directory",
    .usage = "[DATA] [--output FILE] [--force]",
    .example = "  lmtrain tokenize --tokenizer bytes --input book.txt --output data/book"
               " --val-fraction 0.05\n"
               "  lmtrain init data/book\n"
               "  lmtrain --config run.json\n",
    .options = options,
    .arguments = {"DATA", offsetof(request, data), 0, 1},
    .size = sizeof(request),
    .run = run,
};
