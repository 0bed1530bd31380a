#include "cli/token_ids.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"

static lm_status read_next(const char *option, const char **at, int64_t vocab, lm_token_list *ids,
                           lm_error *err) {
    char *end;
    long long id = strtoll(*at, &end, 10);
    if (end == *at || id < 0 || id >= vocab)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected ids from 0 to %" PRId64 ", found \"%.20s\"", option,
                            vocab - 1, *at);
    *at = end;
    return lm_token_list_append(ids, (int32_t)id, err);
}

lm_status lm_token_ids_read(const char *option, const char *text, int64_t vocab, lm_token_list *ids,
                            lm_error *err) {
    lm_text read = {0};
    lm_status status = LM_OK;
    if (strcmp(text, "-") == 0) {
        status = lm_read_standard_input(&read, err);
        text = lm_text_cstr(&read);
    }
    for (const char *at = text; status == LM_OK && *(at += strspn(at, " \t\r\n,"));)
        status = read_next(option, &at, vocab, ids, err);
    lm_text_free(&read);
    return status;
}
