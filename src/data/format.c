#include "data/format.h"

#include <string.h>

/* The order in which formats are tried. Raw ids come last, since any file could be raw ids, and
 * uint16 after uint32, since they are what is not said to be anything else. */
static const lm_format *const formats[] = {
    &lm_format_megatron,   &lm_format_npy,        &lm_format_llmc,
    &lm_format_raw_uint32, &lm_format_raw_uint16,
};
enum { COUNT = sizeof formats / sizeof *formats };

lm_status lm_format_open(lm_shard *s, lm_error *err) {
    for (int i = 0; i < COUNT; i++) {
        bool mine = false;
        s->format = formats[i];
        lm_status status = formats[i]->open(s, &mine, err);
        if (status != LM_OK || mine) return status;
    }
    bool taken = false;
    LM_ASSERT(taken); /* the last format takes every file */
    return LM_OK;
}

const lm_format *lm_format_of_dtype(const char *dtype) {
    for (int i = 0; i < COUNT; i++)
        if (formats[i]->dtype && strcmp(formats[i]->dtype, dtype) == 0) return formats[i];
    return NULL;
}

const lm_format *lm_format_to_write(int64_t vocab_size) {
    const lm_format *best = NULL;
    for (int i = 0; i < COUNT; i++) {
        const lm_format *f = formats[i];
        if (f->ids.bytes && vocab_size <= lm_ids_most_vocab_size(f->ids) &&
            (!best || f->ids.bytes < best->ids.bytes))
            best = f;
    }
    return best;
}

void lm_format_print_dtypes(lm_text *out) {
    for (int i = COUNT - 1, n = 0; i >= 0; i--)
        if (formats[i]->dtype)
            lm_text_printf(out, "%s\"%s\"", n++ ? " or " : "", formats[i]->dtype);
}
