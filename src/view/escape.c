#include "view/escape.h"

#include <string.h>

static void put(lm_text *out, const lm_text *shown) {
    out->failed |= shown->failed;
    for (size_t i = 0; i < shown->length; i++) {
        char c = shown->data[i];
        const char *name = c == '&'    ? "&amp;"
                           : c == '<'  ? "&lt;"
                           : c == '>'  ? "&gt;"
                           : c == '"'  ? "&quot;"
                           : c == '\'' ? "&#39;"
                                       : NULL;
        if (name)
            lm_text_append(out, name, strlen(name));
        else
            lm_text_append(out, &c, 1);
    }
}

void lm_html_part(lm_text *out, const char *text, size_t n) {
    lm_text shown = {0};
    lm_text_say(&shown, "%.*s", (int)n, text);
    put(out, &shown);
    lm_text_free(&shown);
}

void lm_html_text(lm_text *out, const char *text) {
    lm_text shown = {0};
    lm_text_say(&shown, "%s", text);
    put(out, &shown);
    lm_text_free(&shown);
}

void lm_html_lines(lm_text *out, const char *text) {
    lm_text shown = {0};
    lm_text_say(&shown, "%-s", text);
    put(out, &shown);
    lm_text_free(&shown);
}

void lm_html_json(lm_text *out, const char *text) {
    lm_text shown = {0}, json = {0};
    lm_text_say(&shown, "%s", text);
    lm_text_json_string(&json, lm_text_cstr(&shown));
    out->failed |= shown.failed || json.failed;
    for (size_t i = 0; i < json.length; i++) {
        if (json.data[i] == '<')
            lm_text_append(out, "\\u003c", 6);
        else
            lm_text_append(out, &json.data[i], 1);
    }
    lm_text_free(&shown);
    lm_text_free(&json);
}
