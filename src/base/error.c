#include "base/error.h"

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
    memcpy(err->message, message, sizeof message);
    err->code = code;
    err->exit_code = 0;
    err->damaged = false;
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

lm_status lm_error_no_memory(lm_error *err, const char *what) {
    return lm_error_set(err, LM_ERR_RUNTIME, "%s%sout of memory", what ? what : "",
                        what ? ": " : "");
}

lm_status lm_error_prefix(lm_error *err, const char *format, ...) {
    char prefix[1024];
    va_list arguments;
    va_start(arguments, format);
    lm_message_print(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    bool damaged = err->damaged;
    lm_error_set(err, err->code, "%-s: %-s", prefix, err->message);
    err->damaged = damaged;
    return err->code;
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
