#include "tokenizer/normal_form.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef LM_UTF8PROC
#include <utf8proc.h>
#endif

/* Characters below U+0300, whose first byte is 0xCC, are in form C and stay so whatever they stand
 * beside. */
bool lm_normal_form_quick(const unsigned char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] >= 0xCC) return false;
    return true;
}

#ifdef LM_UTF8PROC

const char *lm_normal_form_library(void) {
    static char name[64];
    if (!*name) snprintf(name, sizeof name, "utf8proc %s", utf8proc_version());
    return name;
}

lm_status lm_normal_form_check(lm_error *err) {
    (void)err;
    return LM_OK;
}

static lm_status append_valid(const unsigned char *text, size_t size, lm_text *out, lm_error *err) {
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t n =
        utf8proc_map(text, (utf8proc_ssize_t)size, &made, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0) return lm_error_set(err, LM_ERR_RUNTIME, "utf8proc: %s", utf8proc_errmsg(n));
    lm_text_append(out, made, (size_t)n);
    free(made);
    return out->failed ? lm_error_no_memory(err, "text to encode") : LM_OK;
}

lm_status lm_normal_form_append(const unsigned char *text, size_t size, lm_text *out,
                                lm_error *err) {
    lm_status status = LM_OK;
    for (size_t at = 0; at < size && status == LM_OK;) {
        size_t valid = at, n;
        while (valid < size &&
               (n = lm_text_utf8_length((const char *)text + valid, size - valid)) > 0)
            valid += n;
        if (valid > at) status = append_valid(text + at, valid - at, out, err);
        if (valid < size) lm_text_append(out, text + valid, 1);
        at = valid + 1;
    }
    return status;
}

#else

const char *lm_normal_form_library(void) {
    return "without utf8proc";
}

lm_status lm_normal_form_check(lm_error *err) {
    return lm_error_set(err, LM_ERR_USAGE,
                        "its normalizer NFC needs utf8proc, and this lmtrain was built without it:"
                        " install it (libutf8proc-dev, utf8proc-devel or utf8proc) and run make"
                        " again");
}

lm_status lm_normal_form_append(const unsigned char *text, size_t size, lm_text *out,
                                lm_error *err) {
    (void)text, (void)size, (void)out;
    return lm_normal_form_check(err);
}

#endif
