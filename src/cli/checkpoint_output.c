#include "cli/checkpoint_output.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"

static lm_status check_file(const char *output, lm_error *err) {
    if (!lm_file_exists(output) || lm_file_is_regular(output)) return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE, "%s: expected a regular file, or no such name, found %s",
                        output, lm_file_is_directory(output) ? "a directory" : "something else");
}

/* With a checkpoint of another step beside it, whoever opens the run might get that one. */
static lm_status check_others(const char *directory, int64_t step, lm_error *err) {
    lm_file_list list = {0};
    if (!lm_file_is_directory(directory)) return LM_OK;
    lm_status status = lm_file_list_directory(&list, directory, err);
    for (size_t i = 0; status == LM_OK && i < list.count; i++) {
        int64_t other = lm_checkpoint_step(list.names[i]);
        if (other >= 0 && other != step)
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "%s holds another checkpoint, %s: choose another --output",
                                  directory, list.names[i]);
    }
    lm_file_list_free(&list);
    return status;
}

static lm_status in_directory(const char *output, int64_t step, char **path, lm_error *err) {
    char *directory = NULL, *resolved = NULL;
    lm_status status = LM_OK;
    if (lm_file_exists(output) && !lm_file_is_directory(output))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected a directory, no such name, or a checkpoint's name, which"
                            " ends in .npz, found a file",
                            output);
    directory = lm_file_join(output, "checkpoints");
    resolved = lm_file_join(output, "resolved.json");
    *path = directory ? lm_checkpoint_path(directory, step) : NULL;
    if (!*path || !resolved)
        status = lm_error_no_memory(err, output);
    else if (lm_file_exists(resolved))
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s holds a run of training: choose another --output", output);
    else
        status = check_others(directory, step, err);
    if (status == LM_OK) status = lm_file_make_directory(directory, err);
    free(directory);
    free(resolved);
    return status;
}

lm_status lm_checkpoint_output(const char *output, int64_t step, bool force, char **path,
                               lm_error *err) {
    lm_status status = LM_OK;
    *path = NULL;
    if (!*output)
        return lm_error_set(err, LM_ERR_USAGE, "--output: expected a name, found an empty one");
    if (lm_text_ends_with(output, ".npz")) {
        if ((status = check_file(output, err)) != LM_OK) return status;
        *path = strdup(output);
        if (!*path) return lm_error_no_memory(err, output);
    } else {
        status = in_directory(output, step, path, err);
    }
    if (status == LM_OK && lm_file_exists(*path) && !force)
        status = lm_error_set(err, LM_ERR_USAGE, "%s is there already: add --force to overwrite it",
                              *path);
    return status;
}
