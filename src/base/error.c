#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"

lm_status lm_error_set(lm_error *err, lm_status code, const char *format, ...) {
    LM_ASSERT(err != NULL && code != LM_OK);
    /* Formatted aside first: an argument may be the old message. */
    char message[sizeof err->message];
    va_list arguments;
    va_start(arguments, format);
    lm_message_print(message, sizeof message, format, arguments);
    va_end(arguments);
    *err = (lm_error){.code = code};
    strcpy(err->message, message);
    return code;
}

lm_status lm_error_damaged(lm_error *err, const char *format, ...) {
    char message[sizeof err->message];
    va_list arguments;
    va_start(arguments, format);
    lm_message_print(message, sizeof message, format, arguments);
    va_end(arguments);
    lm_error_set(err, LM_ERR_RUNTIME, "%-s", message);
    err->damaged = true;
    return err->code;
}

lm_status lm_error_call(lm_error *err, const char *path, const char *verb) {
    int reason = errno;
    lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot %s: %s", path, verb, lm_error_errno(reason));
    err->no_room = reason == ENOSPC || reason == EDQUOT;
    return err->code;
}

lm_status lm_error_no_memory(lm_error *err, const char *what) {
    return lm_error_set(err, LM_ERR_RUNTIME, "%s%sout of memory", what ? what : "",
                        what ? ": " : "");
}

/* "a" "between" "b" as the message; all else stays. */
static lm_status join(lm_error *err, const char *a, const char *between, const char *b) {
    lm_error after = *err;
    lm_error_set(err, err->code, "%-s%s%-s", a, between, b);
    strcpy(after.message, err->message);
    *err = after;
    return err->code;
}

lm_status lm_error_prefix(lm_error *err, const char *format, ...) {
    char prefix[1024];
    va_list arguments;
    va_start(arguments, format);
    lm_message_print(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    return join(err, prefix, ": ", err->message);
}

lm_status lm_error_append(lm_error *err, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    lm_message_print(text, sizeof text, format, arguments);
    va_end(arguments);
    return join(err, err->message, "", text);
}

const char *lm_error_errno(int errnum) {
    const char *text = strerrordesc_np(errnum);
    return text ? text : "unknown error";
}

void lm_assert_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "lmtrain: internal error: %s:%d: %s does not hold. Please report this.\n", file,
            line, expression);
    abort();
}
