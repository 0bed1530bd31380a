/* libFuzzer target for data.skip: make fuzz T=skips. What is read are ranges in rising order that
 * do not touch, and windows that are taken are not in them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/skips.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_skips s;
    lm_text problem = {0};
    char *text = malloc(size + 1);
    if (!text) abort();
    memcpy(text, data, size);
    text[size] = '\0';
    bool read = lm_skips_parse(&s, text, &problem);
    if (!problem.failed && read != (problem.length == 0)) abort();
    for (int64_t i = 0; read && i < s.count; i++) {
        const lm_skip *range = &s.items[i];
        if (range->first > range->last || range->last > LM_SKIPS_MOST_WINDOW) abort();
        if (i > 0 && range->first <= s.items[i - 1].last + 1) abort();
        if (lm_skips_at(&s, range->first, 0) != range->last + 1) abort();
        if (lm_skips_count(&s, range->first, 1) != 1) abort();
    }
    lm_skips_free(&s);
    lm_text_free(&problem);
    free(text);
    return 0;
}
