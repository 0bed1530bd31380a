#include "cli/token_losses.h"

#include <string.h>

#include "base/json.h"

lm_status lm_token_losses_open(lm_token_losses *l, const char *path, lm_error *err) {
    memset(l, 0, sizeof *l);
    return lm_file_writer_open(&l->file, path, err);
}

void lm_token_losses_add(void *token_losses, const int32_t *tokens, const float *losses,
                         int64_t batch, int64_t time) {
    lm_token_losses *l = token_losses;
    lm_text out = {0};
    for (int64_t b = 0; b < batch && l->status == LM_OK; b++) {
        lm_json_writer w = {.out = &out};
        out.length = 0;
        lm_json_object(&w, NULL, LM_JSON_LINE);
        lm_json_array(&w, "ids", LM_JSON_LINE);
        for (int64_t t = 0; t <= time; t++) lm_json_integer(&w, NULL, tokens[b * (time + 1) + t]);
        lm_json_end(&w);
        lm_json_array(&w, "losses", LM_JSON_LINE);
        for (int64_t t = 0; t < time; t++) lm_json_number(&w, NULL, (double)losses[b * time + t]);
        lm_json_end(&w);
        lm_json_end(&w);
        lm_text_append(&out, "\n", 1);
        l->status = out.failed ? lm_error_no_memory(&l->err, l->file.path)
                               : lm_file_writer_write(&l->file, out.data, out.length, &l->err);
    }
    lm_text_free(&out);
}

lm_status lm_token_losses_commit(lm_token_losses *l, lm_error *err) {
    if (l->status == LM_OK) return lm_file_writer_commit(&l->file, err);
    *err = l->err;
    return l->status;
}

void lm_token_losses_close(lm_token_losses *l) {
    if (l->file.path) lm_file_writer_abort(&l->file);
}
