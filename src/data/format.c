#include "data/format.h"

#include <string.h>

/* The order in which formats are tried on a shard without a manifest. Raw ids come last, since any
 * file could be raw ids. */
static const lm_format *const formats[] = {
    &lm_format_raw_uint16,
    &lm_format_raw_uint32,
};
enum { COUNT = sizeof formats / sizeof *formats };

const lm_format *lm_format_of(const lm_shard *s) {
    if (s->manifest.found) return s->manifest.format;
    for (int i = 0; i < COUNT; i++)
        if (formats[i]->probe(s)) return formats[i];
    LM_ASSERT(!"the last format takes every file");
    return NULL;
}

const lm_format *lm_format_of_dtype(const char *dtype) {
    for (int i = 0; i < COUNT; i++)
        if (formats[i]->dtype && strcmp(formats[i]->dtype, dtype) == 0) return formats[i];
    return NULL;
}

const lm_format *lm_format_to_write(int64_t vocab_size) {
    for (int i = 0; i < COUNT; i++)
        if (formats[i]->write && vocab_size <= formats[i]->most_vocab_size) return formats[i];
    return NULL;
}

void lm_format_print_dtypes(lm_text *out) {
    for (int i = 0, n = 0; i < COUNT; i++)
        if (formats[i]->dtype)
            lm_text_printf(out, "%s\"%s\"", n++ ? " or " : "", formats[i]->dtype);
}
