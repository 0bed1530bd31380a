#include "cli/tokenize_unfinished.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "data/shard_set.h"

#define MOST ((int64_t)1 << 53)

static char *path_in(const char *directory, lm_error *err) {
    char *path = lm_file_join(directory, LM_UNFINISHED_FILE);
    if (!path) lm_error_no_memory(err, directory);
    return path;
}

static lm_status parse(lm_unfinished *u, const char *path, const lm_text *text, lm_error *err) {
    lm_json_reader r;
    lm_status status = lm_json_open(&r, path, lm_text_cstr(text), text->length, err);
    if (status != LM_OK) return status;
    lm_json_expect_string(&r, "format", LM_UNFINISHED_FORMAT);
    lm_json_expect_count(&r, "version", 1);
    u->options = lm_json_get_digest(&r, "options");
    u->documents = lm_json_get_count(&r, "documents", 0, MOST);
    u->text = lm_json_get_digest(&r, "text");
    if (lm_json_enter(&r, "parts") != LM_UNFINISHED_PARTS) lm_json_wrong(&r, NULL, "two objects");
    for (int i = 0; i < LM_UNFINISHED_PARTS && lm_json_next(&r); i++) {
        u->parts[i].tokens = lm_json_get_count(&r, "tokens", 0, MOST);
        u->parts[i].documents = lm_json_get_count(&r, "documents", 0, MOST);
    }
    lm_json_leave(&r);
    return lm_json_close(&r);
}

lm_status lm_unfinished_read(lm_unfinished *u, const char *directory, bool *found, lm_error *err) {
    lm_text text = {0};
    char *path = path_in(directory, err);
    *u = (lm_unfinished){0};
    if (!path) return err->code;
    *found = lm_file_exists(path);
    lm_status status = *found ? lm_file_read(path, 1 << 16, &text, err) : LM_OK;
    if (*found && status == LM_OK) status = parse(u, path, &text, err);
    lm_text_free(&text);
    free(path);
    return status;
}

lm_status lm_unfinished_write(const lm_unfinished *u, const char *directory, lm_error *err) {
    lm_text text = {0};
    lm_json_writer w = {.out = &text};
    char *path = path_in(directory, err);
    if (!path) return err->code;
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "format", LM_UNFINISHED_FORMAT);
    lm_json_integer(&w, "version", 1);
    lm_json_digest(&w, "options", u->options);
    lm_json_integer(&w, "documents", u->documents);
    lm_json_digest(&w, "text", u->text);
    lm_json_array(&w, "parts", LM_JSON_LINES);
    for (int i = 0; i < LM_UNFINISHED_PARTS; i++) {
        lm_json_object(&w, NULL, LM_JSON_LINE);
        lm_json_integer(&w, "tokens", u->parts[i].tokens);
        lm_json_integer(&w, "documents", u->parts[i].documents);
        lm_json_end(&w);
    }
    lm_json_end(&w);
    lm_json_end(&w);
    lm_text_append(&text, "\n", 1);
    lm_status status = text.failed ? lm_error_no_memory(err, path)
                                   : lm_file_replace(path, lm_text_cstr(&text), text.length, err);
    lm_text_free(&text);
    free(path);
    return status;
}

lm_status lm_unfinished_remove(const char *directory, lm_error *err) {
    char *path = path_in(directory, err);
    if (!path) return err->code;
    lm_status status = lm_file_exists(path) ? lm_file_remove(path, err) : LM_OK;
    free(path);
    return status;
}
