#include "cli/tokenize_show.h"

#include <inttypes.h>
#include <string.h>

#include "cli/token_ids.h"

/* In quotes; what does not print, and bytes that are not UTF-8, as \xNN. */
static void quote(const char *text, size_t size, lm_text *out) {
    lm_text_append(out, "\"", 1);
    for (size_t at = 0; at < size;) {
        size_t n = lm_text_utf8_length(text + at, size - at);
        unsigned char c = (unsigned char)text[at];
        if (c == '\n')
            lm_text_printf(out, "\\n");
        else if (c == '"' || c == '\\')
            lm_text_printf(out, "\\%c", c);
        else if (n == 0 || c < 0x20 || c == 0x7F)
            lm_text_printf(out, "\\x%02X", c);
        else
            lm_text_append(out, text + at, n);
        at += n > 0 ? n : 1;
    }
    lm_text_append(out, "\"", 1);
}

static void print_piece(const lm_tokenizer *t, const lm_token_list *ids, lm_text *out) {
    lm_text bytes = {0};
    for (int64_t i = 0; i < ids->count; i++) {
        bytes.length = 0;
        lm_tokenizer_decode(t, ids->ids[i], &bytes);
        lm_text_printf(out, "%s", i ? "  " : "");
        quote(lm_text_cstr(&bytes), bytes.length, out);
        lm_text_printf(out, " %" PRId32, ids->ids[i]);
    }
    lm_text_printf(out, "\n");
    lm_text_free(&bytes);
}

lm_status lm_tokenize_inspect(const lm_tokenizer *t, const char *text, lm_text *out,
                              lm_error *err) {
    lm_token_list ids = {0};
    lm_status status = LM_OK;
    size_t size = strlen(text);
    int64_t tokens = 0, pieces = 0;
    for (size_t at = 0, end; at < size && status == LM_OK; at = end, pieces++) {
        end = lm_tokenizer_piece(t, text, size, at);
        ids.count = 0;
        status = lm_tokenizer_encode(t, text + at, end - at, &ids, err);
        if (status == LM_OK) print_piece(t, &ids, out);
        tokens += ids.count;
    }
    lm_text_printf(out, "%zu bytes, %" PRId64 " pieces, %" PRId64 " tokens\n", size, pieces,
                   tokens);
    lm_token_list_free(&ids);
    return status;
}

lm_status lm_tokenize_decode(const lm_tokenizer *t, const char *text, lm_text *out, lm_error *err) {
    lm_token_list ids = {0};
    lm_status status = lm_token_ids_read("--decode", text, lm_tokenizer_vocab_size(t), &ids, err);
    for (int64_t i = 0; i < ids.count && status == LM_OK; i++)
        (out->length == 0 ? lm_tokenizer_decode_first : lm_tokenizer_decode)(t, ids.ids[i], out);
    lm_token_list_free(&ids);
    return status;
}
