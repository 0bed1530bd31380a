#include "cli/tokenize_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/message.h"

#define CONFIG_FILE "tokenizer_config.json"
#define LARGEST     ((size_t)1 << 28) /* bytes of such a file */

static bool same(const lm_text *a, const lm_text *b) {
    return a->length == b->length && memcmp(lm_text_cstr(a), lm_text_cstr(b), a->length) == 0;
}

/* Appends a file of the directory, if it is there: *found. *path, malloc'd, is its path. */
static lm_status read_file(const char *directory, const char *name, char **path, bool *found,
                           lm_text *text, lm_error *err) {
    *found = false;
    *path = lm_file_join(directory, name);
    if (!*path) return lm_error_no_memory(err, directory);
    *found = lm_file_exists(*path);
    return *found ? lm_file_read(*path, LARGEST, text, err) : LM_OK;
}

/* file NULL: any other is fine that is ours. */
static lm_status check(const char *directory, const lm_text *file, bool force, lm_error *err) {
    lm_text there = {0};
    char *path;
    bool found;
    lm_status status = read_file(directory, LM_TOKENIZER_FILE, &path, &found, &there, err);
    if (status != LM_OK || !found || (file && same(&there, file))) goto out;
    if (!lm_tokenizer_is_ours(lm_text_cstr(&there)))
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s is there already and is not lmtrain's, which does not overwrite"
                              " it: choose another --output",
                              path);
    else if (file && !force)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s is there already, of another tokenizer: add --force to overwrite"
                              " it, or choose another --output",
                              path);
out:
    lm_text_free(&there);
    free(path);
    return status;
}

lm_status lm_tokenize_files_owned(const char *directory, lm_error *err) {
    return check(directory, NULL, false, err);
}

lm_status lm_tokenize_files_check(const char *directory, const lm_text *file, bool force,
                                  lm_error *err) {
    return check(directory, file, force, err);
}

/* Is the configuration that is there the one that we wrote beside the tokenizer.json that is there?
 */
static bool config_is_ours(const char *directory, const lm_text *config) {
    lm_tokenizer *t = NULL;
    lm_text file = {0}, expected = {0};
    lm_error aside = {0};
    char *path;
    bool found, ours = false;
    if (read_file(directory, LM_TOKENIZER_FILE, &path, &found, &file, &aside) != LM_OK || !found)
        goto out;
    if (lm_tokenizer_parse(&t, path, lm_text_cstr(&file), file.length, NULL, &aside) != LM_OK)
        goto out;
    ours = lm_tokenizer_save_config(t, NULL, &expected, &aside) == LM_OK && same(&expected, config);
out:
    lm_tokenizer_close(t);
    lm_text_free(&file);
    lm_text_free(&expected);
    free(path);
    return ours;
}

static lm_status write_config(const char *path, const lm_tokenizer *t, lm_error *err) {
    lm_text config = {0};
    lm_status status = lm_tokenizer_save_config(t, NULL, &config, err);
    if (status == LM_OK) status = lm_file_replace(path, config.data, config.length, err);
    lm_text_free(&config);
    return status;
}

lm_status lm_tokenize_files_write(const char *directory, const lm_tokenizer *t, const lm_text *file,
                                  lm_error *err) {
    lm_text config = {0};
    char *path, *tokenizer_path = NULL;
    bool found;
    lm_status status = read_file(directory, CONFIG_FILE, &path, &found, &config, err);
    if (status != LM_OK) goto out;
    bool theirs = found && !config_is_ours(directory, &config);
    tokenizer_path = lm_file_join(directory, LM_TOKENIZER_FILE);
    if (!tokenizer_path) {
        status = lm_error_no_memory(err, directory);
        goto out;
    }
    status = lm_file_replace(tokenizer_path, file->data, file->length, err);
    if (status != LM_OK) goto out;
    if (theirs)
        lm_message_write(stderr, "lmtrain: %s is not lmtrain's: it stays as it is\n", path);
    else
        status = write_config(path, t, err);
out:
    lm_text_free(&config);
    free(tokenizer_path);
    free(path);
    return status;
}
