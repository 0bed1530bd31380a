/* small_sentence.json with other members. */
#ifndef LM_TESTS_TOKENIZER_SENTENCE_FILE_H
#define LM_TESTS_TOKENIZER_SENTENCE_FILE_H

#include <string.h>

#include "base/text.h"
#include "tests/support/test.h"

#define JSON  "tests/tokenizer/small_sentence.json"
#define SPACE "\u2581"

/* Where `from` stands first, `to` stands then. */
static void replace(lm_text *json, const char *from, const char *to) {
    lm_text changed = {0};
    const char *at = strstr(json->data, from);
    assert_non_null(at);
    lm_text_append(&changed, json->data, (size_t)(at - json->data));
    lm_text_printf(&changed, "%s%s", to, at + strlen(from));
    lm_text_free(json);
    *json = changed;
}

#endif
