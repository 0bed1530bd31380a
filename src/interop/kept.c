#include "interop/kept.h"

#include "base/json.h"
#include "containers/json_pull.h"

lm_interop_kept lm_interop_kept_none(void) {
    return (lm_interop_kept){.special = {.bos = -1, .eos = -1, .pad = -1}};
}

bool lm_interop_kept_is_none(const lm_interop_kept *k) {
    return k->special.bos < 0 && k->special.eos < 0 && k->special.pad < 0 &&
           k->chat_template.length == 0;
}

void lm_interop_kept_print(const lm_interop_kept *k, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINES);
    if (k->special.bos >= 0) lm_json_integer(&w, "bos_token_id", k->special.bos);
    if (k->special.eos >= 0) lm_interop_put_ends(&w, &k->special);
    if (k->special.pad >= 0) lm_json_integer(&w, "pad_token_id", k->special.pad);
    if (k->chat_template.length > 0)
        lm_json_string(&w, "chat_template", lm_text_cstr(&k->chat_template));
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

static int32_t take_id(lm_json_pull *p) {
    return (int32_t)lm_json_pull_count(p, INT32_MAX);
}

/* One, or a list of several. */
static void take_ends(lm_json_pull *p, lm_interop_special *s) {
    if (lm_json_pull_peek(p) != LM_JSON_ARRAY) {
        lm_interop_add_end(s, take_id(p));
        return;
    }
    lm_json_pull_array(p);
    while (lm_json_pull_element(p))
        if (!lm_interop_add_end(s, take_id(p))) lm_json_pull_wrong(p, "at most 32 tokens");
}

lm_status lm_interop_kept_parse(lm_interop_kept *k, const char *name, const char *text, size_t size,
                                lm_error *err) {
    lm_json_pull p;
    *k = lm_interop_kept_none();
    lm_json_pull_begin(&p, name, text, size, err);
    lm_json_pull_object(&p);
    while (lm_json_pull_member(&p)) {
        if (lm_json_pull_is(&p, "bos_token_id")) {
            k->special.bos = take_id(&p);
        } else if (lm_json_pull_is(&p, "eos_token_id")) {
            take_ends(&p, &k->special);
        } else if (lm_json_pull_is(&p, "pad_token_id")) {
            k->special.pad = take_id(&p);
        } else if (lm_json_pull_is(&p, "chat_template")) {
            lm_json_pull_string(&p);
            lm_text_append(&k->chat_template, lm_text_cstr(&p.string), p.string.length);
        } else {
            lm_json_pull_skip(&p);
        }
    }
    lm_status status = lm_json_pull_end(&p);
    if (status == LM_OK && k->chat_template.failed) status = lm_error_no_memory(err, name);
    if (status != LM_OK) lm_interop_kept_free(k);
    return status;
}

void lm_interop_kept_free(lm_interop_kept *k) {
    lm_text_free(&k->chat_template);
    *k = lm_interop_kept_none();
}
